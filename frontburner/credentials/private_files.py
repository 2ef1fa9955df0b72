"""Files that only their owner may read: written whole or not at all, never readable by others for a moment."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from locket import lock_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

OWNER_ONLY = 0o600
OWNER_FOLDER = 0o700
LOCK_TIMEOUT_S = 20


def write_private(path: Path, data: bytes) -> None:
    """Put a file in place that nobody but its owner may read."""
    make_folder(path.parent)
    passing = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(passing, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        passing.replace(path)
    except BaseException:
        passing.unlink(missing_ok=True)
        raise


def make_folder(folder: Path) -> None:
    """Make a folder that nobody but its owner may enter."""
    folder.mkdir(parents=True, exist_ok=True, mode=OWNER_FOLDER)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Have a folder for oneself, among all processes of this machine."""
    make_folder(folder)
    with lock_file(str(folder / "lock"), timeout=LOCK_TIMEOUT_S):
        yield
