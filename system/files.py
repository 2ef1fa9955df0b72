"""Locks, names that survive a power cut, and files that others have open."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    from system.windows.files import (
        any_length,
        clone,
        flush_folder,
        local_fault,
        lock,
        on_disk,
        others_may_read,
        remove,
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
        others_may_read,
        remove,
        replace,
        starts_no_programs,
    )

__all__ = [
    "any_length",
    "clone",
    "flush_folder",
    "local_fault",
    "lock",
    "on_disk",
    "others_may_read",
    "remove",
    "replace",
    "starts_no_programs",
]
