"""Authenticates every request to the gateway: checks tokens and permissions, limits bodies and failed attempts."""

from __future__ import annotations

import base64
import binascii
import logging
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, Response

from frontburner.credentials.permissions import WEBSOCKET, is_allowed, is_plain_path, is_scene_upload
from frontburner.credentials.tokens import TokenRefused
from frontburner.gateway.login_page import login_page
from frontburner.node_setup.invitation import SCRIPTS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from frontburner.credentials.tokens import TokenStore

COOKIE = "__Host-frontburner"
"""Browsers accept a cookie with this prefix only if it is secure and for this host alone."""
PUBLIC_ROUTES = {"/health": ("GET", "HEAD"), "/ca.pem": ("GET",), "/enrol": ("POST",), "/login": ("GET", "POST"),
                 **{f"/{script}": ("GET",) for script in SCRIPTS.values()}}  # fmt: skip
"""Routes without a token, and their methods; /enrol, /login and the scripts check one themselves."""
ANONYMOUS_MAX_BYTES = 16_384
MAX_BYTES = 16 * 1024 * 1024
MAX_FAILURES = 20
FAILURE_INTERVAL_S = 2.0
MAX_ADDRESSES = 10_000
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY_VIOLATION = 1008
_MAX_LENGTH_DIGITS = 20
_SECURITY_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}

log = logging.getLogger(__name__)


class BodyTooLarge(HTTPException):
    """A request's body is larger than allowed. Starlette answers it too, when an app behind the middleware reads it."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(413, f"The body is larger than the {max_bytes} bytes that are allowed.")


@dataclass(slots=True, kw_only=True)
class RateLimit:
    """Limits failed attempts by address: several at once, then one in a while.

    Parameters
    ----------
    clock
        Monotonic seconds.
    max_failures
        Failures in a row until an address must wait.
    interval_s
        Seconds until one more attempt is allowed.
    """

    clock: Callable[[], float]
    max_failures: int = MAX_FAILURES
    interval_s: float = FAILURE_INTERVAL_S
    _left: OrderedDict[str, tuple[float, float]] = field(init=False, default_factory=OrderedDict)

    def fail(self, address: str) -> Response | None:
        """Count a failed attempt; returns the response for a client that must wait, None for one that needn't."""
        left, seen_s = self._left.pop(address, (float(self.max_failures), self.clock()))
        left = min(float(self.max_failures), left + (self.clock() - seen_s) / self.interval_s) - 1.0
        self._left[address] = (max(left, -1.0), self.clock())
        while len(self._left) > MAX_ADDRESSES:
            self._left.popitem(last=False)
        if left >= 0.0:
            return None
        return error_response(429, "Too many attempts.", {"retry-after": str(int(-left * self.interval_s) + 1)})


