"""Disk errors in plain words: each names its cause and what to do about it."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from storage.errors import Explanation, StoreFull
from system.software import raises_limit

if TYPE_CHECKING:
    from collections.abc import Iterator

_FULL = Explanation(
    "The disk that holds {url} is full.", "Free some space or use a folder on another disk.", error_type=StoreFull
)
_OVER_QUOTA = Explanation(
    "The disk quota for {url} is used up.", "Free some space or ask for a larger quota.", error_type=StoreFull
)
_FORBIDDEN = Explanation(
    "No permission to use {url}.", "Give the user that runs Frontburner read and write access to this folder."
)
_READ_ONLY = Explanation("The drive that holds {url} is read-only.", "Mount it writable or use another folder.")
_NAME_CLASH = Explanation(
    "There is a file where {url} needs a folder, or a folder where it needs a file.",
    "Move it away or use another folder.",
)
_PATH_TOO_LONG = Explanation("A path in {url} is longer than this drive allows.", "Use a folder with a shorter path.")
_FILE_TOO_LARGE = Explanation(
    "A file in {url} is larger than this drive or account allows.",
    f"Use another drive, or raise the limit on file sizes{raises_limit('-f')}.",
)
_SEVERAL_DRIVES = Explanation(
    "The folder {url} spans several drives, between which files can't be moved atomically.",
    "Use a folder that is on one drive.",
)
_TOO_MANY_FILES = Explanation(
    "This machine has too many files open to use {url}.",
    f"Raise the limit on open files{raises_limit('-n')}.",
    retryable=True,
)
_IN_USE = Explanation(
    "Another program has {file} open, and Windows replaces and removes a file only when it is closed.",
    "Close it there: it may be a viewer, a backup or a virus scanner.",
    retryable=True,
)
_UNAVAILABLE = Explanation(
    "The drive that holds {url} doesn't answer or fails.",
    "Check that it is connected and mounted, and look at the system log for disk errors.",
    retryable=True,
)

_BY_NUMBER = {
    errno.ENOSPC: _FULL,
    errno.EBUSY: _IN_USE,
    errno.EDQUOT: _OVER_QUOTA,
    errno.EROFS: _READ_ONLY,
    errno.ENAMETOOLONG: _PATH_TOO_LONG,
    errno.EFBIG: _FILE_TOO_LARGE,
    errno.EXDEV: _SEVERAL_DRIVES,
    **dict.fromkeys((errno.EACCES, errno.EPERM), _FORBIDDEN),
    **dict.fromkeys((errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENOTEMPTY), _NAME_CLASH),
    **dict.fromkeys((errno.EMFILE, errno.ENFILE), _TOO_MANY_FILES),
    **dict.fromkeys(
        (errno.EIO, errno.ESTALE, errno.ENOTCONN, errno.EHOSTDOWN, errno.EHOSTUNREACH, errno.ETIMEDOUT), _UNAVAILABLE
    ),
}


@contextmanager
def translate_os_errors(url: str, key: str) -> Iterator[None]:
    """Turn every ``OSError`` inside into a `StoreError` about this store and key."""
    try:
        yield
    except OSError as error:
        explanation = _BY_NUMBER.get(error.errno or 0, _unknown(error))
        raise explanation.to_error(url=url, key=key, file=str(error.filename or key)) from error


def _unknown(error: OSError) -> Explanation:
    """Explain an error number that isn't in the table."""
    cause = os.strerror(error.errno) if error.errno else type(error).__name__
    return Explanation(f"The drive that holds {{url}} failed: {cause}.", "Check the drive and the system log.")
