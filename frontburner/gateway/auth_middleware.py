"""The door of the gateway: nobody gets past it without a token that gives the right, and no more bytes than allowed."""

from __future__ import annotations

import base64
import binascii
import logging
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import HTMLResponse, JSONResponse, Response

from frontburner.credentials.permissions import WEBSOCKET, is_allowed, is_plain_path, is_scene_upload
from frontburner.credentials.tokens import TokenRefused
from frontburner.gateway.pages import LOGIN_POLICY, login_page

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from frontburner.credentials.tokens import Role, Token, TokenStore
    from frontburner.gateway.rate_limit import RateLimit

COOKIE = "__Host-frontburner"
"""Browsers take a cookie of such a name only if it is secure and for this host alone."""
OPEN = {"/health": ("GET", "HEAD"), "/ca.pem": ("GET",), "/enrol": ("POST",), "/login": ("GET", "POST")}
"""What answers without a token, and to which methods; /enrol and /login read one themselves."""
STRANGER_BYTES = 16_384
KNOWN_BYTES = 16 * 1024 * 1024
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_POLICY_VIOLATION = 1008
_MOST_DIGITS = 20
_HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}

log = logging.getLogger(__name__)


class TooLarge(HTTPException):
    """A request's body has more bytes than allowed. Starlette answers so too, where it is behind the door."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(413, f"More than {most_bytes} bytes aren't taken here.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever was let in: the routes behind the door find it in ``request.state.caller``."""

    name: str
    role: Role
    token: Token


@dataclass(slots=True, kw_only=True)
class AuthMiddleware:
    """Lets in or refuses, then hands on.

    Parameters
    ----------
    inside
        What is behind the door.
    upload_bytes
        The most bytes of a file of a scene, from those who may submit.
    """

    inside: ASGIApp
    tokens: TokenStore
    attempts: RateLimit
    upload_bytes: int = KNOWN_BYTES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request or a web socket."""
        if scope["type"] == "lifespan":
            await self.inside(scope, receive, send)
            return
        refusal = self._judge(scope)
        if refusal is not None:
            await _refuse(scope, receive, send, refusal)
            return
        await self._hand_on(scope, receive, send, self._most_bytes(scope))

    def _most_bytes(self, scope: Scope) -> int:
        """Return how large the body of a request may be that was let in."""
        caller = scope["state"].get("caller")
        if caller is None:
            return STRANGER_BYTES
        is_upload = scope["type"] == "http" and is_scene_upload(caller.role, scope["method"], scope["path"])
        return max(KNOWN_BYTES, self.upload_bytes) if is_upload else KNOWN_BYTES

    def _judge(self, scope: Scope) -> Response | None:
        """Return why a request isn't let in; None notes who it is from and lets it in."""
        headers, path = Headers(scope=scope), scope["path"]
        method = WEBSOCKET if scope["type"] == "websocket" else scope["method"]
        scope["state"] = dict(scope.get("state") or {})
        if not is_plain_path(path):
            return _answer(400, "This path can't be meant.")
        if method in OPEN.get(path, ()):
            return None
        text, by_cookie = presented(headers)
        if text is None:
            return self._stranger(scope, headers, "No token was given.")
        try:
            token = self.tokens.check(text)
        except TokenRefused as refused:
            return self._stranger(scope, headers, refused.reason)
        if by_cookie and (method == WEBSOCKET or method not in _SAFE) and not same_site(headers):
            return _answer(403, "This came from another site.")
        if not is_allowed(token.role, method, path):
            log.info("refused to %s (%s): %s %s", token.name, token.role, method, path)
            return _answer(403, f"The token {token.name} gives the role {token.role}, which may not do this.")
        scope["state"]["caller"] = Caller(name=token.name, role=token.role, token=token)
        return None

    def _stranger(self, scope: Scope, headers: Headers, why: str) -> Response:
        address = scope["client"][0] if scope.get("client") else ""
        wait_s = self.attempts.fail(address)
        if wait_s:
            return _answer(429, "Too many attempts.", {"retry-after": str(int(wait_s) + 1)})
        log.info("refused a stranger at %s: %s", address, why)
        if "text/html" in headers.get("accept", "") and scope["type"] == "http" and scope["method"] == "GET":
            return HTMLResponse(login_page(), status_code=401, headers={"content-security-policy": LOGIN_POLICY})
        return _answer(401, why, {"www-authenticate": "Bearer"})

    async def _hand_on(self, scope: Scope, receive: Receive, send: Send, most_bytes: int) -> None:
        """Have a request answered, with its body counted and our headers on the answer."""
        begun, read_bytes = False, 0

        async def counted() -> Message:
            nonlocal read_bytes
            message = await receive()
            read_bytes += len(message.get("body", b""))
            if read_bytes > most_bytes:
                raise TooLarge(most_bytes)
            return message

        async def marked(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                mark(message)
            await send(message)

        if scope["type"] == "http" and _said_bytes(scope) > most_bytes:
            await _refuse(scope, receive, send, _answer(413, TooLarge(most_bytes).detail))
            return
        try:
            await self.inside(scope, counted, marked)
        except TooLarge as error:
            if begun:
                raise
            await _refuse(scope, receive, send, _answer(413, error.detail))


def presented(headers: Headers) -> tuple[str | None, bool]:
    """Return the token a request brings, and whether it is a browser's cookie that does."""
    scheme, _, rest = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip(), False
    if scheme.lower() == "basic":
        try:
            pair = base64.b64decode(rest.strip(), validate=True).decode("ascii")
        except (binascii.Error, ValueError):
            return "", False
        return pair.partition(":")[2], False
    return cookies(headers).get(COOKIE), True


def cookies(headers: Headers) -> Mapping[str, str]:
    """Return a request's cookies; those that can't be read aren't there."""
    jar = SimpleCookie()
    try:
        jar.load(headers.get("cookie", ""))
    except CookieError:
        return {}
    return {name: morsel.value for name, morsel in jar.items()}


def mark(message: Message) -> None:
    """Give an answer the headers all answers have."""
    headers = MutableHeaders(scope=message)
    for name, value in _HEADERS.items():
        headers.setdefault(name, value)
    headers.setdefault("cache-control", "private, no-cache" if "etag" in headers else "no-store")


def same_site(headers: Headers) -> bool:
    """Whether a browser says that a page of ours asks. All browsers do with what may change something."""
    try:
        return urlsplit(headers.get("origin", "")).netloc == headers.get("host", "") != ""
    except ValueError:
        return False


def _said_bytes(scope: Scope) -> int:
    said = Headers(scope=scope).get("content-length", "0")
    return int(said[:_MOST_DIGITS]) if said.isascii() and said.isdecimal() else 0


def _answer(status: int, why: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"reason": why}, status_code=status, headers=dict(headers or {}))


async def _refuse(scope: Scope, receive: Receive, send: Send, answer: Response) -> None:
    """Say no: to a web socket before it is open, so that it learns the status."""
    if scope["type"] == "websocket":
        if "websocket.http.response" not in scope.get("extensions", {}):
            await send({"type": "websocket.close", "code": _POLICY_VIOLATION})
            return
        await answer(scope, receive, send)
        return

    async def marked(message: Message) -> None:
        if message["type"] == "http.response.start":
            mark(message)
        await send(message)

    await answer(scope, receive, marked)
