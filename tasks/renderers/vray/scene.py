"""Read a ``.vrscene`` as far as it takes to know its files, its size, its cameras, and whether it can be cut."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from tasks.errors import SceneError
from tasks.renderers.travelled import here
from tasks.spec import Size

_INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.MULTILINE)
_NOTES = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)
_FILE = re.compile(r'\b(?:file|filename|\w+_file(?:name)?)\s*=\s*"([^"]+)"')
_PLUGIN = re.compile(r"\b(SettingsOutput|SettingsGI|RenderView|CameraPhysical|CameraDome)\s+(\S+)\s*\{([^{}]*)\}")
_VALUE = re.compile(r"(\w+)\s*=\s*(-?\d+)\s*;")
_PATTERNS = re.compile(r"<[A-Za-z_]+>|%0?\d*d|#{2,}")
"""Names that stand for many files: UDIM tiles and numbered frames."""
DEFAULT_SIZE = Size(width=640, height=480)
_CACHES = {0: "an irradiance map", 1: "a photon map", 3: "a light cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VrayScene:
    """What was read.

    Parameters
    ----------
    moved
        Folders that the scene names, and where they lie here if the scene travelled.
    """

    files: dict[str, Path]
    size: Size
    cameras: tuple[str, ...]
    whole_frames_because: str
    moved: tuple[tuple[str, str], ...] = ()


def read(scene: Path) -> VrayScene:
    """Read a scene and all it includes.

    Raises
    ------
    SceneError
        When files are missing; it names them.
    """
    texts: dict[Path, str] = {}
    files, moved, missing = {scene.name: scene}, dict[str, str](), []
    waiting = [scene]
    while waiting:
        path = waiting.pop()
        if path in texts:
            continue
        if not path.is_file():
            missing.append(os.path.relpath(path, scene.parent))
            continue
        texts[path] = _NOTES.sub("", path.read_text(encoding="latin-1")) if path.suffix == ".vrscene" else ""
        files[Path(os.path.relpath(path, scene.parent)).as_posix()] = path
        named = [(path, name) for name in _INCLUDE.findall(texts[path])]
        named += [(scene, name) for name in _FILE.findall(texts[path]) if not _PATTERNS.search(name)]
        for beside, name in named:
            place = here(name, scene=scene)
            waiting.append(Path(os.path.normpath(beside.parent / place)))
            if place != name:
                moved[str(Path(name).parent)] = str(Path(place).parent)
    if missing:
        raise SceneError(
            reason=f"{scene.name} refers to files that don't exist: {', '.join(missing)}.",
            remedy="Put them in place on every node, or correct the names.",
            scene=str(scene),
        )
    return _summed_up(files, moved, "\n".join(texts.values()))


def _summed_up(files: dict[str, Path], moved: dict[str, str], text: str) -> VrayScene:
    size, caches, cameras = DEFAULT_SIZE, set[str](), []
    for plugin, name, body in _PLUGIN.findall(text):
        values = {key: int(value) for key, value in _VALUE.findall(body)}
        if plugin == "SettingsOutput":
            size = Size(width=values.get("img_width", size.width), height=values.get("img_height", size.height))
        elif plugin != "SettingsGI":
            cameras.append(name)
        elif values.get("on", 1):
            engines = (values.get("primary_engine", 2), values.get("secondary_engine", 2) or 2)  # 0 of these is none
            caches |= {_CACHES[engine] for engine in engines if engine in _CACHES}
    because = ""
    if caches:
        because = (
            f"Its light comes from {' and '.join(sorted(caches))}, which V-Ray works out anew for each region: "
            "regions would not fit together."
        )
    # The deepest first: V-Ray may take the first that fits.
    folders = tuple(sorted(moved.items(), key=lambda pair: len(pair[0]), reverse=True))
    return VrayScene(
        files=files, size=size, cameras=tuple(cameras) or ("0",), whole_frames_because=because, moved=folders
    )
