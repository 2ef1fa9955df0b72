"""SHA-256 of files, and of a scene's files together."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file, cached while its size and time of modification stay. Raises `OSError`."""
    stat = path.stat()
    return _sha256(str(path), stat.st_size, stat.st_mtime_ns, stat.st_ino)


@lru_cache(maxsize=65536)
def _sha256(path: str, size: int, modified_ns: int, inode: int) -> str:  # noqa: ARG001 - part of the cache's key
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def named_files_digest(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over the contents of files and the names a scene knows them by."""
    return named_contents_digest((name, file_sha256(path)) for name, path in sorted(files))


def named_contents_digest(contents: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over names and the SHA-256 of what each stands for, ordered by name."""
    digest = hashlib.sha256()
    for name, sha256 in contents:
        digest.update(f"{name}\0{sha256}\n".encode())
    return digest.hexdigest()
