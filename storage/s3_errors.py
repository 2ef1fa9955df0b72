"""S3 errors in plain words: each names its cause and what to do about it."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING

from storage.errors import Explanation, MissingObject, StoreFull

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXISTS = {"PreconditionFailed", "412"}
_MISSING = {"NoSuchKey", "404", "NotFound"}

_UNKNOWN_ACCESS_KEY = Explanation(
    "The S3 server at {server} doesn't know the access key.",
    "Check AWS_ACCESS_KEY_ID, and that AWS_ENDPOINT_URL names the server it belongs to.",
)
_WRONG_SECRET = Explanation("The S3 server at {server} says the secret key is wrong.", "Check AWS_SECRET_ACCESS_KEY.")
_EXPIRED = Explanation(
    "The credentials for the S3 server at {server} have expired.",
    "Get new ones and set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.",
)
_FORBIDDEN = Explanation(
    "The S3 server at {server} refuses access to the bucket '{bucket}'.",
    "Check AWS_ACCESS_KEY_ID, and that this key may list, read, write and delete in the bucket.",
)
_NO_BUCKET = Explanation(
    "There is no bucket '{bucket}' on the S3 server at {server}.", "Create it, or correct the address of the store."
)
_WRONG_REGION = Explanation(
    "The bucket '{bucket}' is in another region than the one asked for.", "Set AWS_REGION to the bucket's region."
)
_FULL = Explanation(
    "The S3 server at {server} has no space left for the bucket '{bucket}'.",
    "Free some space, raise the bucket's quota or add a disk to the server.",
    error_type=StoreFull,
)
_CLOCK_SKEW = Explanation(
    "This machine's clock and that of the S3 server at {server} differ too much.",
    "Set both clocks, for example by NTP.",
)
_CANNOT_CREATE = Explanation(
    "The S3 server at {server} can't create objects exclusively.",
    "Use one that supports If-None-Match on writes, such as SeaweedFS, MinIO or Amazon S3.",
)
_UNREACHABLE = Explanation(
    "Can't connect to the S3 server at {server}.",
    "Check AWS_ENDPOINT_URL, that the server runs, and that no firewall is in between.",
    retryable=True,
)
_TIMEOUT = Explanation(
    "The S3 server at {server} stopped answering.",
    "Check its load and the network, and that AWS_ENDPOINT_URL names an S3 server.",
    retryable=True,
)
_BAD_CERTIFICATE = Explanation(
    "The S3 server at {server} has no certificate that this machine trusts.",
    "Check whether AWS_ENDPOINT_URL should start with http://, or set AWS_CA_BUNDLE.",
)
_BAD_ENDPOINT = Explanation(
    "The address of the S3 server, {server}, is not a valid one.",
    "Set AWS_ENDPOINT_URL to something like http://host:8333.",
)
_BUSY = Explanation(
    "The S3 server at {server} is too busy or in trouble.",
    "Try again; if that doesn't help, look at its log and its free disk space.",
    retryable=True,
)

_BY_CODE = {
    "InvalidAccessKeyId": _UNKNOWN_ACCESS_KEY,
    "SignatureDoesNotMatch": _WRONG_SECRET,
    "RequestTimeTooSkewed": _CLOCK_SKEW,
    "RequestTimeout": _TIMEOUT,
    # Another creation of the same object is in flight, and may yet fail.
    "ConditionalRequestConflict": _BUSY,
    **dict.fromkeys(("ExpiredToken", "TokenRefreshRequired"), _EXPIRED),
    **dict.fromkeys(("AccessDenied", "AllAccessDisabled", "AccountProblem", "403"), _FORBIDDEN),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName"), _NO_BUCKET),
    **dict.fromkeys(("PermanentRedirect", "AuthorizationHeaderMalformed", "301"), _WRONG_REGION),
    **dict.fromkeys(
        ("507", "InsufficientStorage", "XMinioStorageFull", "QuotaExceeded", "XMinioAdminBucketQuotaExceeded"), _FULL
    ),
    **dict.fromkeys(("NotImplemented", "501"), _CANNOT_CREATE),
}


def s3_failures() -> tuple[type[BaseException], ...]:
    """Every type of exception that S3 and the connection to it can raise."""
    # Imported when needed: stores on a disk do without both.
    from aiohttp import ClientError as HttpError
    from botocore.exceptions import BotoCoreError, ClientError

    return OSError, ValueError, BotoCoreError, ClientError, HttpError, asyncio.TimeoutError


def already_exists(error: BaseException) -> bool:
    """Whether an exclusive creation failed because there is an object."""
    return isinstance(error, FileExistsError) or _response(error)[0] in _EXISTS


def is_missing(error: BaseException) -> bool:
    """Whether it is the object that is missing rather than its bucket."""
    return _response(error)[0] in _MISSING


@contextmanager
def translate_s3_errors(*, url: str, key: str, bucket: str, endpoint: str | None) -> Iterator[None]:
    """Turn every failure inside into a `StoreError` about this store and key."""
    try:
        yield
    except s3_failures() as error:
        if is_missing(error):
            reason = f"There is no object {key!r} in {url}."
            raise MissingObject(reason=reason, remedy="Make it again.", url=url, key=key) from error
        raise _explain(error).to_error(url=url, key=key, bucket=bucket, server=endpoint or "Amazon") from error


def _explain(error: BaseException) -> Explanation:
    """Explain a failure by the server's response, or else by what happened to the connection."""
    code, status = _response(error)
    if explanation := _BY_CODE.get(code) or _BY_CODE.get(str(status)):
        return explanation
    if status >= 500 or code in {"SlowDown", "InternalError", "ServiceUnavailable"}:
        return _BUSY
    if status:
        return Explanation(
            f"The S3 server at {{server}} refused a request on the bucket '{{bucket}}': {code}.",
            "Look that code up in the server's documentation, and check AWS_ENDPOINT_URL.",
        )
    return _explain_connection(error)


def _explain_connection(error: BaseException) -> Explanation:
    """Explain a connection that failed."""
    from botocore import exceptions as boto

    if isinstance(error, boto.SSLError):
        return _BAD_CERTIFICATE
    if isinstance(error, boto.ReadTimeoutError | boto.ConnectionClosedError | asyncio.TimeoutError):
        return _TIMEOUT
    if isinstance(error, ValueError | boto.InvalidRegionError | boto.UnknownEndpointError):
        return _BAD_ENDPOINT
    return _UNREACHABLE


def _response(error: BaseException | None) -> tuple[str, int]:
    """Error code and HTTP status of the server's response; empty and 0 if there was none."""
    while error is not None:
        response = getattr(error, "response", None)
        if isinstance(response, dict):
            code = str(response.get("Error", {}).get("Code", ""))
            return code, int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
        error = error.__cause__
    return "", 0
