"""A gateway with real TLS on loopback, in front of a fake Prefect server that records its requests."""

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
from tests.end_to_end.conftest import TIMEOUT_S, null_scene, until  # noqa: F401 - also a fixture of these tests

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from starlette.requests import Request
    from starlette.websockets import WebSocket

STORE = {"AWS_ACCESS_KEY_ID": "farm", "AWS_SECRET_ACCESS_KEY": "very-secret-key-of-the-store"}


@dataclass(slots=True, kw_only=True)
class FakePrefect:
    """A fake Prefect server that records the requests and messages it gets."""

    requests: list[dict[str, Any]] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    async def answer(self, request: Request) -> Response:
        body = await request.body()
        self.requests.append(
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
        self.requests.append({"method": "SOCKET", "path": socket.url.path, "headers": dict(socket.headers)})
        async for text in socket.iter_text():
            self.messages.append(text)
            await socket.send_text(f"heard {text}")

    def app(self) -> Starlette:
        methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(
            routes=[WebSocketRoute("/{rest:path}", self.socket), Route("/{rest:path}", self.answer, methods=methods)]
        )


@dataclass(slots=True, kw_only=True)
class RunningGateway:
    """A running gateway, and the fake Prefect server behind it."""

    url: str
    folder: Path
    authority: Authority
    prefect: FakePrefect

    def token(self, role: str, name: str = "", **more: Any) -> str:
        """Make a token."""
        made = TokenStore.open(self.folder).add(
            name or f"t{time.monotonic_ns()}", Role(role), authority=self.authority.fingerprint, **more
        )
        return str(made)

    @contextmanager
    def client(self, token: str = "", **options: Any) -> Iterator[httpx.Client]:
        """A client that trusts the authority, with a token or without."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        with httpx.Client(
            base_url=self.url, verify=self.context(), headers=headers, trust_env=False, timeout=TIMEOUT_S, **options
        ) as client:
            yield client

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=str(self.authority.certificate_path))


@contextmanager
def serving(running: uvicorn.Server) -> Iterator[int]:
    """Run a server on a free port; yields the port."""
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
def run_gateway(folder: Path, **settings: Any) -> Iterator[RunningGateway]:
    """Run a gateway in front of a fake Prefect server, or of the one in the settings."""
    prefect = FakePrefect()
    config = uvicorn.Config(prefect.app(), log_config=None, ws="websockets-sansio", lifespan="off")
    with serving(uvicorn.Server(config)) as port:
        defaults: dict[str, Any] = {
            "prefect": f"http://127.0.0.1:{port}/api", "scheduler": "tls://farm.studio:8786", "environment": STORE,
            "monitor": False,
        }  # fmt: skip
        server, _ = create_server(GatewaySettings(folder=folder, **(defaults | settings)))
        with serving(server) as tls_port:
            url, authority = f"https://127.0.0.1:{tls_port}", Authority.open(folder)
            yield RunningGateway(url=url, folder=folder, authority=authority, prefect=prefect)


@contextmanager
def run_cluster(*, encrypted: bool, folder: Path, nodes: int = 0) -> Iterator[SpecCluster]:
    """A scheduler and its nodes, with or without mutual TLS."""
    security = {kind: security_for(kind, folder) if encrypted else None for kind in ("server", "node", "client")}
    scheduler = {
        "host": "127.0.0.1", "port": 0, "protocol": "tls" if encrypted else "tcp", "dashboard": False,
        "dashboard_address": "127.0.0.1:0", "security": security["server"],
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
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningGateway]:
    home = tmp_path_factory.mktemp("manager")
    scenes = home / "scenes"
    scenes.mkdir()
    (scenes / "still.json").write_text(json.dumps({"size": "16x16"}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRONTBURNER_SCENES", str(scenes))
        patch.setenv("FRONTBURNER_PICTURES", f"{home / 'pictures'},s3://farm/pictures")
        with run_gateway(home / "gate", max_failures=1_000_000) as running:
            yield running
