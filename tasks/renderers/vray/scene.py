"""Reads what a ``.vrscene`` says of its files, size and cameras, and whether its frames can be split."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.renderers.errors import files_missing
from tasks.renderers.sent_scenes import FileName, local_path, read_latin1, tree_of, write_copies
from tasks.spec import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

_INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.MULTILINE)
_COMMENTS = re.compile(r'"[^"\n]*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
"""Comments; and strings, in which `//server/oak.png` is none."""
_FILE = re.compile(r'\b(?!(?:img|auto_save)_file\b)(?:file|filename|\w+_file(?:name)?)\s*=\s*"([^"]+)"')
"""Files that V-Ray reads; the two excluded ones it writes."""
_PLUGIN = re.compile(r"\b(SettingsOutput|SettingsGI|RenderView|CameraPhysical|CameraDome)\s+(\S+)\s*\{([^{}]*)\}")
_VALUE = re.compile(r"(\w+)\s*=\s*(-?\d+)\s*;")
_PATTERNS = re.compile(r"<[A-Za-z_]+>|%0?\d*d|#{2,}")
"""Names that stand for many files: UDIM tiles and numbered frames."""
DEFAULT_SIZE = Size(width=640, height=480)
_CACHES = {0: "an irradiance map", 1: "a photon map", 3: "a light cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VrayScene:
    """What was read of a scene.

    Parameters
    ----------
    names
        The names of files in each of its texts, if it was sent and one of them leads elsewhere here.
    """

    files: dict[str, Path]
    size: Size
    cameras: tuple[str, ...]
    whole_frames_because: str
    names: dict[Path, list[FileName]]


def read(scene: Path) -> VrayScene:
    """Read a scene and all it includes.

    Raises
    ------
    SceneError
        When files are missing.
    """
    texts: dict[Path, str] = {}
    files, names, relocated, missing = {scene.name: scene}, dict[Path, list[FileName]](), False, []
    waiting = [scene]
    while waiting:
        path = waiting.pop()
        if path in texts:
            continue
        if not path.is_file():
            missing.append(os.path.relpath(path, scene.parent))
            continue
        files[Path(os.path.relpath(path, scene.parent)).as_posix()] = path
        texts[path] = ""
        if path.suffix != ".vrscene":
            continue
        texts[path], names[path] = _COMMENTS.sub(_blank, read_latin1(path)), []
        for base, name, (start, stop) in _file_names(texts[path], path, scene):
            local = local_path(name, scene=scene)
            target = Path(os.path.normpath(base.parent / local))
            names[path].append(FileName(start=start, stop=stop, path=target))
            waiting.append(target)
            relocated = relocated or local != name
    if missing:
        raise files_missing(scene, missing)
    return _summary(files, names if relocated else {}, "\n".join(texts.values()))


def local_scene_file(scene: Path, found: VrayScene, folder: Path) -> Path:
    """Return the file V-Ray should read.

    If a name leads elsewhere here, all texts are copied with absolute names: relative ones would not lead to the files
    from a copy.
    """
    tree = tree_of(scene)
    if not found.names or tree is None:
        return scene
    return write_copies(found.names, tree=tree, folder=folder)[scene]


def _blank(match: re.Match[str]) -> str:
    """Replace a comment by as many blanks, so that what follows keeps its offset."""
    return match[0] if match[0].startswith('"') else " " * len(match[0])


def _file_names(text: str, path: Path, scene: Path) -> Iterator[tuple[Path, str, tuple[int, int]]]:
    """Yield the file names in a text: the file they are relative to, the name, and its range of bytes."""
    for match in _INCLUDE.finditer(text):
        yield path, _decode(match[1]), match.span(1)
    for match in _FILE.finditer(text):
        if not _PATTERNS.search(match[1]):
            yield scene, _decode(match[1]), match.span(1)


def _decode(name: str) -> str:
    """Decode a name as UTF-8, else as Latin-1."""
    try:
        return name.encode("latin-1").decode()
    except UnicodeDecodeError:
        return name


def _summary(files: dict[str, Path], names: dict[Path, list[FileName]], text: str) -> VrayScene:
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
            f"Its light comes from {' and '.join(sorted(caches))}, which V-Ray computes anew for each region: "
            "regions would not fit together."
        )
    return VrayScene(
        files=files, size=size, cameras=tuple(cameras) or ("0",), whole_frames_because=because, names=names
    )
