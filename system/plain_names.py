"""Names under which libraries find files that know only plain ones."""

from __future__ import annotations

import atexit
import hashlib
import os
import secrets
import shutil
import sys
from functools import cache
from pathlib import Path

import psutil

from system.files import any_length, replace

_LONGEST = 259


def plain(path: Path) -> Path:
    """Return a path under which such a library has a file: outside of Windows the same.

    On Windows many open files by functions that know neither shares, nor long paths, nor letters that the system's code
    page lacks. They are given a link to the file, or a copy of one on another drive.
    """
    text = str(path)
    if sys.platform != "win32" or (text.isascii() and text[1:2] == ":" and len(text) <= _LONGEST):
        return path
    stat, folder = path.stat(), plain_folder()
    assert folder is not None
    key = hashlib.sha256(f"{text.lower()} {stat.st_size} {stat.st_mtime_ns}".encode()).hexdigest()[:24]
    place = folder / (key + (path.suffix if path.suffix.isascii() else ""))
    if not place.exists():
        scratch = folder / secrets.token_hex(8)
        try:
            os.link(any_length(path), scratch)
        except OSError:
            shutil.copyfile(any_length(path), scratch)
        replace(scratch, place)
    return place


def plain_folder() -> Path | None:
    """Return where files of plain names are made, for this process; None is any folder."""
    return _own_folder() if sys.platform == "win32" else None


@cache
def _own_folder() -> Path:
    folders = Path(os.environ.get("PROGRAMDATA", "C:\\ProgramData")) / "frontburner" / "names"
    folders.mkdir(parents=True, exist_ok=True)
    for left in folders.iterdir():  # by a process that was killed
        if not (left.name.isdecimal() and psutil.pid_exists(int(left.name))):
            shutil.rmtree(left, ignore_errors=True)
    own = folders / str(os.getpid())
    own.mkdir(exist_ok=True)
    atexit.register(shutil.rmtree, own, ignore_errors=True)
    return own
