"""What a farm is made of: each part with its program, what it needs, and how one knows that it is up."""

from __future__ import annotations

import signal
import socket
import sys
from typing import TYPE_CHECKING

from frontburner.cluster.node_processes import cores, default_nodes
from frontburner.cluster.prefect_server import server_command, server_environment, server_url
from frontburner.credentials.authority import Authority
from frontburner.credentials.certificates import CertificateKind
from frontburner.credentials.dask_security import CERTIFICATE_NAMES, credentials_folder
from frontburner.manager.farm_setup import LOOPBACK, SEAWEEDFS, farm_folder
from frontburner.manager.health_probes import HttpProbe, NodeProbe
from frontburner.manager.object_store import s3_front, s3_url, seaweedfs, store_address, store_environment
from frontburner.manager.orphans import MARK
from frontburner.manager.service import Service
from frontburner.manager.service_environment import prefect_variables

if TYPE_CHECKING:
    from pathlib import Path

    from frontburner.credentials.authority import CertificateFiles
    from frontburner.manager.farm_setup import FarmSetup

POOL = "frontburner"
COMMAND = (sys.executable, "-c", "from frontburner.cli import main; main()")


def services_of(setup: FarmSetup, home: Path) -> tuple[Service, ...]:
    """Return the parts of a farm, each after those it needs."""
    store = _stores(setup, home)
    needs = tuple(part.name for part in store)
    door = () if setup.alone else (_gateway(setup, home),)
    return (*store, _prefect(setup), _scheduler(setup), *door, _worker(setup, needs), *_nodes(setup, needs))


def environment_of(setup: FarmSetup, home: Path) -> dict[str, str]:
    """Return what all parts find in their environment, and with them all runs of jobs."""
    folder, store = farm_folder(home), store_address(setup)
    return {
        **commands_environment(setup, home),
        "FRONTBURNER_HOME": str(home),
        MARK: str(folder),
        **server_environment(folder / "prefect", setup.ports["prefect"]),
        **({"FRONTBURNER_STORE": store} if store else {}),
    }


def commands_environment(setup: FarmSetup, home: Path) -> dict[str, str]:
    """Return what commands on this machine need to use the farm: where it is, who they are, the keys of its store."""
    store = store_address(setup)
    papers = None if setup.alone else _client_files(home)
    return {
        **leads(setup),
        **({"FRONTBURNER_FILES": store} if store else {}),
        **store_environment(setup, home, papers),
    }


def leads(setup: FarmSetup) -> dict[str, str]:
    """Return where the farm is, for commands on this machine."""
    return {
        "FRONTBURNER_SCHEDULER": scheduler_address(setup),
        "PREFECT_API_URL": server_url(setup.ports["prefect"]),
    }


def scheduler_address(setup: FarmSetup) -> str:
    """Return where nodes find the scheduler."""
    return f"{'tcp' if setup.alone else 'tls'}://{setup.host or LOOPBACK}:{setup.ports['scheduler']}"


def gateway_address(setup: FarmSetup) -> str:
    """Return where people and other machines find the farm; empty on a farm of this machine only."""
    return "" if setup.alone else f"https://{setup.host}:{setup.ports['gateway']}"


def _stores(setup: FarmSetup, home: Path) -> tuple[Service, ...]:
    if setup.store != SEAWEEDFS:
        return ()
    inner = f"http://{LOOPBACK}:{setup.ports['s3' if setup.alone else 's3-inner']}"
    store = Service(name="store", command=seaweedfs(setup, home), address=inner, probe=HttpProbe(inner, refusing=True))
    if setup.alone:
        return (store,)
    papers = Authority.open(credentials_folder(home)).issue(CertificateKind.SERVER, "s3", [setup.host])
    folder, command = s3_front(setup, home, papers)
    url = s3_url(setup)
    probe = HttpProbe(url, papers=papers, refusing=True)
    return store, Service(name="s3", command=command, address=url, probe=probe, needs=("store",), folder=folder)


def _prefect(setup: FarmSetup) -> Service:
    url = server_url(setup.ports["prefect"])
    database = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": setup.database} if setup.database else {}
    return Service(
        name="prefect",
        command=tuple(server_command(setup.ports["prefect"])),
        environment=database | ({} if setup.alone else prefect_variables()),
        address=url.removesuffix("/api"),
        probe=HttpProbe(f"{url}/health"),
        within_s=300.0,
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
        probe=HttpProbe(_health(ports["scheduler-health"])),
    )  # fmt: skip


def _gateway(setup: FarmSetup, home: Path) -> Service:
    """Make the one part that hears people and machines nobody knows yet."""
    url = gateway_address(setup)
    return Service(
        name="gateway",
        command=(
            sys.executable, "-m", "frontburner.gateway.serve", "--folder", str(credentials_folder(home)),
            "--prefect", server_url(setup.ports["prefect"]).removesuffix("/api"),
            "--scheduler", scheduler_address(setup), "--host", setup.host, "--port", str(setup.ports["gateway"]),
            "--name", setup.host,
        ),
        address=url,
        probe=HttpProbe(f"{url}/health", papers=_client_files(home)),
        needs=("prefect", "scheduler"),
    )  # fmt: skip


def _worker(setup: FarmSetup, needs: tuple[str, ...]) -> Service:
    """Make the part that takes runs of deployments. What it runs is ended with it, and goes on when it is back."""
    port = setup.ports["worker-health"]
    return Service(
        name="worker",
        command=(sys.executable, "-m", "frontburner.manager.prefect_worker", "--pool", POOL, "--folder", setup.folder),
        environment={"PREFECT_WORKER_WEBSERVER_HOST": LOOPBACK, "PREFECT_WORKER_WEBSERVER_PORT": str(port)},
        address=f"pool {POOL}",
        probe=HttpProbe(_health(port)),
        needs=("prefect", "scheduler", *needs),
        ends=signal.SIGKILL,
        within_s=300.0,
    )


def _nodes(setup: FarmSetup, needs: tuple[str, ...]) -> tuple[Service, ...]:
    """Make the nodes of this machine: some, or none where others are to join, which then have its cores for serving."""
    count = setup.nodes if setup.nodes is not None else default_nodes() if setup.alone else 0
    threads = max(1, cores() // max(1, count))
    health = f"http://{LOOPBACK}:{setup.ports['scheduler-health']}/json/identity.json"
    names = [f"{socket.gethostname()}-{index + 1}" for index in range(count)]
    return tuple(
        Service(
            name=f"node-{index + 1}",
            command=(*COMMAND, "node", "start", "--name", name, "--threads", str(threads)),
            address=name,
            probe=NodeProbe(health, name),
            needs=("scheduler", *needs),
        )
        for index, name in enumerate(names)
    )


def _client_files(home: Path) -> CertificateFiles:
    authority = Authority.open(credentials_folder(home))
    return authority.issue(CertificateKind.CLIENT, CERTIFICATE_NAMES[CertificateKind.CLIENT])


def _health(port: int) -> str:
    return f"http://{LOOPBACK}:{port}/health"
