"""Locks, names that survive a power cut, and files that others have open."""

from __future__ import annotations

import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if sys.platform == "win32":
    from system.windows.files import (
        any_length,
        clone,
        flush_folder,
        local_fault,
        lock,
        on_disk,
        once_free,
        open_to_append,
        others_may_read,
        remove,
        remove_folder,
        replace,
        starts_no_programs,
    )
else:
    from system.posix.files import (
        any_length,
        clone,
        flush_folder,
        local_fault,
        lock,
        on_disk,
        once_free,
        open_to_append,
        others_may_read,
        remove,
        remove_folder,
        replace,
        starts_no_programs,
    )

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "any_length", "clone", "flush_folder", "local_fault", "lock", "on_disk", "once_free", "open_to_append",
    "others_may_read", "remove", "remove_folder", "replace", "starts_no_programs", "temporary_folder",
]  # fmt: skip


@contextmanager
def temporary_folder(prefix: str = "frontburner-") -> Iterator[Path]:
    """Make a folder, and remove it afterwards as far as nothing keeps it.

    Python's `TemporaryDirectory` recurses without end where a program keeps a folder as its working folder.
    """
    folder = Path(tempfile.mkdtemp(prefix=prefix))
    try:
        yield folder
    finally:
        remove_folder(folder)
