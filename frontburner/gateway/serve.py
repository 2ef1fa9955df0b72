"""Runs the gateway: ``python -m frontburner.gateway.serve``. Its certificate is renewed while it runs."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path  # noqa: TC003 - cyclopts reads the annotations
from typing import TYPE_CHECKING

import psutil
import uvicorn
from cyclopts import App

from frontburner.credentials.authority import Authority
from frontburner.credentials.certificates import CertificateKind
from frontburner.credentials.dask_security import credentials_folder
from frontburner.credentials.permissions import may
from frontburner.credentials.tokens import TokenStore
from frontburner.gateway.enrolment import STORE_VARIABLES
from frontburner.gateway.gateway import Gateway
from frontburner.gateway.rate_limit import AT_ONCE
from frontburner.gateway.submit_policy import AllowedPlaces
from frontburner.manager.metrics_app import MetricsApp
from frontburner.settings import Settings, listed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from starlette.applications import Starlette
    from starlette.requests import Request

from frontburner.credentials.authority import CertificateFiles

PORT = 8700
RENEW_EVERY_S = 24 * 3600
MOST_CONNECTIONS = 1000
STOP_S = 5

app = App(name="frontburner.gateway.serve", help="The gateway of a farm.")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings:
    """How a gateway is run.

    Parameters
    ----------
    host, port
        Where it listens.
    folder
        The folder of the authority and the tokens.
    prefect
        Address of the Prefect server, on loopback.
    scheduler
        Address of the scheduler, as nodes reach it.
    names
        Names and addresses by which people and nodes reach this machine, besides those it knows itself.
    environment
        What nodes and operators need of the environment to reach the store; None is what this process has.
    failures
        So many attempts to get in may fail in a row from one address, before it has to wait.
    monitor
        Whether the monitor is shown to whoever may look.
    """

    folder: Path
    prefect: str
    scheduler: str
    host: str = "127.0.0.1"
    port: int = PORT
    names: Sequence[str] = ()
    environment: Mapping[str, str] | None = None
    failures: int = AT_ONCE
    monitor: bool = False


def serve(settings: GatewaySettings) -> None:
    """Run the gateway until the process is told to end."""
    asyncio.run(_serve(settings))


def own_names() -> list[str]:
    """Return the names and addresses this machine knows of itself."""
    found = {"localhost", "127.0.0.1", socket.gethostname(), socket.getfqdn()}
    for addresses in psutil.net_if_addrs().values():
        found |= {at.address for at in addresses if at.family is socket.AF_INET}
    return sorted(name for name in found if name and len(name.encode()) < 64)


def server(settings: GatewaySettings) -> tuple[uvicorn.Server, ssl.SSLContext, CertificateFiles]:
    """Return the server, its TLS and its papers; nothing listens yet."""
    authority = Authority.open(settings.folder)
    papers = _papers(authority, settings)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # browsers and Prefect's client speak both
    context.load_cert_chain(papers.certificate, papers.key)
    places = AllowedPlaces(scenes=listed(Settings().scenes), pictures=listed(Settings().pictures))
    gateway = Gateway(
        authority=authority,
        tokens=TokenStore.open(settings.folder),
        prefect=settings.prefect,
        scheduler=settings.scheduler,
        environment=_store() if settings.environment is None else settings.environment,
        failures=settings.failures,
        inside={"/": _monitor(settings, places)} if settings.monitor else {},
        metrics=MetricsApp(scheduler=lambda: settings.scheduler),
        places=places,
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
        limit_concurrency=MOST_CONNECTIONS,
        timeout_graceful_shutdown=STOP_S,
    )
    return uvicorn.Server(config), context, papers


async def _serve(settings: GatewaySettings) -> None:
    running, context, _ = server(settings)
    renewing = asyncio.ensure_future(_renew(context, settings))
    try:
        await running.serve()
    finally:
        renewing.cancel()
        with suppress(asyncio.CancelledError):
            await renewing


async def _renew(context: ssl.SSLContext, settings: GatewaySettings) -> None:
    """Take up a new certificate whenever the old one is about to be over."""
    while True:
        await asyncio.sleep(RENEW_EVERY_S)
        papers = _papers(Authority.open(settings.folder), settings)
        context.load_cert_chain(papers.certificate, papers.key)


def _papers(authority: Authority, settings: GatewaySettings) -> CertificateFiles:
    return authority.issue(CertificateKind.SERVER, "gateway", [*own_names(), *settings.names])


def _store() -> dict[str, str]:
    return {name: os.environ[name] for name in STORE_VARIABLES if name in os.environ}


def _monitor(settings: GatewaySettings, places: AllowedPlaces) -> Starlette:
    """Return the monitor of this farm; each of its controls asks what the caller's token allows."""
    from frontburner.gateway.drop_handler import GatewayDropHandler
    from frontburner.monitor.app import monitor
    from frontburner.monitor.farm_source import LocalFarm

    def allows(request: Request, right: str) -> bool:
        return may(request.state.caller.role, right)

    def caller(request: Request) -> str:
        return str(request.state.caller.name)

    prefect = settings.prefect.rstrip("/").removesuffix("/api")
    reception = GatewayDropHandler(places=places, prefect=prefect, most_bytes=Settings().upload)
    # Which names lead here is the certificate's business: a page of another site can't have one for its own.
    source = LocalFarm(scheduler=settings.scheduler, out=None)
    return monitor(source, may=allows, hosts=["*"], reception=reception, who=caller)


@app.default
def main(
    *, prefect: str, scheduler: str, host: str = "127.0.0.1", port: int = PORT, folder: Path | None = None,
    name: tuple[str, ...] = (),
) -> None:  # fmt: skip
    """Run the gateway until SIGTERM.

    Parameters
    ----------
    prefect
        Address of the Prefect server, on loopback.
    scheduler
        Address of the scheduler, as nodes reach it.
    host
        Address to listen at.
    folder
        Folder of the authority and the tokens; empty is that of FRONTBURNER_HOME.
    name
        Names by which this machine is reached, besides its own; several times for several.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    serve(
        GatewaySettings(
            folder=folder or credentials_folder(),
            prefect=prefect,
            scheduler=scheduler,
            host=host,
            port=port,
            names=name,
            monitor=True,
        )
    )


if __name__ == "__main__":
    app()
