"""A zip that was dropped instead of the files in it: unpacked as if these had come, within the same bounds."""

from __future__ import annotations

import struct
import zlib
from errno import EACCES, EDQUOT, EFBIG, EIO, ENOSPC, EROFS
from lzma import LZMAError
from typing import TYPE_CHECKING
from zipfile import BadZipFile, ZipFile

from frontburner.monitor.refusals import TOO_MUCH, RequestRefused
from frontburner.monitor.upload_names import is_beside_the_point, safe_names
from frontburner.reports.figures import format_bytes

if TYPE_CHECKING:
    from pathlib import Path

READ_BYTES = 1 << 20
_SPOILED = (
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
"""What is raised where bytes of a zip aren't what they should be, a password is asked for, or a name is no file's."""

_OF_THE_DISK = (ENOSPC, EDQUOT, EFBIG, EROFS, EACCES, EIO)
"""Any other error of the system's comes of what the zip says: of a place before its beginning, or of a name twice."""


def unpack(archive: Path, most_bytes: int) -> None:
    """Put what a zip holds beside it, and remove the zip.

    Raises
    ------
    NotTaken
        When it isn't one, has a name that leads elsewhere, comes to more bytes than are taken, or finds no room.
    """
    try:
        with ZipFile(archive) as packed:
            _unpack(packed, archive.parent, most_bytes)
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise _spoiled(archive, error) from None
        reason = f"{archive.name} can't be unpacked: {error.strerror}."
        raise RequestRefused(reason=reason, remedy=f"Make room in {archive.parent.parent}.", status=503) from None
    except _SPOILED as error:
        raise _spoiled(archive, error) from None
    archive.unlink()


def _spoiled(archive: Path, error: Exception) -> RequestRefused:
    reason = f"{archive.name} can't be unpacked: {str(error).rstrip('.') or type(error).__name__}."
    return RequestRefused(reason=reason, remedy="Pack it again, without a password; or drop the folder itself.")


def _unpack(packed: ZipFile, folder: Path, most_bytes: int) -> None:
    members = [each for each in packed.infolist() if not each.is_dir() and not is_beside_the_point(each.filename)]
    names = safe_names([each.filename for each in members])
    left = most_bytes
    for member, name in zip(members, names, strict=True):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with packed.open(member) as source, path.open("xb") as target:
            while chunk := source.read(READ_BYTES):
                left -= len(chunk)  # what the zip says of its sizes need not be so
                if left < 0:
                    raise RequestRefused(
                        reason=f"What the zip holds has more than the {format_bytes(most_bytes)} that are taken.",
                        remedy="Leave out what the scene doesn't need.",
                        status=TOO_MUCH,
                    )
                target.write(chunk)