@dataclass(slots=True, kw_only=True)
class AuthMiddleware:
    """Passes allowed requests on to an application, and answers the others.

    Parameters
    ----------
    app
        The application behind it.
    upload_bytes
        Maximum size of an uploaded scene file.
    """

    app: ASGIApp
    tokens: TokenStore
    rate_limit: RateLimit
    upload_bytes: int = MAX_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request or a web socket."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        refusal = self._authenticate(scope)
        if refusal is not None:
            await _send_refusal(scope, receive, send, refusal)
            return
        await self._pass_on(scope, receive, send, self._max_bytes(scope))

    def _max_bytes(self, scope: Scope) -> int:
        caller = scope["state"].get("caller")
        if caller is None:
            return ANONYMOUS_MAX_BYTES
        is_upload = scope["type"] == "http" and is_scene_upload(caller.role, scope["method"], scope["path"])
        return max(MAX_BYTES, self.upload_bytes) if is_upload else MAX_BYTES

    def _authenticate(self, scope: Scope) -> Response | None:
        """Return why a request is refused; None lets it through, with its token in ``request.state.caller``."""
        headers, path = Headers(scope=scope), scope["path"]
        method = WEBSOCKET if scope["type"] == "websocket" else scope["method"]
        scope["state"] = dict(scope.get("state") or {})
        if not is_plain_path(path):
            return error_response(400, "The path is ambiguous.")
        if method in PUBLIC_ROUTES.get(path, ()):
            return None
        text, by_cookie = presented_token(headers)
        if text is None:
            return self._unauthenticated(scope, headers, "No token was given.")
        try:
            token = self.tokens.check(text)
        except TokenRefused as refused:
            return self._unauthenticated(scope, headers, refused.reason)
        if by_cookie and (method == WEBSOCKET or method not in _SAFE_METHODS) and not is_same_origin(headers):
            return error_response(403, "The request came from another site.")
        if not is_allowed(token.role, method, path):
            log.info("refused to %s (%s): %s %s", token.name, token.role, method, path)
            return error_response(403, f"The token {token.name} has the role {token.role}, which may not do this.")
        scope["state"]["caller"] = token
        return None

    def _unauthenticated(self, scope: Scope, headers: Headers, reason: str) -> Response:
        address = scope["client"][0] if scope.get("client") else ""
        if (response := self.rate_limit.fail(address)) is not None:
            return response
        log.info("refused a client without a valid token at %s: %s", address, reason)
        if "text/html" in headers.get("accept", "") and scope["type"] == "http" and scope["method"] == "GET":
            return login_page(status=401)
        return error_response(401, reason, {"www-authenticate": "Bearer"})

    async def _pass_on(self, scope: Scope, receive: Receive, send: Send, max_bytes: int) -> None:
        """Have the application answer, with the body's size limited and headers added to the response."""
        has_started, read_bytes = False, 0

        async def limited_receive() -> Message:
            nonlocal read_bytes
            message = await receive()
            read_bytes += len(message.get("body", b""))
            if read_bytes > max_bytes:
                raise BodyTooLarge(max_bytes)
            return message

        async def send_with_headers(message: Message) -> None:
            nonlocal has_started
            if message["type"] == "http.response.start":
                has_started = True
                add_headers(message)
            await send(message)

        if scope["type"] == "http" and _content_length(scope) > max_bytes:
            await _send_refusal(scope, receive, send, error_response(413, BodyTooLarge(max_bytes).detail))
            return
        try:
            await self.app(scope, limited_receive, send_with_headers)
        except BodyTooLarge as error:
            if has_started:
                raise
            await _send_refusal(scope, receive, send, error_response(413, error.detail))


def presented_token(headers: Headers) -> tuple[str | None, bool]:
    """Return a request's token, and whether it comes from a cookie."""
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip(), False
    if scheme.lower() == "basic":
        try:
            decoded = base64.b64decode(credentials.strip(), validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return "", False
        return decoded.partition(":")[2], False
    return cookie_parser(headers.get("cookie", "")).get(COOKIE), True


def add_headers(message: Message) -> None:
    """Add the headers of every response to the start of one."""
    headers = MutableHeaders(scope=message)
    for name, value in _SECURITY_HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("cache-control", "private, no-cache" if "etag" in headers else "no-store")


def is_same_origin(headers: Headers) -> bool:
    """Whether the Origin header names this host. All browsers send it with requests that may change something."""
    try:
        return urlsplit(headers.get("origin", "")).netloc == headers.get("host", "") != ""
    except ValueError:
        return False


def error_response(status: int, reason: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a response that says why a request is refused."""
    return JSONResponse({"reason": reason}, status_code=status, headers=headers)


def _content_length(scope: Scope) -> int:
    text = Headers(scope=scope).get("content-length", "0")
    return int(text[:_MAX_LENGTH_DIGITS]) if text.isascii() and text.isdecimal() else 0


async def _send_refusal(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    """Send a refusal; a web socket gets it before it is accepted, so that its client sees the status."""
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        await response(scope, receive, send)
        return

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            add_headers(message)
        await send(message)

    await response(scope, receive, send_with_headers)
