"""Files that only their owner may read: written whole or not at all, and never readable by others for a moment."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from locket import lock_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

FILE_MODE = 0o600
FOLDER_MODE = 0o700
LOCK_TIMEOUT_S = 20


def write_private(path: Path, data: bytes) -> None:
    """Write a file atomically, readable by its owner only."""
    _make_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _make_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter."""
    folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which excludes all other processes of this machine."""
    _make_folder(folder)
    with lock_file(str(folder / "lock"), timeout=LOCK_TIMEOUT_S):
        yield
