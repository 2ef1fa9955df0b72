"""A disk's errors in plain words: each names its cause and what to do about it."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.errors import StoreError, StoreFull

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain:
    """What an error number means; ``{url}`` is the store's folder."""

    reason: str
    remedy: str
    retryable: bool = False
    kind: type[StoreError] = StoreError


_FULL = _Plain(
    reason="The disk that holds {url} is full.",
    remedy="Free some space or use a folder on another disk.",
    kind=StoreFull,
)
_QUOTA = _Plain(
    reason="The disk quota for {url} is used up.",
    remedy="Free some space or ask for a larger quota.",
    kind=StoreFull,
)
_FORBIDDEN = _Plain(
    reason="No permission to use {url}.",
    remedy="Give the user that runs Frontburner read and write access to this folder.",
)
_READ_ONLY = _Plain(
    reason="The drive that holds {url} is read-only.", remedy="Mount it writable or use another folder."
)
_IN_THE_WAY = _Plain(
    reason="A file stands where {url} needs a folder, or a folder where it needs a file.",
    remedy="Move it away or use another folder.",
)
_TOO_LONG = _Plain(
    reason="A path in {url} is longer than this drive allows.", remedy="Use a folder with a shorter path."
)
_TOO_LARGE = _Plain(
    reason="A file in {url} is larger than this drive or account allows.",
    remedy="Use another drive, or raise the limit on file sizes (ulimit -f).",
)
_SPLIT = _Plain(
    reason="The folder {url} spans several drives, between which files can't be moved at once.",
    remedy="Use a folder that lies on one drive.",
)
_BUSY = _Plain(
    reason="This machine has too many files open to use {url}.",
    remedy="Raise the limit on open files (ulimit -n).",
    retryable=True,
)
_AWAY = _Plain(
    reason="The drive that holds {url} doesn't answer or fails.",
    remedy="Check that it is connected and mounted, and look at the system log for disk errors.",
    retryable=True,
)

_BY_NUMBER = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _QUOTA,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EROFS: _READ_ONLY,
    errno.ENOTDIR: _IN_THE_WAY,
    errno.EISDIR: _IN_THE_WAY,
    errno.EEXIST: _IN_THE_WAY,
    errno.ENOTEMPTY: _IN_THE_WAY,
    errno.ENAMETOOLONG: _TOO_LONG,
    errno.EFBIG: _TOO_LARGE,
    errno.EXDEV: _SPLIT,
    errno.EMFILE: _BUSY,
    errno.ENFILE: _BUSY,
    errno.EIO: _AWAY,
    errno.ESTALE: _AWAY,
    errno.ENOTCONN: _AWAY,
    errno.EHOSTDOWN: _AWAY,
    errno.EHOSTUNREACH: _AWAY,
    errno.ETIMEDOUT: _AWAY,
}


@contextmanager
def translate(url: str, key: str) -> Iterator[None]:
    """Turn every ``OSError`` inside into a `StoreError` about this store and key."""
    try:
        yield
    except OSError as error:
        plain = _BY_NUMBER.get(error.errno or 0, _unknown(error))
        raise plain.kind(
            reason=plain.reason.format(url=url),
            remedy=plain.remedy,
            retryable=plain.retryable,
            url=url,
            key=key,
        ) from error


def _unknown(error: OSError) -> _Plain:
    """Words for an error number that has none of its own."""
    cause = os.strerror(error.errno) if error.errno else type(error).__name__
    return _Plain(
        reason=f"The drive that holds {{url}} failed: {cause}.",
        remedy="Check the drive and the system log.",
    )
