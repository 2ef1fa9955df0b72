"""The content of a scene's files: what makes two scenes the same, wherever they lie."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.content_digests import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable


def digest(scene: Path, files: Iterable[Path]) -> str:
    """SHA-256 over the names (from the scene's folder) and contents of a scene's files."""
    return digest_named((Path(os.path.relpath(path, scene.parent)).as_posix(), path) for path in files)


def digest_named(files: Iterable[tuple[str, Path]]) -> str:
    """SHA-256 over the contents of files and the names the scene knows them by."""
    whole = hashlib.sha256()
    for name, path in sorted(files):
        whole.update(f"{name}\0{file_sha256(path)}\n".encode())
    return whole.hexdigest()
