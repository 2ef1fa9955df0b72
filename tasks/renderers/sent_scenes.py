"""Scenes that were sent to this machine: their files lie in a tree that mirrors the submitting machine's folders.

Files in the tree are never changed: every unit's identity depends on them, and other jobs share them. A program that
opens files by itself is given copies of the scene's texts, whose names lead to where the files are on this machine.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_TREE = re.compile(r"[0-9a-f]{64}\.tree")


def tree_name(digest: str) -> str:
    """Return the name of a manifest's tree."""
    return f"{digest}.tree"


def in_tree(tree: Path, path: str) -> Path:
    """Return where in a tree a file is that had this absolute path."""
    drive, _, rest = Path(os.path.normpath(path)).as_posix().partition("/")
    if not os.path.isabs(path):  # noqa: PTH117 - of a string
        raise ValueError(f"not an absolute path: {path!r}")
    return tree / drive.rstrip(":") / rest.lstrip("/")


def tree_of(scene: Path) -> Path | None:
    """Return the tree that holds a scene file; None if it wasn't sent."""
    return next((folder for folder in scene.parents if _TREE.fullmatch(folder.name)), None)


def is_sent(scene: Path) -> bool:
    """Whether a scene file is a copy that was sent to this machine."""
    return tree_of(scene) is not None


def local_path(path: str, *, scene: Path) -> str:
    """Return where a file is on this machine that a scene names.

    A sent scene names files by their paths on the submitting machine. Every adapter passes each absolute path through
    this before it is read.

    Parameters
    ----------
    path
        As the scene has it. Relative paths are returned unchanged: they lead to the same files within the tree.
    scene
        The scene file on this machine.
    """
    tree = tree_of(scene) if os.path.isabs(path) else None  # noqa: PTH117 - of a string
    if tree is None or Path(path).is_relative_to(tree):
        return path
    found = in_tree(tree, path)
    return str(found) if found.exists() else path


@dataclass(frozen=True, slots=True, kw_only=True)
class FileName:
    """A name of a file in a text.

    Parameters
    ----------
    start, stop
        Its range of bytes, without quotes.
    path
        Where the file is on this machine.
    """

    start: int
    stop: int
    path: Path


def read_latin1(path: Path) -> str:
    """Read a text so that each character's index is its byte's in the file, and every line ends with a newline."""
    return path.read_bytes().decode("latin-1").replace("\r\n", " \n").replace("\r", "\n")


def replace_names(text: bytes, names: Mapping[tuple[int, int], bytes]) -> bytes:
    """Replace these ranges of bytes by other names. Everything else stays as it is, in whatever encoding."""
    pieces, end = [], 0
    for (start, stop), name in sorted(names.items()):
        pieces += [text[end:start], name]
        end = stop
    return b"".join([*pieces, text[end:]])


def write_copies(
    texts: Mapping[Path, Iterable[FileName]], *, tree: Path, folder: Path, name_of: Callable[[Path], str] = str
) -> dict[Path, Path]:
    """Write copies of texts in a tree, and return where each copy is.

    Parameters
    ----------
    texts
        The names to replace in each: by that of the file's copy if it has one, else by that of the file itself.
    folder
        Holds the copies, in the same folders as in the tree.
    name_of
        Returns the name of a path in a copy.
    """
    copies = {text: folder / text.relative_to(tree) for text in texts}
    for text, copy in copies.items():
        # Encoded as the system encodes file names, since a renderer passes them on to the system as they are.
        names = {
            (name.start, name.stop): os.fsencode(name_of(copies.get(name.path, name.path))) for name in texts[text]
        }
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(replace_names(text.read_bytes(), names))
    return copies
