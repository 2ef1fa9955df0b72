"""S3's errors in plain words: each names its cause and what to do about it."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from storage.errors import MissingObject, StoreError, StoreFull

if TYPE_CHECKING:
    from collections.abc import Iterator

_TAKEN = {"PreconditionFailed", "412"}
_MISSING = {"NoSuchKey", "404", "NotFound"}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plain:
    """What an error code means, with places for ``{bucket}`` and ``{server}``."""

    reason: str
    remedy: str
    retryable: bool = False
    kind: type[StoreError] = StoreError


_STRANGER = _Plain(
    reason="The S3 server at {server} doesn't know the access key.",
    remedy="Check AWS_ACCESS_KEY_ID, and that AWS_ENDPOINT_URL names the server it belongs to.",
)
_WRONG_SECRET = _Plain(
    reason="The S3 server at {server} says the secret key is wrong.",
    remedy="Check AWS_SECRET_ACCESS_KEY.",
)
_EXPIRED = _Plain(
    reason="The credentials for the S3 server at {server} have expired.",
    remedy="Get new ones and set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.",
)
_FORBIDDEN = _Plain(
    reason="The S3 server at {server} refuses access to the bucket '{bucket}'.",
    remedy="Check AWS_ACCESS_KEY_ID, and that this key may list, read, write and delete in the bucket.",
)
_NO_BUCKET = _Plain(
    reason="There is no bucket '{bucket}' on the S3 server at {server}.",
    remedy="Create it, or correct the address of the store.",
)
_ELSEWHERE = _Plain(
    reason="The bucket '{bucket}' lies in another region than the one asked for.",
    remedy="Set AWS_REGION to the bucket's region.",
)
_FULL = _Plain(
    reason="The S3 server at {server} has no space left for the bucket '{bucket}'.",
    remedy="Free some space, raise the bucket's quota or add a disk to the server.",
    kind=StoreFull,
)
_CLOCK = _Plain(
    reason="This machine's clock and that of the S3 server at {server} differ too much.",
    remedy="Set both clocks, for example by NTP.",
)
_CANNOT_CREATE = _Plain(
    reason="The S3 server at {server} can't create objects exclusively.",
    remedy="Use one that supports If-None-Match on writes, such as SeaweedFS, MinIO or Amazon S3.",
)
_UNREACHABLE = _Plain(
    reason="Can't connect to the S3 server at {server}.",
    remedy="Check AWS_ENDPOINT_URL, that the server runs, and that no firewall is in between.",
    retryable=True,
)
_SILENT = _Plain(
    reason="The S3 server at {server} stopped answering.",
    remedy="Check its load and the network, and that AWS_ENDPOINT_URL names an S3 server.",
    retryable=True,
)
_BAD_CERTIFICATE = _Plain(
    reason="The S3 server at {server} has no certificate that this machine trusts.",
    remedy="Check whether AWS_ENDPOINT_URL should start with http://, or set AWS_CA_BUNDLE.",
)
_BAD_ENDPOINT = _Plain(
    reason="The address of the S3 server, {server}, is not a valid one.",
    remedy="Set AWS_ENDPOINT_URL to something like http://host:8333.",
)
_BUSY = _Plain(
    reason="The S3 server at {server} is too busy or in trouble.",
    remedy="Try again; if that doesn't help, look at its log and its free disk space.",
    retryable=True,
)

_BY_CODE = {
    "InvalidAccessKeyId": _STRANGER,
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "ExpiredToken": _EXPIRED,
    "TokenRefreshRequired": _EXPIRED,
    "AccessDenied": _FORBIDDEN,
    "AllAccessDisabled": _FORBIDDEN,
    "AccountProblem": _FORBIDDEN,
    "403": _FORBIDDEN,
    "NoSuchBucket": _NO_BUCKET,
    "InvalidBucketName": _NO_BUCKET,
    "PermanentRedirect": _ELSEWHERE,
    "AuthorizationHeaderMalformed": _ELSEWHERE,
    "301": _ELSEWHERE,
    "507": _FULL,
    "InsufficientStorage": _FULL,
    "XMinioStorageFull": _FULL,
    "QuotaExceeded": _FULL,
    "XMinioAdminBucketQuotaExceeded": _FULL,
    "RequestTimeTooSkewed": _CLOCK,
    "NotImplemented": _CANNOT_CREATE,
    "501": _CANNOT_CREATE,
    "RequestTimeout": _SILENT,
    # Another creation of the same object is under way, and may yet fail.
    "ConditionalRequestConflict": _BUSY,
}


def failures() -> tuple[type[BaseException], ...]:
    """Every kind of exception S3 and the connection to it can raise."""
    # Imported when needed: stores on a disk do without both.
    from aiohttp import ClientError as HttpError
    from botocore.exceptions import BotoCoreError, ClientError

    return OSError, ValueError, BotoCoreError, ClientError, HttpError, asyncio.TimeoutError


def is_taken(error: BaseException) -> bool:
    """Whether an exclusive creation failed because there is an object."""
    return isinstance(error, FileExistsError) or _answer(error)[0] in _TAKEN


def is_missing(error: BaseException) -> bool:
    """Whether it is the object that is missing rather than its bucket."""
    return _answer(error)[0] in _MISSING


@contextmanager
def translate(*, url: str, key: str, bucket: str, endpoint: str | None) -> Iterator[None]:
    """Turn every failure inside into a `StoreError` about this store and key."""
    try:
        yield
    except failures() as error:
        if is_missing(error):
            reason = f"There is no object {key!r} in {url}."
            raise MissingObject(reason=reason, remedy="Make it again.", url=url, key=key) from error
        plain = _explain(error)
        raise plain.kind(
            reason=plain.reason.format(bucket=bucket, server=endpoint or "Amazon"),
            remedy=plain.remedy,
            retryable=plain.retryable,
            url=url,
            key=key,
        ) from error


def _explain(error: BaseException) -> _Plain:
    """Words for a failure: what the server answered, or else what became of the connection."""
    code, status = _answer(error)
    if plain := _BY_CODE.get(code) or _BY_CODE.get(str(status)):
        return plain
    if status >= 500 or code in {"SlowDown", "InternalError", "ServiceUnavailable"}:
        return _BUSY
    if status:
        return _refused(code)
    return _disconnected(error)


def _refused(code: str) -> _Plain:
    """Words for an answer that has none of its own."""
    return _Plain(
        reason=f"The S3 server at {{server}} refused a request on the bucket '{{bucket}}': {code}.",
        remedy="Look that code up in the server's documentation, and check AWS_ENDPOINT_URL.",
    )


def _disconnected(error: BaseException) -> _Plain:
    """Words for a connection that failed."""
    from botocore import exceptions as boto

    if isinstance(error, boto.SSLError):
        return _BAD_CERTIFICATE
    if isinstance(error, boto.ReadTimeoutError | boto.ConnectionClosedError | asyncio.TimeoutError):
        return _SILENT
    if isinstance(error, ValueError | boto.InvalidRegionError | boto.UnknownEndpointError):
        return _BAD_ENDPOINT
    return _UNREACHABLE


def _answer(error: BaseException | None) -> tuple[str, int]:
    """Code and HTTP status of the server's answer; empty and 0 if there was none."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            code = str(response.get("Error", {}).get("Code", ""))
            return code, int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        error = error.__cause__
    return "", 0
