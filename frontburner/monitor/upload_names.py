"""Names of files that come from a browser: each stays below the folder it is meant for, or is refused. Pure."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from frontburner.monitor.refusals import RequestRefused

if TYPE_CHECKING:
    from collections.abc import Sequence

MOST_FILES = 10_000
MOST_PART_BYTES = 200
DEEPEST = 16
_ELSEWHERE = ("__MACOSX", "Thumbs.db", "desktop.ini")
"""What systems put into folders for themselves."""


def is_beside_the_point(name: str) -> bool:
    """Whether a file is one that a system keeps for itself: hidden, or known by its name."""
    return any(part.startswith(".") or part in _ELSEWHERE for part in name.split("/"))


def safe_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return the names of files as they may be written below a folder; a folder that all are in is left out.

    Raises
    ------
    NotTaken
        When one could lead elsewhere, is hidden, or stands for a file and a folder at once.
    """
    if not names:
        raise RequestRefused(reason="There are no files.", remedy="Drop a scene, or a folder that has one.")
    if len(names) > MOST_FILES:
        raise RequestRefused(
            reason=f"{len(names):,} files are more than the {MOST_FILES:,} that are taken.", remedy=_PACK
        )
    for name in names:
        why = _wrong(name)
        if why:
            raise RequestRefused(reason=f"{name[:120]!a} can't be stored: {why}.", remedy="Rename it, or leave it out.")
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    twice = next((name for nth, name in enumerate(sorted(names)) if nth and name == sorted(names)[nth - 1]), None)
    clash = twice or next((name for name in names if name in folders), None)
    if clash is not None:
        raise RequestRefused(
            reason=f"{clash!a} is there twice, or a file and a folder.", remedy="Leave one of them out."
        )
    tops = {name.partition("/")[0] for name in names}
    inside = len(tops) == 1 and all("/" in name for name in names)
    return tuple(name.partition("/")[2] for name in names) if inside else tuple(names)


_PACK = "Leave out what the scene doesn't need, or pack its textures into it."


def _wrong(name: str) -> str:
    parts = name.split("/")
    if not name.isprintable():
        return "its name has characters that can't be seen"
    if len(parts) > DEEPEST:
        return f"it is more than {DEEPEST} folders deep"
    return next((why for part in parts if (why := _wrong_part(part))), "")


def _wrong_part(part: str) -> str:
    if not part.strip():
        return "a part of its path is empty"
    if part.startswith("."):
        return "hidden files and steps up aren't taken"
    if "\\" in part or ":" in part:
        return "its name has a \\ or a :"
    if len(part.encode()) > MOST_PART_BYTES:
        return f"its name has more than {MOST_PART_BYTES} bytes"
    return ""
