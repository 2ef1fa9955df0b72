"""Files that only their owner may read: written whole or not at all, and never readable by others for a moment."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING

from locket import lock_file

from system.files import remove, replace
from system.private_files import create_private, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LOCK_TIMEOUT_S = 20


def write_private(path: Path, data: bytes) -> None:
    """Write a file atomically, readable by its owner only."""
    make_private_folder(path.parent)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with create_private(temporary) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        replace(temporary, path)
    except BaseException:
        remove(temporary)
        raise


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder's lock, which excludes all other processes of this machine."""
    make_private_folder(folder)
    with lock_file(str(folder / "lock"), timeout=LOCK_TIMEOUT_S):
        yield
