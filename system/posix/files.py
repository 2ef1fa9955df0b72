"""Files of Linux and macOS, where an open file can be replaced and removed."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, BinaryIO, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

assert sys.platform != "win32"

T = TypeVar("T")

_FICLONE = 0x40049409
"""Linux's request to clone a file (linux/fs.h)."""
_NOEXEC = getattr(os, "ST_NOEXEC", 8)


def lock(file: BinaryIO, *, exclusive: bool, wait: bool = True) -> None:
    """Lock an open file until it is closed, also by the end of its process.

    Raises
    ------
    BlockingIOError
        When another process has it locked, and this shouldn't wait.
    """
    fcntl.flock(file, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | (0 if wait else fcntl.LOCK_NB))


def once_free(act: Callable[[], T]) -> T:
    """Act on a file; that another program has it open doesn't matter."""
    return act()


def open_to_append(path: Path) -> BinaryIO:
    """Open a file that this process and those it starts append to, whatever else is done to it meanwhile."""
    return path.open("ab")


def replace(source: Path, target: Path) -> None:
    """Give a file another name, atomically; what had that name is gone."""
    source.replace(target)


def remove(path: Path) -> None:
    """Remove a file, if it exists."""
    path.unlink(missing_ok=True)


def remove_folder(folder: Path) -> None:
    """Remove a folder and all in it; leaves what can't be removed."""
    shutil.rmtree(folder, ignore_errors=True)


def clone(source: Path, place: Path) -> None:
    """Make a file that shares its blocks with another, until one of them is written; only Linux. Raises `OSError`."""
    if sys.platform != "linux":
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(source))
    with source.open("rb") as original, place.open("xb") as cloned:
        fcntl.ioctl(cloned.fileno(), _FICLONE, original.fileno())


def flush_folder(folder: Path) -> None:
    """Make new names in a folder survive a power cut, where the drive supports it."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def others_may_read(path: Path) -> bool:
    """Whether other users of this machine may read or change a file. Raises `OSError`."""
    return bool(path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO))


def starts_no_programs(path: Path) -> bool:
    """Whether no program can be started from the drive of an existing path."""
    try:
        return bool(os.statvfs(path).f_flag & _NOEXEC)
    except OSError:
        return False


def local_fault(name: str) -> str:  # noqa: ARG001 - the same arguments on every system
    """Return an empty text: a file can have any name that is one."""
    return ""


def any_length(path: Path) -> Path:
    """Return a path under which a file is found however long it is: the same."""
    return path


def on_disk(path: Path) -> Path:
    """Return a path as it is spelled on the disk: the same, since case counts."""
    return path
