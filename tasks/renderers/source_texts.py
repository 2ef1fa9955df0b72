"""Reads source texts of scenes once: they are parsed again only when a file has changed."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from tasks.renderers.sent_scenes import read_latin1

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


def reader_of(parse: Callable[[str], T]) -> Callable[[Path], T]:
    """Return what parses a file, and keeps what it found while the file's size, time and place on the disk stay."""

    @lru_cache(maxsize=256)
    def parsed(path: str, size: int, modified_ns: int, inode: int) -> T:  # noqa: ARG001 - parts of the cache's key
        return parse(read_latin1(Path(path)))

    def read(path: Path) -> T:
        stat = path.stat()
        return parsed(str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)

    return read
