"""Folders a renderer needs: whether each can be written, has room, and may hold programs."""

from __future__ import annotations

import errno
import getpass
import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from tasks.renderers.diagnosis.findings import Finding

ROOM_BYTES = 16 << 20
"""A folder with less room than this is full."""
_NOEXEC = getattr(os, "ST_NOEXEC", 8)


def user() -> str:
    """Name of whoever runs this."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"user {os.getuid()}"


def temp_folder() -> Path:
    """Return the folder programs put passing files in: the one that is set, usable or not."""
    named = next((os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)), "")
    if named:
        return Path(named)
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return Path("/tmp")  # noqa: S108 - named, not written to


def home_folder() -> Path:
    """Return the user's home, there or not."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def surroundings() -> dict[str, Path]:
    """Return the folders every renderer may write into, by what people call them."""
    return {
        "temporary folder": temp_folder(),
        "home folder": home_folder(),
        "cache folder": user_cache_path("frontburner"),
    }


def trouble_at(name: str, folder: Path, *, room_bytes: int = ROOM_BYTES) -> Finding | None:
    """Say why a folder can't be used, by using it; None if it can.

    Parameters
    ----------
    name
        What people call it.
    room_bytes
        How much room it must have.
    """
    there = nearest(folder)
    if not there.is_dir():
        return Finding(cause=f"the {name} {folder} isn't a folder", remedy=f"Move {there} away.")
    probe = there / f".frontburner-{secrets.token_hex(4)}"
    try:
        probe.write_bytes(b"\0" * 4096)
    except OSError as error:
        return _refused(name, folder, error)
    finally:
        with suppress(OSError):
            probe.unlink()
    free = shutil.disk_usage(there).free
    if free < room_bytes:
        return _full(name, folder, f"has {free >> 20} MiB left")
    return None


def full_place() -> Finding | None:
    """Return the first of the surroundings that has no room."""
    for name, folder in surroundings().items():
        with suppress(OSError):
            if shutil.disk_usage(nearest(folder)).free < ROOM_BYTES:
                return _full(name, folder, "is full")
    return None


def unwritable_place() -> Finding | None:
    """Return the first of the surroundings that can't be used."""
    found = (trouble_at(name, folder) for name, folder in surroundings().items())
    return next((finding for finding in found if finding), None)


def noexec(path: Path) -> bool:
    """Whether programs may not be started where this lies."""
    try:
        return bool(os.statvfs(nearest(path)).f_flag & _NOEXEC)
    except OSError:
        return False


def forbidden(path: Path) -> Finding | None:
    """Say what keeps this user from a file or folder; None if nothing does."""
    blocked = next((one for one in reversed(path.parents) if one.is_dir() and not os.access(one, os.X_OK)), None)
    if blocked is not None:
        cause = f"the folder {blocked} is closed to {user()}"
        return Finding(cause=cause, remedy=f"Give {user()} access to it (chmod a+rx {blocked}).")
    if _there(path) and not os.access(path, os.R_OK):
        cause = f"{path} can't be read by {user()}"
        return Finding(cause=cause, remedy=f"Give {user()} read access to it (chmod a+r {path}).")
    return None


def unwritable(path: Path) -> Finding | None:
    """Say that this user may not write a file or folder, or make it where it would be; None if that is allowed."""
    there = nearest(path)
    if os.access(there, os.W_OK):
        return None
    remedy = f"Give {user()} write access to {there}." if there != path else f"Give {user()} write access to it."
    return Finding(cause=f"{path} can't be written by {user()}", remedy=remedy)


def _refused(name: str, folder: Path, error: OSError) -> Finding:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(name, folder, "is full")
    if error.errno == errno.EROFS:
        cause, remedy = f"the {name} {folder} lies on a drive that is read-only", "Mount it writable"
    else:
        cause, remedy = f"the {name} {folder} can't be written by {user()}", f"Give {user()} write access to it"
    setting = {"temporary folder": "TMPDIR", "home folder": "HOME", "cache folder": "XDG_CACHE_HOME"}.get(name)
    return Finding(cause=cause, remedy=f"{remedy}, or name another one in {setting}." if setting else f"{remedy}.")


def _full(name: str, folder: Path, how: str) -> Finding:
    return Finding(
        cause=f"the disk is full: the {name} {folder} {how}",
        remedy="Free some space there.",
        passes=True,
    )


def nearest(folder: Path) -> Path:
    """Return the folder, or the one it would be made in."""
    return next((one for one in (folder, *folder.parents) if _there(one)), folder)


def _there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
