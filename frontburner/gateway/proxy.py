"""Hands requests and web sockets on to the Prefect server behind the gateway, without what let them in.

The server listens on loopback and believes everyone; who may ask it what is decided before it is asked.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

import httpx
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.websockets import WebSocketDisconnect, WebSocketState
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from frontburner.credentials.permissions import API, PREFECT
from frontburner.gateway.auth_middleware import COOKIE, cookies

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.datastructures import Headers
    from starlette.websockets import WebSocket
    from websockets.asyncio.client import ClientConnection

ANSWER_S = 90.0
CONNECT_S = 5.0
SOCKET_BYTES = 16 * 1024 * 1024
_GONE = 1011
_PASSING = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
        "upgrade", "authorization", "cookie", "content-length", "expect",
    }
)  # fmt: skip
"""Headers that concern one connection alone, or ours."""

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class Proxy:
    """A Prefect server under ``/prefect`` of the gateway.

    Parameters
    ----------
    server
        Its address, such as ``http://127.0.0.1:4200``.
    """

    server: str
    client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self.server = self.server.rstrip("/").removesuffix("/api")
        self.client = httpx.AsyncClient(
            base_url=self.server, trust_env=False, timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S)
        )

    async def http(self, request: Request) -> Response:
        """Hand a request on, and its answer back."""
        path = inner_path(request.url.path)
        asked = self.client.build_request(
            request.method,
            httpx.URL(f"{self.server}{quote(path)}", query=request.scope["query_string"]),
            headers=_asking(request.headers),
            content=_body(request) if _has_body(request) else None,
        )
        try:
            answer = await self.client.send(asked, stream=True)
        except (httpx.HTTPError, ClientDisconnect) as error:
            log.warning("Prefect didn't answer %s %s: %s", request.method, path, type(error).__name__)
            return JSONResponse({"reason": "The Prefect server doesn't answer. It may just be starting."}, 503)
        if path == f"{PREFECT}/ui-settings" and answer.is_success:
            return await _own_settings(request, answer)
        return StreamingResponse(
            _read(answer), status_code=answer.status_code, headers=_answering(answer.headers, request)
        )

    async def socket(self, socket: WebSocket) -> None:
        """Hand a web socket on, both ways, until either end closes it."""
        at = urlsplit(self.server)
        query = socket.scope["query_string"].decode("latin-1")
        address = f"ws://{at.netloc}{quote(inner_path(socket.url.path))}{'?' if query else ''}{query}"
        wanted = [Subprotocol(name) for name in socket.scope.get("subprotocols", ())]
        try:
            async with connect(
                address, subprotocols=wanted or None, max_size=SOCKET_BYTES, proxy=None, open_timeout=CONNECT_S
            ) as server:
                await socket.accept(subprotocol=server.subprotocol)
                await _both_ways(socket, server)
        except (OSError, TimeoutError, WebSocketException) as error:
            log.warning("Prefect took no web socket at %s: %s", socket.url.path, type(error).__name__)
        if socket.application_state is not WebSocketState.DISCONNECTED:
            with suppress(WebSocketDisconnect, RuntimeError):  # the other end has hung up
                await socket.close(_GONE)

    async def close(self) -> None:
        """Close the connections to the server."""
        await self.client.aclose()


def inner_path(path: str) -> str:
    """Return the path at the server: its API has no prefix there, its pages have the same."""
    return path.removeprefix(PREFECT) if path == API or path.startswith(f"{API}/") else path


def outer_place(location: str) -> str:
    """Return where the server's redirection leads from outside."""
    at = urlsplit(location)
    path = f"{PREFECT}{at.path}" if at.path == "/api" or at.path.startswith("/api/") else at.path
    return f"{path}?{at.query}" if at.query else path


async def _own_settings(request: Request, answer: httpx.Response) -> Response:
    """Tell Prefect's pages that its API is where they came from."""
    await answer.aread()
    await answer.aclose()
    told = answer.json() | {"api_url": f"https://{request.headers.get('host', '')}{API}", "auth": None}
    return JSONResponse(told)


async def _both_ways(socket: WebSocket, server: ClientConnection) -> None:
    ways = {asyncio.ensure_future(_inwards(socket, server)), asyncio.ensure_future(_outwards(socket, server))}
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def _inwards(socket: WebSocket, server: ClientConnection) -> None:
    first = True
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is not None and first:
            text = without_token(text)
        first = False
        await server.send(message.get("bytes") or b"" if text is None else text)


async def _outwards(socket: WebSocket, server: ClientConnection) -> None:
    try:
        async for data in server:
            if isinstance(data, str):
                await socket.send_text(data)
            else:
                await socket.send_bytes(data)
        await socket.close(server.close_code or _GONE, server.close_reason)
    except (ConnectionClosed, WebSocketDisconnect, RuntimeError):
        return


def without_token(text: str) -> str:
    """Return a web socket's first message without the token Prefect's clients send in it."""
    try:
        told = json.loads(text)
    except ValueError:
        return text
    return json.dumps(told | {"token": None}) if isinstance(told, dict) and told.get("type") == "auth" else text


def _asking(headers: Headers) -> list[tuple[str, str]]:
    kept = [(name, value) for name, value in headers.items() if name not in _PASSING]
    others = "; ".join(f"{name}={value}" for name, value in cookies(headers).items() if name != COOKIE)
    return [*kept, *([("cookie", others)] if others else [])]


def _answering(headers: httpx.Headers, request: Request) -> dict[str, str]:
    kept = {name: value for name, value in headers.items() if name not in _PASSING - {"content-length"}}
    if "location" in kept:
        kept["location"] = outer_place(kept["location"])
    if request.method == "HEAD":
        kept.pop("transfer-encoding", None)
    return kept


def _has_body(request: Request) -> bool:
    return "content-length" in request.headers or "transfer-encoding" in request.headers


async def _body(request: Request) -> AsyncIterator[bytes]:
    async for chunk in request.stream():
        yield chunk


async def _read(answer: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in answer.aiter_raw():
            yield chunk
    finally:
        await answer.aclose()
