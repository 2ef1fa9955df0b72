"""Disks that are soon full."""

from __future__ import annotations

import shutil
import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from system.machine import is_root

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def disk(place: Path, size: str) -> Iterator[Path]:
    """Have a disk of so many bytes at a place until the context ends."""
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if not is_root() or not (mount and umount):
        pytest.skip("only root can mount a small disk")
    place.mkdir()
    if subprocess.run([mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", place], check=False).returncode:
        pytest.skip("no disk can be mounted here")
    try:
        yield place
    finally:
        subprocess.run([umount, "-l", place], check=True)  # whoever still ends may have a file open
