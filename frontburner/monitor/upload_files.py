"""Files from a browser: their names are checked to stay below the upload's folder, and a zip is unpacked."""

from __future__ import annotations

import struct
import zlib
from errno import EACCES, EDQUOT, EFBIG, EIO, ENOSPC, EROFS
from itertools import pairwise
from lzma import LZMAError
from pathlib import PurePosixPath
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from frontburner.monitor.requests import TOO_LARGE, RequestRefused
from frontburner.reports.figures import format_bytes
from system.files import local_fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

MAX_FILES = 10_000
MAX_PART_BYTES = 200
MAX_DEPTH = 16
READ_BYTES = 1 << 20
_SYSTEM_FILES = ("__MACOSX", "Thumbs.db", "desktop.ini")
_ZIP_ERRORS = (
    BadZipFile,
    zlib.error,
    LZMAError,
    struct.error,
    EOFError,
    RuntimeError,
    ValueError,
    OverflowError,
    IndexError,
)
"""Raised by `zipfile` for damaged or encrypted archives, and for names that no file can have."""
_DISK_ERRORS = (ENOSPC, EDQUOT, EFBIG, EROFS, EACCES, EIO)
"""Any other `OSError` comes from the archive's content: an offset before its start, or a name that occurs twice."""


def is_system_file(name: str) -> bool:
    """Whether a file is hidden, or one that operating systems put into folders."""
    return any(part.startswith(".") or part in _SYSTEM_FILES for part in name.split("/"))


def safe_names(names: Sequence[str]) -> tuple[str, ...]:
    """Return file names that are safe to write below a folder; a folder that contains all files is stripped.

    Raises
    ------
    RequestRefused
        When a name leads elsewhere, is hidden, or stands for a file and a folder at once.
    """
    if not names:
        raise RequestRefused(reason="There are no files.", remedy="Drop a scene, or a folder that has one.")
    if len(names) > MAX_FILES:
        raise RequestRefused(
            reason=f"There are {len(names):,} files; at most {MAX_FILES:,} are accepted.",
            remedy="Leave out what the scene doesn't need, or pack its textures into it.",
        )
    for name in names:
        why = _problem(name)
        if why:
            raise RequestRefused(reason=f"{name[:120]!a} can't be stored: {why}.", remedy="Rename it, or leave it out.")
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents}
    ordered = sorted(names)
    duplicate = next((name for name, following in pairwise(ordered) if name == following), None)
    clash = duplicate or next((name for name in names if name in folders), None)
    if clash is not None:
        raise RequestRefused(
            reason=f"{clash!a} is there twice, or a file and a folder.", remedy="Leave one of them out."
        )
    in_one_folder = len({name.partition("/")[0] for name in names}) == 1 and all("/" in name for name in names)
    return tuple(name.partition("/")[2] for name in names) if in_one_folder else tuple(names)


def _problem(name: str) -> str:
    parts = name.split("/")
    if not name.isprintable():
        return "its name has characters that can't be printed"
    if len(parts) > MAX_DEPTH:
        return f"it is more than {MAX_DEPTH} folders deep"
    return next((why for part in parts if (why := _part_problem(part))), "")


def _part_problem(part: str) -> str:
    if not part.strip():
        return "a part of its path is empty"
    if part.startswith("."):
        return "hidden files and '..' aren't accepted"
    if "\\" in part or ":" in part:
        return "its name has a \\ or a :"
    if len(part.encode()) > MAX_PART_BYTES:
        return f"its name has more than {MAX_PART_BYTES} bytes"
    return f"its name has {fault}" if (fault := local_fault(part)) else ""


def unpack(archive: Path, max_bytes: int) -> None:
    """Unpack a zip beside itself, and delete it.

    Raises
    ------
    RequestRefused
        When it is damaged, has a name that isn't safe, unpacks to more than ``max_bytes``, or the disk is full.
    """
    try:
        with ZipFile(archive) as zipped:
            _unpack(zipped, archive.parent, max_bytes)
    except OSError as error:
        if error.errno not in _DISK_ERRORS:
            raise _damaged(archive, error) from None
        reason = f"{archive.name} can't be unpacked: {error.strerror}."
        raise RequestRefused(reason=reason, remedy=f"Make room in {archive.parent.parent}.", status=503) from None
    except _ZIP_ERRORS as error:
        raise _damaged(archive, error) from None
    archive.unlink()


def _damaged(archive: Path, error: Exception) -> RequestRefused:
    reason = f"{archive.name} can't be unpacked: {str(error).rstrip('.') or type(error).__name__}."
    return RequestRefused(reason=reason, remedy="Pack it again, without a password; or drop the folder itself.")


def _unpack(zipped: ZipFile, folder: Path, max_bytes: int) -> None:
    members = [each for each in zipped.infolist() if not each.is_dir() and not is_system_file(each.filename)]
    names = safe_names([each.filename for each in members])
    left = max_bytes
    for member, name in zip(members, names, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with zipped.open(member) as source, path.open("xb") as target:
            while chunk := source.read(READ_BYTES):
                left -= len(chunk)  # the sizes that the zip declares may be false
                if left < 0:
                    raise RequestRefused(
                        reason=f"The zip unpacks to more than the {format_bytes(max_bytes)} that are accepted.",
                        remedy="Leave out what the scene doesn't need.",
                        status=TOO_LARGE,
                    )
                target.write(chunk)
