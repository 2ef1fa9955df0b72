"""Files of Windows, where a file that a program has open can neither be replaced nor removed."""

from __future__ import annotations

import errno
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from system.file_names import name_fault

if TYPE_CHECKING:
    from collections.abc import Callable

assert sys.platform == "win32"

import msvcrt

import ntsecuritycon
import pywintypes
import win32con
import win32file
import win32security
import winerror

_FAR_OFFSET = 1 << 30
"""Times 4 GiB. What is locked can't be read by others on Windows, so a byte far behind the content is."""
_BUSY = {winerror.ERROR_ACCESS_DENIED, winerror.ERROR_SHARING_VIOLATION, winerror.ERROR_LOCK_VIOLATION}
_BUSY_TIMEOUT_S = 5.0
"""Virus scanners and indexers have a new file open for moments only."""
_POLL_S = 0.05
_READS = ntsecuritycon.FILE_GENERIC_READ & ~ntsecuritycon.SYNCHRONIZE
_EVERYONE, _USERS, _AUTHENTICATED = "S-1-1-0", "S-1-5-32-545", "S-1-5-11"


def lock(file: BinaryIO, *, exclusive: bool, wait: bool = True) -> None:
    """Lock an open file until it is closed, also by the end of its process.

    Raises
    ------
    BlockingIOError
        When another process has it locked, and this shouldn't wait.
    """
    flags = win32con.LOCKFILE_EXCLUSIVE_LOCK if exclusive else 0
    flags |= 0 if wait else win32con.LOCKFILE_FAIL_IMMEDIATELY
    place = pywintypes.OVERLAPPED()
    place.OffsetHigh = _FAR_OFFSET
    try:
        win32file.LockFileEx(msvcrt.get_osfhandle(file.fileno()), flags, 1, 0, place)
    except pywintypes.error as error:
        if error.winerror in (winerror.ERROR_LOCK_VIOLATION, winerror.ERROR_IO_PENDING):
            raise BlockingIOError from error
        raise OSError(0, error.strerror, file.name, error.winerror) from error


def replace(source: Path, target: Path) -> None:
    """Give a file another name, atomically; what had that name is gone.

    Waits some seconds for a program that has the other file open. Raises `OSError` if it keeps it.
    """
    _once_free(lambda: source.replace(target))


def remove(path: Path) -> None:
    """Remove a file, if it exists. Waits some seconds for a program that has it open."""
    _once_free(lambda: path.unlink(missing_ok=True))


def clone(source: Path, place: Path) -> None:  # noqa: ARG001 - the same arguments on every system
    """Raise `OSError`: NTFS has no files that share their blocks."""
    raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP), str(source))


def flush_folder(folder: Path) -> None:
    """Do nothing: a folder can't be flushed, and the file system keeps a journal of its names."""


def others_may_read(path: Path) -> bool:
    """Whether all users of this machine may read a file. Raises `OSError`."""
    try:
        described = win32security.GetFileSecurity(str(path), win32security.DACL_SECURITY_INFORMATION)
    except pywintypes.error as error:
        raise OSError(0, error.strerror, str(path), error.winerror) from error
    rules = described.GetSecurityDescriptorDacl()
    if rules is None:
        return True
    everybody = {_EVERYONE, _USERS, _AUTHENTICATED}
    for index in range(rules.GetAceCount()):
        (kind, _), mask, user = rules.GetAce(index)
        named = win32security.ConvertSidToStringSid(user)
        if kind == win32security.ACCESS_ALLOWED_ACE_TYPE and named in everybody and mask & _READS:
            return True
    return False


def starts_no_programs(path: Path) -> bool:  # noqa: ARG001 - the same arguments on every system
    """Return False: programs can be started from every drive."""
    return False


def local_fault(name: str) -> str:
    """Say what a name has that no file can have here; empty if there is nothing."""
    return name_fault(name)


def any_length(path: Path) -> Path:
    r"""Return a path under which a file is found however long it is: ``\\?\C:\…``."""
    text = str(path)
    if text.startswith("\\\\?\\") or not path.is_absolute():
        return path
    return Path(f"\\\\?\\UNC\\{text[2:]}" if text.startswith("\\\\") else f"\\\\?\\{text}")


def on_disk(path: Path) -> Path:
    """Return a path as it is spelled on the disk, as far as there is one: case doesn't count."""
    spelled = Path(path.anchor)
    for part in path.parts[1:]:
        try:
            found = win32file.FindFilesW(str(spelled / part))
        except pywintypes.error:
            found = []
        spelled /= str(found[0][8]) if len(found) == 1 else part
    return spelled


def _once_free(act: Callable[[], object]) -> None:
    """Act on a file, again while another program has it open."""
    deadline_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            act()
        except OSError as error:
            if error.winerror not in _BUSY or time.monotonic() > deadline_s:
                raise
            time.sleep(_POLL_S)
        else:
            return
