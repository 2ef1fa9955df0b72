"""Files of Windows, where a file that a program has open can neither be replaced nor removed."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeVar

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

T = TypeVar("T")

_FAR_OFFSET = 1 << 30
"""Times 4 GiB. What is locked can't be read by others on Windows, so a byte far behind the content is."""
_BUSY = {winerror.ERROR_SHARING_VIOLATION, winerror.ERROR_LOCK_VIOLATION}
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


def once_free(act: Callable[[], T]) -> T:
    """Act on a file, again for some seconds while another program has it open.

    Raises
    ------
    OSError
        Its number is EBUSY, and it names the file, if a program still has it open.
    """
    deadline_s = time.monotonic() + _BUSY_TIMEOUT_S
    while True:
        try:
            return act()
        except PermissionError as error:
            if time.monotonic() < deadline_s:  # one that is being removed is denied like a forbidden one
                time.sleep(_POLL_S)
            elif busy := _open_elsewhere(error):
                raise OSError(errno.EBUSY, "another program has it open", busy) from error
            else:
                raise


def open_to_append(path: Path) -> BinaryIO:
    """Open a file that this process and those it starts append to, whatever else is done to it meanwhile.

    Python's own mode for it holds in this process alone: others would go on where they were after it is emptied.
    """
    try:
        handle = win32file.CreateFile(
            str(path), ntsecuritycon.FILE_APPEND_DATA | ntsecuritycon.SYNCHRONIZE,
            win32con.FILE_SHARE_READ | win32con.FILE_SHARE_WRITE | win32con.FILE_SHARE_DELETE, None,
            win32con.OPEN_ALWAYS, win32con.FILE_ATTRIBUTE_NORMAL, None,
        )  # fmt: skip
    except pywintypes.error as error:
        raise OSError(0, error.strerror, str(path), error.winerror) from error
    return os.fdopen(msvcrt.open_osfhandle(int(handle.Detach()), os.O_APPEND), "ab")


def replace(source: Path, target: Path) -> None:
    """Give a file another name, atomically; what had that name is gone, even if it was read-only.

    Waits some seconds for a program that has the other file open. Raises `OSError` if it keeps it.
    """

    def act() -> None:
        try:
            source.replace(target)
        except PermissionError:
            if not _made_writable(target):
                raise
            source.replace(target)

    once_free(act)


def remove(path: Path) -> None:
    """Remove a file, if it exists, even if it is read-only. Waits some seconds for a program that has it open."""

    def act() -> None:
        try:
            path.unlink(missing_ok=True)
        except PermissionError:
            if not _made_writable(path):
                raise
            path.unlink(missing_ok=True)

    once_free(act)


def remove_folder(folder: Path) -> None:
    """Remove a folder and all in it. Waits some seconds for programs that have files of it open; leaves what they keep.

    A folder is in use as well while it is the working folder of a program.
    """
    deadline_s = time.monotonic() + _BUSY_TIMEOUT_S
    while folder.exists():
        shutil.rmtree(folder, onerror=_remove_read_only)
        if time.monotonic() > deadline_s:
            return
        time.sleep(_POLL_S)


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
    spelled = Path(path.anchor.upper() if path.anchor[1:2] == ":" else path.anchor)
    for part in path.parts[1:]:
        try:
            found = win32file.FindFilesW(str(spelled / part))
        except pywintypes.error:
            found = []
        spelled /= str(found[0][8]) if len(found) == 1 else part
    return spelled


def _remove_read_only(act: Callable[[str], object], name: str, _: object) -> None:
    """Remove a file or folder of a tree that could not be removed at first; leave it where that doesn't help."""
    with suppress(OSError):
        if _made_writable(Path(name)) and act in (os.unlink, os.rmdir):
            act(name)


def _made_writable(path: Path) -> bool:
    """Make a file writable that is marked as read-only; returns whether it was."""
    with suppress(OSError):
        if not path.stat().st_mode & stat.S_IWRITE:
            path.chmod(stat.S_IWRITE | stat.S_IREAD)
            return True
    return False


def _open_elsewhere(error: OSError) -> str:
    """Return which file of an error a program has open; empty if none.

    Python's `open` doesn't keep the system's number, which tells an open file from a forbidden one.
    """
    for name in (str(name) for name in (error.filename2, error.filename) if name):
        try:
            win32file.CreateFile(
                name, win32con.GENERIC_READ | win32con.DELETE, 0, None, win32con.OPEN_EXISTING,
                win32con.FILE_FLAG_BACKUP_SEMANTICS, None,
            ).Close()  # fmt: skip
        except pywintypes.error as problem:
            if problem.winerror in _BUSY:
                return name.replace("\\\\?\\UNC", "\\", 1).removeprefix("\\\\?\\")
    return ""
