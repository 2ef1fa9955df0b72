"""The pictures of an imported scene: where they are, and those that are found elsewhere than the file says."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

if TYPE_CHECKING:
    from collections.abc import Iterator


def names() -> list[str]:
    """List the pictures that were read or are missing; those in the file itself are packed."""
    return sorted({os.path.normpath(name) for image in _unpacked() for name in _tiles(image)})


def find_lost(source: str, tree: str) -> list[str]:
    """Look for pictures that aren't where an imported file says; returns a sentence on those found beside it.

    Parameters
    ----------
    source
        The file.
    tree
        The folder that mirrors the submitting machine's; empty if the scene wasn't sent.
    """
    beside = []
    for image in _unpacked():
        if all(Path(name).exists() for name in _tiles(image)):
            continue
        place = _place(image)
        # Blender may put the file's folder before an absolute path.
        absolute = [Path(tree) / name.lstrip("/") for name in (place, place.removeprefix(str(Path(source).parent)))]
        sent = next((path for path in absolute if path.is_file()), None) if tree and place.startswith("/") else None
        near = Path(source).parent / place.rpartition("/")[2]
        if sent is not None:
            _move(image, sent)
        elif near.is_file():
            _move(image, near)
            beside.append(near.name)
    if not beside:
        return []
    return [f"Pictures that aren't where it says are taken from beside it: {', '.join(sorted(beside))}."]


def _unpacked() -> Iterator[Any]:
    return (image for image in bpy.data.images if image.filepath and image.users and not image.packed_file)


def _tiles(image: Any) -> list[str]:
    path = bpy.path.abspath(image.filepath).replace("\\", os.sep)  # as Blender opens it
    if not Path(path).exists():
        path = _place(image)
    return [path.replace("<UDIM>", str(tile.number)) for tile in image.tiles] if image.source == "TILED" else [path]


def _place(image: Any) -> str:
    """Return where a file says that a picture is: Blender may put its own folder before it, /scenes//maps/a.png."""
    path = str(image.filepath).replace("\\", "/")
    return path[path.rfind("//") + 1 :]


def _move(image: Any, path: Path) -> None:
    image.filepath = str(path)
    image.reload()
