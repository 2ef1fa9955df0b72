"""The names by which a scene's digest knows its files: the same on every system, in place or sent."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from system import paths
from tasks.content_digests import named_files_digest
from tasks.renderers.sent_scenes import tree_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


def scene_digest(scene: Path, files: Iterable[Path]) -> str:
    """SHA-256 over the contents of a scene's files and their names relative to its folder."""
    return named_files_digest((name_beside(path, scene.parent), path) for path in files)


def name_beside(path: Path, folder: Path) -> str:
    """Return the name of a file relative to the scene's folder.

    Drives and shares are folders beside each other, as in a tree, and folders that
    the farm has mappings for have one name.
    """
    if os.sep == "/" and not paths.table():
        return os.path.relpath(path, folder)
    return os.path.relpath(_virtual(path), _virtual(folder)).replace("\\", "/")


def _virtual(path: Path) -> str:
    tree = tree_of(path)
    parts = path.relative_to(tree).parts if tree is not None else paths.parts_of(os.path.abspath(path))  # noqa: PTH100 - without '..'
    return "/" + "/".join(paths.canonical(parts))
