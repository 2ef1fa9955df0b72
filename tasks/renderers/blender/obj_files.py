"""The material files that an OBJ scene names."""

from __future__ import annotations

import mmap
import os
import re
from pathlib import Path

from tasks.errors import SceneError
from tasks.renderers.blender.imported_scene import ImportedScene

_LIBRARY = re.compile(rb"(?m)^[ \t]*mtllib[ \t]+(.+?)[ \t\r]*$")


def read(scene: Path, source: Path) -> ImportedScene:
    """Return the material files of an OBJ file. Raises `SceneError` if it isn't a text that Blender reads."""
    if not source.stat().st_size:
        return ImportedScene(source=source)
    with source.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        if text.find(b"\0") >= 0:
            raise _no_text(scene)
        names = [os.fsdecode(name).strip('"') for name in _LIBRARY.findall(text)]
    return ImportedScene(source=source, files=tuple(dict.fromkeys(_libraries(scene, names))))


def _libraries(scene: Path, names: list[str]) -> list[Path]:
    """Return where Blender looks for material files: the rest of the line is one name, below the scene's folder."""
    # Blender also reads the one that is named as the scene is.
    own = scene.with_suffix(".mtl")
    return [*(Path(f"{scene.parent}/{name}") for name in names), *([own] if own.exists() else [])]


def _no_text(scene: Path) -> SceneError:
    return SceneError(
        reason=f"The scene {scene.name} has NUL bytes in it, as UTF-16 and binary files do: Blender reads no object.",
        remedy=f"Save it as UTF-8 text: iconv -f UTF-16 -t UTF-8 {scene.name} > new.obj. Or export it again.",
        scene=str(scene),
    )
