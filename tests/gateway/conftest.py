"""A gateway with real TLS on loopback, and behind it a stand-in for Prefect that tells what it was asked."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dask
import httpx
import pytest
import uvicorn
from distributed import Nanny, Scheduler, SpecCluster
from starlette.applications import Starlette
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route, WebSocketRoute

from frontburner.cluster.node_processes import CONFIG, node_options
from frontburner.credentials.authority import Authority
from frontburner.credentials.dask_security import security_for
from frontburner.credentials.tokens import Role, TokenStore
from frontburner.gateway.serve import GatewaySettings, create_server
from tests.end_to_end.conftest import TIMEOUT_S, null_scene, until  # noqa: F401 - also a fixture of the tests here

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.websockets import WebSocket

STORE = {"AWS_ACCESS_KEY_ID": "farm", "AWS_SECRET_ACCESS_KEY": "very-secret-key-of-the-store"}


@dataclass(slots=True, kw_only=True)
class BehindPrefect:
    """Stands in for a Prefect server: takes note of what reaches it."""

    heard: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        self.heard.append(
            {"method": request.method, "path": request.url.path, "query": request.url.query,
             "headers": dict(request.headers), "body": body.decode("latin-1")}
        )  # fmt: skip
        if request.url.path == "/prefect/ui-settings":
            return JSONResponse({"api_url": "http://127.0.0.1:4200/api", "auth": None, "flags": []})
        if request.url.path == "/api/flows":
            return RedirectResponse("http://127.0.0.1:4200/api/flows/?x=1", 307)
        if request.url.path.startswith("/api/deployments/"):
            return JSONResponse({"id": "11111111-2222-3333-4444-555555555555"})
        return JSONResponse({"path": request.url.path})

    async def socket(self, socket: WebSocket) -> None:
        await socket.accept(subprotocol="prefect" if "prefect" in socket.scope["subprotocols"] else None)
        self.heard.append({"method": "SOCKET", "path": socket.url.path, "headers": dict(socket.headers)})
        async for text in socket.iter_text():
            self.said.append(text)
            await socket.send_text(f"heard {text}")

    def app(self) -> Starlette:
        methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(
            routes=[WebSocketRoute("/{rest:path}", self.socket), Route("/{rest:path}", self.answer, methods=methods)]
        )


@dataclass(slots=True, kw_only=True)
class Gate:
    """A running gateway, and what is behind it."""

    url: str
    folder: Path
    authority: Authority
    prefect: BehindPrefect

    def token(self, role: str, name: str = "", **more: Any) -> str:
        """Make a token."""
        made = TokenStore.open(self.folder).add(
            name or f"t{time.monotonic_ns()}", Role(role), authority=self.authority.fingerprint, **more
        )
        return str(made)

    @contextmanager
    def client(self, token: str = "", **options: Any) -> Iterator[httpx.Client]:
        """Whoever knows the authority, and perhaps has a token."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(
            base_url=self.url, verify=self.context(), headers=headers, trust_env=False, timeout=TIMEOUT_S, **options
        ) as client:
            yield client

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.certificate_path))


@contextmanager
def serving(running: uvicorn.Server) -> Iterator[int]:
    """Have a server answer on a free port of this machine; yields the port."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=running.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        until(lambda: running.started or not thread.is_alive())
        assert running.started, "the server ended while it started"
        try:
            yield listener.getsockname()[1]
        finally:
            running.should_exit = True
            thread.join()


@contextmanager
def gateway(folder: Path, **settings: Any) -> Iterator[Gate]:
    """Run a gateway in front of a stand-in for Prefect, or of what the settings name."""
    behind = BehindPrefect()
    config = uvicorn.Config(behind.app(), log_config=None, ws="websockets-sansio", lifespan="off")
    with serving(uvicorn.Server(config)) as port:
        defaults: dict[str, Any] = {
            "prefect": f"http://127.0.0.1:{port}/api", "scheduler": "tls://farm.studio:8786", "environment": STORE,
            "monitor": False,
        }  # fmt: skip
        own, _ = create_server(GatewaySettings(folder=folder, **(defaults | settings)))
        with serving(own) as at:
            yield Gate(url=f"https://127.0.0.1:{at}", folder=folder, authority=Authority.open(folder), prefect=behind)


@contextmanager
def running(*, encrypted: bool, folder: Path, nodes: int = 0) -> Iterator[SpecCluster]:
    """A scheduler, with or without papers, and its nodes."""
    security = {kind: security_for(kind, folder) if encrypted else None for kind in ("create_server", "node", "client")}
    scheduler = {
        "host": "127.0.0.1", "port": 0, "protocol": "tls" if encrypted else "tcp", "dashboard": False,
        "dashboard_address": "127.0.0.1:0", "security": security["create_server"],
    }  # fmt: skip
    node = {**node_options(threads=1), "host": "127.0.0.1", "security": security["node"], "protocol": "tls"}
    workers = {f"node-{n}": {"cls": Nanny, "options": node} for n in range(nodes)}
    with (
        dask.config.set(CONFIG),
        SpecCluster(
            workers=workers, scheduler={"cls": Scheduler, "options": scheduler}, security=security["client"],
            silence_logs=50, shutdown_on_close=False,
        ) as cluster,
    ):  # fmt: skip
        yield cluster


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gate]:
    home = tmp_path_factory.mktemp("manager")
    scenes = home / "scenes"
    scenes.mkdir()
    (scenes / "still.json").write_text(json.dumps({"size": "16x16"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRONTBURNER_SCENES", str(scenes))
        patch.setenv("FRONTBURNER_PICTURES", f"{home / 'pictures'},s3://farm/pictures")
        with gateway(home / "gate", max_failures=1_000_000) as running:
            yield running
