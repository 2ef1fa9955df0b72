"""SHA-256 of files, worked out again only when a file's size or time of modification changes."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file. Raises `OSError` as reading it does."""
    stat = path.stat()
    return _sha256(str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=65536)
def _sha256(path: str, size: int, modified_ns: int, inode: int) -> str:  # noqa: ARG001 - part of the cache's key
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
