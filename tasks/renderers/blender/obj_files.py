"""The material files that an OBJ scene names."""

from __future__ import annotations

import codecs
import mmap
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import SceneError
from tasks.renderers.blender.imported_scene import ImportedScene
from tasks.renderers.blender.naming import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBRARY = re.compile(rb"(?m)^[ \t]*mtllib(?:[ \t]|\\\r?\n)+(.+?)[ \t\r]*$")
_USED = re.compile(rb"(?m)^[ \t]*usemtl[ \t]+(.+?)[ \t\r]*$")
_DEFINED = re.compile(rb"(?m)^[ \t]*newmtl[ \t]+(.+?)[ \t\r]*$")


def read(scene: Path, folder: Path) -> ImportedScene:  # noqa: ARG001 - it needs no copies
    """Return the material files of an OBJ file. Raises `SceneError` if it isn't a text that Blender reads."""
    with scene.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        if (nul := text.find(b"\0")) >= 0:
            raise _no_text(scene, text[:2], nul)
        if text[:3] == codecs.BOM_UTF8 and text[3:4] not in b"#\r\n":
            raise _marked(scene)
        names = [os.fsdecode(name).strip('"') for name in _LIBRARY.findall(text)]
        used = set(_USED.findall(text))
    # Blender reads the rest of the line as one name, always below the scene's folder; and the file that is named as the
    # scene is.
    named = list(dict.fromkeys(Path(os.path.normpath(f"{scene.parent}/{name}")) for name in names))
    found = [path for path in dict.fromkeys([*named, scene.with_suffix(".mtl")]) if path.is_file()]
    undefined = used - {name for path in found for name in _DEFINED.findall(path.read_bytes())}
    missing = [path for path in named if path not in found] if undefined else []
    if missing:
        _refuse_several(scene, missing)
    return ImportedScene(source=scene, files=(*found, *missing), notes=tuple(_notes(undefined)))


def _notes(undefined: set[bytes]) -> Iterator[str]:
    if undefined:
        yield f"Its material files don't define {listed(os.fsdecode(name) for name in undefined)}: those are plain."


def _refuse_several(scene: Path, missing: list[Path]) -> None:
    """Raise `SceneError` if a line names several files that exist: Blender looks for one with spaces in its name."""
    for path in missing:
        several = str(path.relative_to(scene.parent)).split() if path.is_relative_to(scene.parent) else []
        if len(several) > 1 and all((scene.parent / name).is_file() for name in several):
            raise SceneError(
                reason=f"The scene {scene.name} names several material files in one line, {' '.join(several)}: Blender "
                "takes that for one name.",
                remedy="Write a line of its own for each: mtllib NAME.",
                scene=str(scene),
            )


def _marked(scene: Path) -> SceneError:
    return SceneError(
        reason=f"The scene {scene.name} begins with a byte order mark, so that Blender doesn't read its first line.",
        remedy="Save it as UTF-8 without the mark (BOM), or put a comment into a first line of its own: # OBJ.",
        scene=str(scene),
    )


def _no_text(scene: Path, start: bytes, nul: int) -> SceneError:
    marked = start in (b"\xff\xfe", b"\xfe\xff")
    encoding = "UTF-16" if marked else "UTF-16LE" if nul % 2 else "UTF-16BE"
    return SceneError(
        reason=f"The scene {scene.name} has NUL bytes in it, as UTF-16 and binary files do: Blender reads no object.",
        remedy=f"Save it as UTF-8 text: iconv -f {encoding} -t UTF-8 {scene.name} > new.obj. Or export it again.",
        scene=str(scene),
    )
