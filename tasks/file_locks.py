"""Locks on files that end with the process that holds them, however it ends."""

from __future__ import annotations

import fcntl
from contextlib import contextmanager
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def held(path: Path, *, exclusive: bool) -> Iterator[BinaryIO]:
    """Hold a lock, waiting for it; gives its file, which is made if it isn't there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH)
        yield file


def is_held(path: Path) -> bool:
    """Whether anybody holds a lock exclusively. Raises `FileNotFoundError`."""
    with path.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
