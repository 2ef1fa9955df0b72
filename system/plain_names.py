"""Names under which libraries find files that know only plain ones."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import sys
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

from system.files import any_length, replace

_LONGEST, _KEPT_S = 259, 24 * 3600.0


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
    """Return where files of plain names are made; None is any folder. What is there from yesterday is removed."""
    if sys.platform != "win32":
        return None
    folder = Path(os.environ.get("PROGRAMDATA", "C:\\ProgramData")) / "frontburner" / "names"
    folder.mkdir(parents=True, exist_ok=True)
    _clean(folder)
    return folder


@cache
def _clean(folder: Path) -> None:
    for path in folder.iterdir():
        with suppress(OSError):
            if time.time() - path.stat().st_ctime > _KEPT_S:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
