"""Read a ``.vrscene`` as far as it takes to know its files, its size, its cameras, and whether it can be cut."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import SceneError
from tasks.renderers.remapped import Name, text_of, write_copies
from tasks.renderers.travelled import here, tree_of
from tasks.spec import Size

if TYPE_CHECKING:
    from collections.abc import Iterator

_INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.MULTILINE)
_NOTES = re.compile(r'"[^"\n]*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
"""Notes, and texts, in which what looks like one is none: `//server/oak.png`."""
_FILE = re.compile(r'\b(?!(?:img|auto_save)_file\b)(?:file|filename|\w+_file(?:name)?)\s*=\s*"([^"]+)"')
"""Files that V-Ray reads. Those two it writes."""
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
    names
        The names of files in each of its texts, if it travelled and one of them leads elsewhere here.
    """

    files: dict[str, Path]
    size: Size
    cameras: tuple[str, ...]
    whole_frames_because: str
    names: dict[Path, list[Name]]


def read(scene: Path) -> VrayScene:
    """Read a scene and all it includes.

    Raises
    ------
    SceneError
        When files are missing; it names them.
    """
    texts: dict[Path, str] = {}
    files, names, moved, missing = {scene.name: scene}, dict[Path, list[Name]](), False, []
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
        texts[path], names[path] = _NOTES.sub(_blanked, text_of(path)), []
        for beside, name, (start, stop) in _named(texts[path], path, scene):
            led = here(name, scene=scene)
            place = Path(os.path.normpath(beside.parent / led))
            names[path].append(Name(start=start, stop=stop, place=place))
            waiting.append(place)
            moved = moved or led != name
    if missing:
        raise SceneError(
            reason=f"{scene.name} refers to files that don't exist: {', '.join(missing)}.",
            remedy="Put them in place on every node, or correct the names.",
            scene=str(scene),
        )
    return _summed_up(files, names if moved else {}, "\n".join(texts.values()))


def written(scene: Path, found: VrayScene, folder: Path) -> Path:
    """Return the file V-Ray is to read.

    If a name leads elsewhere, all texts are copied, and each name in them is made the whole path of what it names:
    relative ones don't lead there from a copy.
    """
    tree = tree_of(scene)
    if not found.names or tree is None:
        return scene
    return write_copies(found.names, tree=tree, folder=folder)[scene]


def _blanked(match: re.Match[str]) -> str:
    """Put as many blanks in the place of a note: what follows stays where it is."""
    return match[0] if match[0].startswith('"') else " " * len(match[0])


def _named(text: str, path: Path, scene: Path) -> Iterator[tuple[Path, str, tuple[int, int]]]:
    """Yield the names of files in a text: beside which file they lead somewhere, and the bytes they stand at."""
    for match in _INCLUDE.finditer(text):
        yield path, _decoded(match[1]), match.span(1)
    for match in _FILE.finditer(text):
        if not _PATTERNS.search(match[1]):
            yield scene, _decoded(match[1]), match.span(1)


def _decoded(name: str) -> str:
    """Read a name in UTF-8, or in Latin-1 where it can't be that."""
    try:
        return name.encode("latin-1").decode()
    except UnicodeDecodeError:
        return name


def _summed_up(files: dict[str, Path], names: dict[Path, list[Name]], text: str) -> VrayScene:
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
    return VrayScene(
        files=files, size=size, cameras=tuple(cameras) or ("0",), whole_frames_because=because, names=names
    )
