"""Where the files of a scene lie that travelled: in a tree that mirrors the folders of the machine it comes from."""

from __future__ import annotations

import os
import re
from pathlib import Path

_TREE = re.compile(r"[0-9a-f]{64}\.tree")


def tree_name(digest: str) -> str:
    """Name of the tree of a manifest."""
    return f"{digest}.tree"


def in_tree(tree: Path, path: str) -> Path:
    """Place in a tree of a file that had this absolute path."""
    drive, _, rest = Path(os.path.normpath(path)).as_posix().partition("/")
    if not os.path.isabs(path):  # noqa: PTH117 - of a string
        raise ValueError(f"not an absolute path: {path!r}")
    return tree / drive.rstrip(":") / rest.lstrip("/")


def has_travelled(scene: Path) -> bool:
    """Whether a scene file is a copy that was sent to this machine."""
    return tree_of(scene) is not None


def here(path: str, *, scene: Path) -> str:
    """Where a file lies that a scene names.

    A scene that travelled names files by the paths they had where it comes from. Every adapter asks this of each
    absolute path a scene names, before it is read.

    Parameters
    ----------
    path
        As the scene has it. Relative ones need nothing done: the tree keeps how files lie to each other.
    scene
        The scene file as this machine has it.
    """
    tree = tree_of(scene) if os.path.isabs(path) else None  # noqa: PTH117 - of a string
    if tree is None or Path(path).is_relative_to(tree):
        return path
    found = in_tree(tree, path)
    return str(found) if found.exists() else path


def tree_of(scene: Path) -> Path | None:
    """Return the tree a scene file lies in; None of one that hasn't travelled."""
    return next((folder for folder in scene.parents if _TREE.fullmatch(folder.name)), None)
