"""Forwards requests and web sockets to the Prefect server behind the gateway, without the token that let them in.

The server listens on loopback and has no authentication of its own; permissions are checked before a request gets here.
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
from frontburner.gateway.auth_middleware import COOKIE, error_response

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.datastructures import Headers
    from starlette.websockets import WebSocket
    from websockets.asyncio.client import ClientConnection

TIMEOUT_S = 90.0
CONNECT_TIMEOUT_S = 5.0
MAX_MESSAGE_BYTES = 16 * 1024 * 1024
_INTERNAL_ERROR = 1011
_NOT_FORWARDED = frozenset(
    {
        "connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer", "transfer-encoding",
        "upgrade", "authorization", "cookie", "content-length", "expect",
    }
)  # fmt: skip
"""Headers of a single connection, and those that carry the token."""

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
            base_url=self.server, trust_env=False, timeout=httpx.Timeout(TIMEOUT_S, connect=CONNECT_TIMEOUT_S)
        )

    async def http(self, request: Request) -> Response:
        """Forward a request, and return the server's response."""
        path = server_path(request.url.path)
        has_body = "content-length" in request.headers or "transfer-encoding" in request.headers
        forwarded = self.client.build_request(
            request.method,
            httpx.URL(f"{self.server}{quote(path)}", query=request.scope["query_string"]),
            headers=_request_headers(request.headers),
            content=request.stream() if has_body else None,
        )
        try:
            response = await self.client.send(forwarded, stream=True)
        except (httpx.HTTPError, ClientDisconnect) as error:
            log.warning("Prefect didn't answer %s %s: %s", request.method, path, type(error).__name__)
            return error_response(503, "The Prefect server doesn't answer. It may just be starting.")
        if path == f"{PREFECT}/ui-settings" and response.is_success:
            return await _ui_settings(request, response)
        return StreamingResponse(
            _stream(response), status_code=response.status_code, headers=_response_headers(response.headers, request)
        )

    async def socket(self, socket: WebSocket) -> None:
        """Forward a web socket both ways until either end closes it."""
        query = socket.scope["query_string"].decode("latin-1")
        path = quote(server_path(socket.url.path))
        address = f"ws://{urlsplit(self.server).netloc}{path}{'?' if query else ''}{query}"
        subprotocols = [Subprotocol(name) for name in socket.scope.get("subprotocols", ())]
        try:
            async with connect(
                address,
                subprotocols=subprotocols or None,
                max_size=MAX_MESSAGE_BYTES,
                proxy=None,
                open_timeout=CONNECT_TIMEOUT_S,
            ) as server:
                await socket.accept(subprotocol=server.subprotocol)
                await _forward_both_ways(socket, server)
        except (OSError, TimeoutError, WebSocketException) as error:
            log.warning("Prefect refused a web socket at %s: %s", socket.url.path, type(error).__name__)
        if socket.application_state is not WebSocketState.DISCONNECTED:
            with suppress(WebSocketDisconnect, RuntimeError):  # the client is gone already
                await socket.close(_INTERNAL_ERROR)

    async def close(self) -> None:
        """Close the connections to the server."""
        await self.client.aclose()


def server_path(path: str) -> str:
    """Return the path at the server: its API has no prefix there, its pages have the same."""
    return path.removeprefix(PREFECT) if path == API or path.startswith(f"{API}/") else path


def gateway_location(location: str) -> str:
    """Return the server's redirect target as a path at the gateway."""
    url = urlsplit(location)
    path = f"{PREFECT}{url.path}" if url.path == "/api" or url.path.startswith("/api/") else url.path
    return f"{path}?{url.query}" if url.query else path


def without_token(text: str) -> str:
    """Return a web socket's first message without the token that Prefect's clients send in it."""
    try:
        message = json.loads(text)
    except ValueError:
        return text
    is_auth = isinstance(message, dict) and message.get("type") == "auth"
    return json.dumps(message | {"token": None}) if is_auth else text


async def _ui_settings(request: Request, response: httpx.Response) -> Response:
    """Answer Prefect's pages with the address of the API at the gateway."""
    await response.aread()
    await response.aclose()
    api_url = f"https://{request.headers.get('host', '')}{API}"
    return JSONResponse(response.json() | {"api_url": api_url, "auth": None})


async def _forward_both_ways(socket: WebSocket, server: ClientConnection) -> None:
    tasks = {asyncio.ensure_future(_to_server(socket, server)), asyncio.ensure_future(_to_client(socket, server))}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _to_server(socket: WebSocket, server: ClientConnection) -> None:
    is_first = True
    while True:
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return
        text = message.get("text")
        if text is not None and is_first:
            text = without_token(text)
        is_first = False
        await server.send(message.get("bytes") or b"" if text is None else text)


async def _to_client(socket: WebSocket, server: ClientConnection) -> None:
    try:
        async for data in server:
            if isinstance(data, str):
                await socket.send_text(data)
            else:
                await socket.send_bytes(data)
        await socket.close(server.close_code or _INTERNAL_ERROR, server.close_reason)
    except (ConnectionClosed, WebSocketDisconnect, RuntimeError):
        return


def _request_headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    forwarded = [(name, value) for name, value in headers.raw if name.decode("latin-1") not in _NOT_FORWARDED]
    cookies = [cookie.strip() for cookie in headers.get("cookie", "").split(";")]
    others = "; ".join(cookie for cookie in cookies if cookie.partition("=")[0].strip() != COOKIE)
    return [*forwarded, *([(b"cookie", others.encode("latin-1"))] if others else [])]


def _response_headers(headers: httpx.Headers, request: Request) -> dict[str, str]:
    forwarded = {name: value for name, value in headers.items() if name not in _NOT_FORWARDED - {"content-length"}}
    if "location" in forwarded:
        forwarded["location"] = gateway_location(forwarded["location"])
    if request.method == "HEAD":
        forwarded.pop("transfer-encoding", None)
    return forwarded


async def _stream(response: httpx.Response) -> AsyncIterator[bytes]:
    try:
        async for chunk in response.aiter_raw():
            yield chunk
    finally:
        await response.aclose()
