"""What files hold: their SHA-256, worked out again only when a file's size or time of change is another."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def content_of(path: Path) -> str:
    """SHA-256 (hex) of a file. Raises `OSError` as reading it does."""
    stat = path.stat()
    return _content(str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=65536)
def _content(path: str, size: int, modified_ns: int, inode: int) -> str:  # noqa: ARG001 - they say whether it is known
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
