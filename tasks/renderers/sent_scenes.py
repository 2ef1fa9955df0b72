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

from system import paths
from system.files import any_length

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

_PLAIN_LENGTH = 259
"""Windows takes longer paths in a notation only that not every program knows."""
_TREE = re.compile(r"[0-9a-f]{64}\.tree")


def tree_name(digest: str) -> str:
    """Return the name of a manifest's tree."""
    return f"{digest}.tree"


def in_tree(tree: Path, path: str) -> Path:
    """Return where in a tree a file is that had this absolute path, on whatever system."""
    place = tree.joinpath(*paths.parts_of(path))
    return any_length(place) if len(str(place)) > _PLAIN_LENGTH else place


def tree_of(scene: Path) -> Path | None:
    """Return the tree that holds a scene file; None if it wasn't sent."""
    return next((folder for folder in scene.parents if _TREE.fullmatch(folder.name)), None)


def is_sent(scene: Path) -> bool:
    """Whether a scene file is a copy that was sent to this machine."""
    return tree_of(scene) is not None


def local_path(path: str, *, scene: Path) -> str:
    """Return where a file is on this machine that a scene names.

    A sent scene names files by their paths on the submitting machine; a scene in place may name them by those of
    another system, which a mapping of the farm leads here. Every adapter passes each name through this before it is
    read.

    Parameters
    ----------
    path
        As the scene has it. Relative paths lead to the same files within the tree: they are returned unchanged, but for
        backslashes that this system doesn't take for slashes.
    scene
        The scene file on this machine.
    """
    if paths.absolute_of(path) is None and not path.startswith("\\"):
        return paths.slashed(path, scene.parent)
    tree = tree_of(scene)
    if tree is None or Path(path).is_relative_to(tree):
        return paths.here(path)
    return next((str(place) for place in _places(path, tree, scene) if place.exists()), None) or paths.here(path)


def _places(path: str, tree: Path, scene: Path) -> Iterator[Path]:
    """List where in a tree a name may lead: on Windows, one that begins with a slash is of the scene's drive."""
    if paths.absolute_of(path) is not None:
        yield in_tree(tree, path)
    if path[:1] in ("/", "\\"):
        drive = scene.relative_to(tree).parts[0]
        yield tree / drive / path.replace("\\", "/").lstrip("/")


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
    texts: Mapping[Path, Iterable[FileName]], *, tree: Path | None, folder: Path, name_of: Callable[[Path], str] = str
) -> dict[Path, Path]:
    """Write copies of texts, and return where each copy is.

    Parameters
    ----------
    texts
        The names to replace in each: by that of the file's copy if it has one, else by that of the file itself.
    tree
        The scene's; None if it is in place.
    folder
        Holds the copies, in the same folders as in the tree, or as a tree would have them.
    name_of
        Returns the name of a path in a copy.
    """
    copies = {text: place_of_copy(text, tree=tree, folder=folder) for text in texts}
    for text, copy in copies.items():
        # Encoded as the system encodes file names, since a renderer passes them on to the system as they are.
        names = {
            (name.start, name.stop): os.fsencode(name_of(copies.get(name.path, name.path))) for name in texts[text]
        }
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(replace_names(text.read_bytes(), names))
    return copies


def place_of_copy(text: Path, *, tree: Path | None, folder: Path) -> Path:
    """Return where the copy of a text is in a folder of copies."""
    return folder / text.relative_to(tree) if tree else in_tree(folder, str(text.absolute()))
