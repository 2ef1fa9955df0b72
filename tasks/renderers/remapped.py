"""Texts of a scene that travelled, in copies that name its files by where they lie on this machine.

What lies in the tree is never touched: it is what every unit's identity counts on, and other jobs share it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Name:
    """A name of a file in a text.

    Parameters
    ----------
    start, stop
        The bytes at which it stands, without its quotes.
    place
        Where the file lies on this machine.
    """

    start: int
    stop: int
    place: Path


def text_of(path: Path) -> str:
    """Read a text in which a character's place is its byte's in the file, and any kind of line ends with a newline."""
    return path.read_bytes().decode("latin-1").replace("\r\n", " \n").replace("\r", "\n")


def remapped(text: bytes, names: Mapping[tuple[int, int], bytes]) -> bytes:
    """Put other names in the place of those between these bytes. All else stays as it is, in whatever encoding."""
    pieces, at = [], 0
    for (start, stop), name in sorted(names.items()):
        pieces += [text[at:start], name]
        at = stop
    return b"".join([*pieces, text[at:]])


def write_copies(
    texts: Mapping[Path, Iterable[Name]], *, tree: Path, folder: Path, call: Callable[[Path], str] = str
) -> dict[Path, Path]:
    """Write copies of texts that lie in a tree, and return where each is.

    Parameters
    ----------
    texts
        The names in each that are to lead elsewhere: to a file's copy if it has one, else to its place.
    folder
        The copies lie to each other in it as the texts do in the tree.
    call
        Says how a copy names a path.
    """
    copies = {text: folder / text.relative_to(tree) for text in texts}
    for text, copy in copies.items():
        # As bytes the system knows a file by, since that is what a renderer hands on to it.
        names = {(one.start, one.stop): os.fsencode(call(copies.get(one.place, one.place))) for one in texts[text]}
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(remapped(text.read_bytes(), names))
    return copies
