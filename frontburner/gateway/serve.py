"""Runs the gateway: ``python -m frontburner.gateway.serve``. Its certificate is renewed while it runs."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Mapping  # noqa: TC003 - cyclopts reads the annotations
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import TYPE_CHECKING, Annotated

import psutil
import uvicorn
from cyclopts import App, Parameter

from frontburner.credentials.authority import Authority
from frontburner.credentials.certificates import CertificateKind
from frontburner.credentials.dask_security import credentials_folder
from frontburner.credentials.permissions import may
from frontburner.credentials.tokens import TokenStore
from frontburner.gateway.auth_middleware import MAX_FAILURES
from frontburner.gateway.enrolment import STORE_VARIABLES, Enrolment
from frontburner.gateway.gateway import Gateway
from frontburner.gateway.submit_policy import AllowedLocations, GatewayDropHandler
from frontburner.manager.metrics import MetricsApp
from frontburner.monitor.app import make_app
from frontburner.monitor.farm_source import LocalFarm
from frontburner.node_setup.invitation import invite
from frontburner.settings import Settings, comma_separated

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

    from frontburner.node_setup.invitation import Invitation

PORT = 8700
RENEW_INTERVAL_S = 24 * 3600
MAX_CONNECTIONS = 1000
SHUTDOWN_TIMEOUT_S = 5

app = App(name="frontburner.gateway.serve", help="The gateway of a farm.")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """Settings of a gateway.

    Parameters
    ----------
    prefect
        Address of the Prefect server, on loopback.
    scheduler
        Address of the scheduler, as nodes reach it.
    host
        Address to listen at.
    port
        Port to listen at.
    folder
        Folder of the authority and the tokens; by default that of FRONTBURNER_HOME.
    names
        Name by which this machine is reached, besides its own; may be repeated.
    environment
        Environment variables by which nodes and operators reach the store; None takes them from this process.
    max_failures
        Failed attempts in a row from one address until it must wait.
    monitor
        Whether the monitor is served.
    """

    prefect: str
    scheduler: str
    host: str = "127.0.0.1"
    port: int = PORT
    folder: Path = field(default_factory=credentials_folder)
    names: Annotated[tuple[str, ...], Parameter(name="--name")] = ()
    environment: Annotated[Mapping[str, str] | None, Parameter(parse=False)] = None
    max_failures: Annotated[int, Parameter(parse=False)] = MAX_FAILURES
    monitor: Annotated[bool, Parameter(parse=False)] = True


@app.default
def main(settings: Annotated[GatewaySettings, Parameter(name="*")]) -> None:
    """Run the gateway until SIGTERM."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(_serve(settings))


def local_names() -> list[str]:
    """Return the names and addresses this machine knows of itself."""
    names = {"localhost", "127.0.0.1", socket.gethostname(), socket.getfqdn()}
    for addresses in psutil.net_if_addrs().values():
        names |= {address.address for address in addresses if address.family is socket.AF_INET}
    return sorted(name for name in names if name and len(name.encode()) < 64)


def create_server(settings: GatewaySettings) -> tuple[uvicorn.Server, ssl.SSLContext]:
    """Return the server and its TLS context; nothing listens yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # browsers and Prefect's client speak both
    _load_certificate(context, settings)
    locations = AllowedLocations(
        scenes=comma_separated(Settings().scenes),
        pictures=comma_separated(Settings().pictures),
        scripts=Settings().submitted_scripts,
    )
    store = {name: os.environ[name] for name in STORE_VARIABLES if name in os.environ}
    enrolment = Enrolment(
        authority=Authority.open(settings.folder),
        tokens=TokenStore.open(settings.folder),
        scheduler=settings.scheduler,
        environment=store if settings.environment is None else settings.environment,
    )
    gateway = Gateway(
        enrolment=enrolment,
        prefect=settings.prefect,
        max_failures=settings.max_failures,
        monitor=_monitor(settings, locations) if settings.monitor else None,
        metrics=MetricsApp(scheduler=settings.scheduler),
        locations=locations,
        upload_bytes=Settings().upload,
    )
    config = uvicorn.Config(
        gateway.app(),
        host=settings.host,
        port=settings.port,
        ssl_context_factory=lambda _config, _default: context,
        ws="websockets-sansio",
        http="h11",
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
    )
    return uvicorn.Server(config), context


async def _serve(settings: GatewaySettings) -> None:
    server, context = create_server(settings)
    renewal = asyncio.ensure_future(_renew(context, settings))
    try:
        await server.serve()
    finally:
        renewal.cancel()
        with suppress(asyncio.CancelledError):
            await renewal


async def _renew(context: ssl.SSLContext, settings: GatewaySettings) -> None:
    while True:
        await asyncio.sleep(RENEW_INTERVAL_S)
        _load_certificate(context, settings)


def _load_certificate(context: ssl.SSLContext, settings: GatewaySettings) -> None:
    """Load the gateway's certificate, made or renewed if due."""
    authority = Authority.open(settings.folder)
    files = authority.issue(CertificateKind.SERVER, "gateway", [*local_names(), *settings.names])
    context.load_cert_chain(files.certificate, files.key)


def _monitor(settings: GatewaySettings, locations: AllowedLocations) -> Starlette:
    """Return the monitor of this farm, whose controls check the caller's role."""

    def allows(request: Request, permission: str) -> bool:
        return may(request.state.caller.role, permission)

    def caller(request: Request) -> str:
        return str(request.state.caller.name)

    prefect = settings.prefect.rstrip("/").removesuffix("/api")
    drop_handler = GatewayDropHandler(locations=locations, prefect=prefect, max_bytes=Settings().upload)
    source = LocalFarm(scheduler=settings.scheduler, out=None)
    # Any host name is accepted: browsers allow only names in the certificate, which no other site has.
    return make_app(
        source, allowed=allows, hosts=["*"], drops=drop_handler, user_of=caller, invite=partial(_invite, settings)
    )


def _invite(settings: GatewaySettings) -> Invitation:
    """Make an invitation by which machines become nodes of this farm."""
    authority, tokens = Authority.open(settings.folder), TokenStore.open(settings.folder)
    farm = f"https://{settings.host}:{settings.port}"
    return invite(tokens, farm, authority=authority.fingerprint)


if __name__ == "__main__":
    app()
