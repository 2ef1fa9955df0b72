"""File locks that are released when the process that holds them ends, however it ends."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

from system.files import lock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def held(path: Path, *, exclusive: bool) -> Iterator[BinaryIO]:
    """Wait for a lock and hold it; yields its file, which is created if it doesn't exist."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        lock(file, exclusive=exclusive)
        yield file


def is_held(path: Path) -> bool:
    """Whether any process holds a lock exclusively. Raises `FileNotFoundError`."""
    with path.open("rb") as file:
        try:
            lock(file, exclusive=False, wait=False)
        except BlockingIOError:
            return True
        return False
