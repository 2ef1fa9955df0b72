"""A file that a frame uses, and what names it."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy


@dataclass(frozen=True)
class FileUse:
    """A file that something in the scene reads.

    Parameters
    ----------
    path
        Absolute.
    by
        What names it, such as ``the image 'Wood'``.
    needed
        Whether it must exist. Others are read if they are there.
    rescanned
        Whether Blender lists the files of its folder once, and doesn't notice later ones.
    """

    path: Path
    by: str
    needed: bool = True
    rescanned: bool = False


@dataclass(frozen=True)
class Moment:
    """When a frame is.

    Parameters
    ----------
    frame
        Its number.
    time
        The frame of the animation that it shows: another one if the scene maps its time.
    blur
        When motion blur looks: between frames, too.
    """

    frame: int
    time: int
    blur: tuple[float, ...] = ()
    notes: list[str] = field(default_factory=list)


def located(owner: Any, path: str) -> Path:
    """Return the absolute path of a file that some data of the open file, or of a library, names."""
    return normal(bpy.path.abspath(path, library=owner.library))


def normal(path: str | Path) -> Path:
    """Return a path without ``..``, as Blender makes it: a link to a folder is no detour."""
    return Path(os.path.normpath(path))


def named(data: Any) -> str:
    """Name some data as a sentence does: ``the image 'Wood'``."""
    return f"the {kind_of(data)} {data.name!r}"


def kind_of(data: Any) -> str:
    """Return what kind of data something is, as a sentence says it."""
    kind = data.bl_rna
    while kind.base.identifier != "ID":
        kind = kind.base
    words = {"VectorFont": "font", "CacheFile": "cache", "NodeTree": "node tree"}
    return words.get(kind.identifier, str(kind.identifier).lower())
