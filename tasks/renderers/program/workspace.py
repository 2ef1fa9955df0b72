"""Temporary folders for programs that render units. Those of killed processes are removed later."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from system.files import remove_folder, temporary_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

_PREFIX = "frontburner-unit-"


@contextmanager
def workspace() -> Iterator[Path]:
    """Make a folder, and remove it afterwards."""
    with temporary_folder(f"{_PREFIX}{os.getpid()}-") as folder:
        yield folder


def remove_abandoned() -> None:
    """Remove the folders of processes that were killed while they rendered."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        owner = re.match(rf"{_PREFIX}(\d+)-", folder.name)
        if owner and not psutil.pid_exists(int(owner[1])):
            remove_folder(folder)
