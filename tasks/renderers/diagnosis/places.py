"""Checks the folders a renderer needs: whether they can be written, have room, and may hold programs."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path

from platformdirs import user_cache_path

from system.files import starts_no_programs
from system.machine import user
from system.software import FOLDER_VARIABLES, how_to_grant
from tasks.renderers.diagnosis.findings import Finding

REQUIRED_BYTES = 16 << 20
"""A disk with less room than this is full."""


def temp_folder() -> Path:
    """Return the folder for temporary files that is set, usable or not."""
    named = next((os.environ[name] for name in ("TMPDIR", "TEMP", "TMP") if os.environ.get(name)), "")
    if named:
        return Path(named)
    try:
        return Path(tempfile.gettempdir())
    except OSError:
        return Path("/tmp")  # noqa: S108 - named, not written to


def home_folder() -> Path:
    """Return the user's home, whether it exists or not."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/")


def standard_folders() -> dict[str, Path]:
    """Return the folders every renderer may write into, by their names in messages."""
    return {
        "temporary folder": temp_folder(),
        "home folder": home_folder(),
        "cache folder": user_cache_path("frontburner"),
    }


def folder_fault(name: str, folder: Path, *, room_bytes: int = REQUIRED_BYTES) -> Finding | None:
    """Try to use a folder and return what is wrong; None if nothing is.

    Parameters
    ----------
    name
        Its name in messages.
    room_bytes
        How much room it must have.
    """
    existing = nearest_existing(folder)
    if not existing.is_dir():
        return Finding(cause=f"the {name} {folder} isn't a folder", remedy=f"Move {existing} away.")
    probe = existing / f".frontburner-{secrets.token_hex(4)}"
    try:
        probe.write_bytes(b"\0" * 4096)
    except OSError as error:
        return _write_error(name, folder, error)
    finally:
        with suppress(OSError):
            probe.unlink()
    free = shutil.disk_usage(existing).free
    if free < room_bytes:
        return _full(name, folder, f"has {free >> 20} MiB left")
    return None


def full_folder() -> Finding | None:
    """Return the fault of the first of the standard folders that has no room."""
    for name, folder in standard_folders().items():
        with suppress(OSError):
            if shutil.disk_usage(nearest_existing(folder)).free < REQUIRED_BYTES:
                return _full(name, folder, "is full")
    return None


def unusable_folder() -> Finding | None:
    """Return the fault of the first of the standard folders that can't be used."""
    found = (folder_fault(name, folder) for name, folder in standard_folders().items())
    return next((finding for finding in found if finding), None)


def noexec(path: Path) -> bool:
    """Whether a path is on a drive from which programs can't be started."""
    return starts_no_programs(nearest_existing(path))


def read_fault(path: Path) -> Finding | None:
    """Return why this user can't read a file or folder; None if they can."""
    folders = reversed(path.parents)
    blocked = next((folder for folder in folders if folder.is_dir() and not os.access(folder, os.X_OK)), None)
    if blocked is not None:
        cause = f"the folder {blocked} is closed to {user()}"
        return Finding(
            cause=cause, remedy=f"Give {user()} access to it ({how_to_grant(blocked, user(), rights='rx')})."
        )
    if _exists(path) and not os.access(path, os.R_OK):
        cause = f"{path} can't be read by {user()}"
        return Finding(
            cause=cause, remedy=f"Give {user()} read access to it ({how_to_grant(path, user(), rights='r')})."
        )
    return None


def write_fault(path: Path) -> Finding | None:
    """Return why this user can't write or create a file or folder; None if they can."""
    existing = nearest_existing(path)
    if os.access(existing, os.W_OK):
        return None
    remedy = f"Give {user()} write access to {existing if existing != path else 'it'}."
    return Finding(cause=f"{path} can't be written by {user()}", remedy=remedy)


def _write_error(name: str, folder: Path, error: OSError) -> Finding:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(name, folder, "is full")
    if error.errno == errno.EROFS:
        cause, remedy = f"the {name} {folder} is on a drive that is read-only", "Mount it writable"
    else:
        cause, remedy = f"the {name} {folder} can't be written by {user()}", f"Give {user()} write access to it"
    setting = FOLDER_VARIABLES.get(name)
    return Finding(cause=cause, remedy=f"{remedy}, or name another one in {setting}." if setting else f"{remedy}.")


def _full(name: str, folder: Path, how: str) -> Finding:
    return Finding(
        cause=f"the disk is full: the {name} {folder} {how}",
        remedy="Free some space there.",
        transient=True,
    )


def nearest_existing(folder: Path) -> Path:
    """Return the folder, or the nearest parent that exists."""
    return next((each for each in (folder, *folder.parents) if _exists(each)), folder)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
