"""The services of a farm: each with its command, the services it needs, and its probe."""

from __future__ import annotations

import socket
import sys
from typing import TYPE_CHECKING

from frontburner.cluster.node_processes import default_nodes
from frontburner.cluster.prefect_server import server_command, server_environment, server_url
from frontburner.credentials.authority import Authority
from frontburner.credentials.certificates import CertificateKind
from frontburner.credentials.dask_security import CERTIFICATE_NAMES, credentials_folder
from frontburner.credentials.permissions import API, PREFECT
from frontburner.manager.farm_setup import LOOPBACK, SEAWEEDFS, farm_folder
from frontburner.manager.object_store import s3_gateway, s3_url, seaweedfs_command, store_address, store_environment
from frontburner.manager.service import HttpProbe, NodeProbe, Service
from frontburner.manager.service_keeper import FARM_VARIABLE
from system.machine import cores
from system.signals import END_AT_ONCE

if TYPE_CHECKING:
    from pathlib import Path

    from frontburner.credentials.authority import CertificateFiles
    from frontburner.manager.farm_setup import FarmSetup

POOL = "frontburner"
COMMAND = (sys.executable, "-c", "from frontburner.cli import main; main()")

PREFECT_VARIABLES = {"PREFECT_UI_SERVE_BASE": PREFECT, "PREFECT_UI_API_URL": API}
"""Environment of a Prefect server whose pages are served by the gateway."""


def farm_services(setup: FarmSetup, home: Path) -> tuple[Service, ...]:
    """Return the services of a farm, each after those it needs."""
    store = _store(setup, home)
    store_names = tuple(service.name for service in store)
    gateway = () if setup.is_local else (_gateway(setup, home),)
    worker, nodes = _worker(setup, store_names), _nodes(setup, store_names)
    return (*store, _prefect(setup), _scheduler(setup), *gateway, worker, *nodes)


def services_environment(setup: FarmSetup, home: Path) -> dict[str, str]:
    """Return the environment of all services, and so of all runs of jobs."""
    folder, store = farm_folder(home), store_address(setup)
    return {
        **commands_environment(setup, home),
        "FRONTBURNER_HOME": str(home),
        FARM_VARIABLE: str(folder),
        **server_environment(folder / "prefect", setup.ports["prefect"]),
        **({"FRONTBURNER_STORE": store} if store else {}),
    }


def commands_environment(setup: FarmSetup, home: Path) -> dict[str, str]:
    """Return the environment of commands on this machine: the farm's addresses, and access to its store."""
    store = store_address(setup)
    files = None if setup.is_local else _client_files(home)
    return {
        **farm_addresses(setup),
        **({"FRONTBURNER_FILES": store} if store else {}),
        **store_environment(setup, home, files),
    }


def farm_addresses(setup: FarmSetup) -> dict[str, str]:
    """Return the variables by which commands on this machine find the farm."""
    return {
        "FRONTBURNER_SCHEDULER": scheduler_address(setup),
        "PREFECT_API_URL": server_url(setup.ports["prefect"]),
    }


def scheduler_address(setup: FarmSetup) -> str:
    """Return the scheduler's address, as nodes reach it."""
    return f"{'tcp' if setup.is_local else 'tls'}://{setup.host or LOOPBACK}:{setup.ports['scheduler']}"


def _store(setup: FarmSetup, home: Path) -> tuple[Service, ...]:
    if setup.store != SEAWEEDFS:
        return ()
    url = f"http://{LOOPBACK}:{setup.ports['s3' if setup.is_local else 's3-inner']}"
    probe = HttpProbe(url, accept_refusal=True)
    store = Service(name="store", command=seaweedfs_command(setup, home), address=url, probe=probe)
    if setup.is_local:
        return (store,)
    files = Authority.open(credentials_folder(home)).issue(CertificateKind.SERVER, "s3", [setup.host])
    folder, command = s3_gateway(setup, home, files)
    url = s3_url(setup)
    probe = HttpProbe(url, files=files, accept_refusal=True)
    return store, Service(name="s3", command=command, address=url, probe=probe, needs=("store",), folder=folder)


def _prefect(setup: FarmSetup) -> Service:
    url = server_url(setup.ports["prefect"])
    database = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": setup.database} if setup.database else {}
    return Service(
        name="prefect",
        command=tuple(server_command(setup.ports["prefect"])),
        environment=database | ({} if setup.is_local else PREFECT_VARIABLES),
        address=url.removesuffix("/api"),
        probe=HttpProbe(f"{url}/health"),
        start_timeout_s=300.0,
    )


def _scheduler(setup: FarmSetup) -> Service:
    ports = setup.ports
    return Service(
        name="scheduler",
        command=(
            sys.executable, "-m", "frontburner.manager.scheduler_process",
            *(("--host", setup.host) if setup.host else ()), "--port", str(ports["scheduler"]),
            "--health-port", str(ports["scheduler-health"]),
        ),
        address=scheduler_address(setup),
        probe=HttpProbe(_health_url(ports["scheduler-health"])),
    )  # fmt: skip


def _gateway(setup: FarmSetup, home: Path) -> Service:
    """Return the only service that accepts connections without a certificate."""
    url = f"https://{setup.host}:{setup.ports['gateway']}"
    return Service(
        name="gateway",
        command=(
            sys.executable, "-m", "frontburner.gateway.serve", "--folder", str(credentials_folder(home)),
            "--prefect", server_url(setup.ports["prefect"]).removesuffix("/api"),
            "--scheduler", scheduler_address(setup), "--host", setup.host, "--port", str(setup.ports["gateway"]),
            "--name", setup.host,
        ),
        address=url,
        probe=HttpProbe(f"{url}/health", files=_client_files(home)),
        needs=("prefect", "scheduler"),
    )  # fmt: skip


def _worker(setup: FarmSetup, needs: tuple[str, ...]) -> Service:
    """Return the service that runs deployments. Its runs end with it, and resume when it is back."""
    port = setup.ports["worker-health"]
    return Service(
        name="worker",
        command=(sys.executable, "-m", "frontburner.manager.prefect_worker", "--pool", POOL, "--folder", setup.folder),
        environment={"PREFECT_WORKER_WEBSERVER_HOST": LOOPBACK, "PREFECT_WORKER_WEBSERVER_PORT": str(port)},
        address=f"pool {POOL}",
        probe=HttpProbe(_health_url(port)),
        needs=("prefect", "scheduler", *needs),
        stop_signal=END_AT_ONCE,
        start_timeout_s=300.0,
    )


def _nodes(setup: FarmSetup, needs: tuple[str, ...]) -> tuple[Service, ...]:
    """Return the nodes of this machine: by default none where others join, so that its cores are free to serve."""
    count = setup.nodes if setup.nodes is not None else default_nodes() if setup.is_local else 0
    threads = max(1, cores() // max(1, count))
    workers_url = f"http://{LOOPBACK}:{setup.ports['scheduler-health']}/json/identity.json"
    names = [f"{socket.gethostname()}-{index + 1}" for index in range(count)]
    return tuple(
        Service(
            name=f"node-{index + 1}",
            command=(*COMMAND, "node", "start", "--name", name, "--threads", str(threads)),
            address=name,
            probe=NodeProbe(workers_url, name),
            needs=("scheduler", *needs),
        )
        for index, name in enumerate(names)
    )


def _client_files(home: Path) -> CertificateFiles:
    authority = Authority.open(credentials_folder(home))
    return authority.issue(CertificateKind.CLIENT, CERTIFICATE_NAMES[CertificateKind.CLIENT])


def _health_url(port: int) -> str:
    return f"http://{LOOPBACK}:{port}/health"
