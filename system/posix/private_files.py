"""Private files of Linux and macOS, by their mode."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

_FILE_MODE = 0o600
_FOLDER_MODE = 0o700


def create_private(path: Path) -> BinaryIO:
    """Create a file that only its owner may open, to be written. Raises `FileExistsError`."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _FILE_MODE), "wb")


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, unless it exists."""
    folder.mkdir(parents=True, exist_ok=True, mode=_FOLDER_MODE)
