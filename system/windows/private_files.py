"""Private files of Windows, by an access control list of their own; they inherit none."""

from __future__ import annotations

import errno
import os
import sys
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from pathlib import Path

assert sys.platform == "win32"

import msvcrt

import ntsecuritycon
import pywintypes
import win32api
import win32con
import win32file
import win32security

_LOCAL_SYSTEM = "S-1-5-18"
"""Windows itself: its backups and its virus scanner."""


def create_private(path: Path) -> BinaryIO:
    """Create a file that only its owner may open, to be written. Raises `FileExistsError`."""
    try:
        handle = win32file.CreateFile(
            str(path), win32con.GENERIC_WRITE, win32con.FILE_SHARE_READ, _for_owner_alone(0), win32con.CREATE_NEW,
            win32con.FILE_ATTRIBUTE_NORMAL, None,
        )  # fmt: skip
    except pywintypes.error as error:
        raise OSError(errno.EIO, error.strerror, str(path), error.winerror) from error
    return os.fdopen(msvcrt.open_osfhandle(int(handle.Detach()), os.O_WRONLY), "wb")


def make_private_folder(folder: Path) -> None:
    """Make a folder that only its owner may enter, unless it exists."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    inherited = win32con.OBJECT_INHERIT_ACE | win32con.CONTAINER_INHERIT_ACE
    try:
        win32file.CreateDirectory(str(folder), _for_owner_alone(inherited))
    except pywintypes.error as error:
        if not folder.is_dir():
            raise OSError(errno.EIO, error.strerror, str(folder), error.winerror) from error


def _for_owner_alone(inherited: int) -> Any:  # noqa: ANN401
    """Return security attributes that grant everything to this user and to Windows itself, and nothing to others.

    Parameters
    ----------
    inherited
        By what in a folder they are inherited.
    """
    token = win32security.OpenProcessToken(win32api.GetCurrentProcess(), win32con.TOKEN_QUERY)
    user, _ = win32security.GetTokenInformation(token, win32security.TokenUser)
    rules = win32security.ACL()
    for each in (user, win32security.ConvertStringSidToSid(_LOCAL_SYSTEM)):
        rules.AddAccessAllowedAceEx(win32security.ACL_REVISION, inherited, ntsecuritycon.FILE_ALL_ACCESS, each)
    described = win32security.SECURITY_DESCRIPTOR()
    described.SetSecurityDescriptorDacl(True, rules, False)
    described.SetSecurityDescriptorControl(win32security.SE_DACL_PROTECTED, win32security.SE_DACL_PROTECTED)
    attributes = win32security.SECURITY_ATTRIBUTES()
    attributes.SECURITY_DESCRIPTOR = described
    return attributes
