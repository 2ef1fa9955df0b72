"""Starts nodes on this machine: Dask workers in processes of their own, and the scheduler they join."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dask
from distributed import Client, Nanny, Scheduler, SpecCluster

from frontburner.cluster.arbiter import Arbiter
from frontburner.cluster.log_files import logs_folder, nodes_log
from frontburner.cluster.node_log import NodeWorker, open_log, start_error
from frontburner.cluster.port_use import port_problem
from frontburner.cluster.revocation_push import RevocationPush
from frontburner.cluster.running_farms import registered
from frontburner.credentials.dask_security import DASK_CONFIG
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from system.machine import cores
from tasks.node.machine_checks import YIELDS_VARIABLE
from tasks.node.node_state import CHECK_VARIABLE, MEMORY_VARIABLE, THREADS_VARIABLE
from tasks.node.renderer_child import NICE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from distributed import Security

TASKS_PER_NODE = 8
"""One unit renders, the next ones wait for it, and stitching and storing run beside them."""
LOOPBACK = "127.0.0.1"
PRELOAD = "frontburner.cluster.preload"
"""Makes a Dask worker a node."""
WORKER_ARGUMENTS = ["--nthreads", str(TASKS_PER_NODE), "--preload", PRELOAD, "--no-dashboard"]
"""Arguments of ``dask worker`` for a node."""

CONFIG = {
    # The dispatcher decides what runs where.
    "distributed.scheduler.work-stealing": False,
    # The renderer is a child of the worker, and daemons may have none.
    "distributed.worker.daemon": False,
    "distributed.scheduler.allowed-failures": 3,
    # Limits what the scheduler keeps of every job and of every node that has left: a farm is up for weeks.
    "distributed.admin.low-level-log-length": 100,
    "distributed.scheduler.events-cleanup-delay": "5m",
    "distributed.comm.timeouts.connect": "60s",
    # Pixels are large on purpose, and a busy renderer must not look like a blocked event loop.
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.admin.tick.limit": "60s",
    # Fifty wake-ups a second in each process would cost the renderer time.
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.tick.cycle": "10s",
    "distributed.worker.memory.terminate": False,
    # Statistics for a dashboard that isn't served here; they cost a tenth of a short unit.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.worker.memory.monitor-interval": "1s",
}
CLIENT_CONFIG = {
    **DASK_CONFIG,
    # Otherwise the client keeps the last thousand messages it sent, with all their unit specifications.
    "distributed.admin.low-level-log-length": 0,
}


def default_nodes() -> int:
    """Nodes to start on this machine: two where it has the cores, so that a job survives the death of one."""
    return min(2, cores())


class NoNodes(FrontburnerError):
    """Nodes of this machine can't be started."""


@contextmanager
def local_nodes(
    count: int,
    *,
    port: int = 0,
    settings_path: Path | None = None,
    health_port: int = 0,
    host: str = "",
    security: Security | None = None,
) -> Iterator[SpecCluster]:
    """Run a scheduler and some nodes on this machine, which share its cores.

    Parameters as of `scheduler_spec`; an empty ``host`` is the loopback interface.

    Raises
    ------
    NoNodes
        When they can't be started.
    """
    if problem := port_problem(host or LOOPBACK, port):
        raise NoNodes(
            reason=f"The scheduler can't be started: {problem}",
            remedy=f"End what has it, or take another port: --port {port + 1}, or --port 0 for any.",
        )
    threads = max(1, cores() // max(1, count))
    options = {**node_options(threads=threads, persistent=settings_path is not None), "host": LOOPBACK}
    workers = {f"node-{index + 1}": {"cls": Nanny, "options": options} for index in range(count)}
    scheduler = scheduler_spec(
        host=host or LOOPBACK, port=port, settings_path=settings_path, security=security, health_port=health_port
    )
    with dask.config.set(CONFIG):
        try:
            started = SpecCluster(
                workers=workers, scheduler=scheduler, silence_logs=50, shutdown_on_close=False, security=security
            )
        except RuntimeError as error:
            raise NoNodes(
                reason=f"The nodes can't be started: {start_error(error)}.",
                remedy=f"Their output is in {nodes_log().path}.",
                retryable=True,
            ) from error
        with started as cluster, registered(cluster.scheduler_address):
            yield cluster


def scheduler_spec(
    *, host: str = LOOPBACK, port: int = 0, settings_path: Path | None = None, node_timeout_s: float | None = None,
    security: Security | None = None, health_port: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Return Dask's specification of a farm's scheduler.

    Parameters
    ----------
    host, port
        Where it listens; port 0 is any free one.
    settings_path
        File that keeps the settings of nodes, on a persistent farm.
    node_timeout_s
        How long jobs wait for a node; None leaves it to the jobs.
    security
        Certificates with which both sides of every connection authenticate; None is no TLS, for this machine alone.
    health_port
        Port of the health check on the loopback interface; 0 is any free one.
    """
    return {
        "cls": Scheduler,
        "options": {
            "host": host,
            "port": port,
            **({"security": security, "protocol": "tls"} if security else {}),
            "dashboard": False,
            "dashboard_address": f"{LOOPBACK}:{health_port}",
            "plugins": [Arbiter(settings_path, node_timeout_s=node_timeout_s), RevocationPush()],
        },
    }


def node_options(
    *, threads: int = 0, nice: bool = False, persistent: bool = False, yields: bool = False, memory_bytes: int = 0
) -> dict[str, Any]:
    """Return the options of a node's nanny.

    Parameters
    ----------
    threads
        Threads of its renderer; 0 is one for each core.
    nice
        Whether its renderer has the lowest priority on the machine.
    persistent
        Whether it outlives jobs; it checks itself when it joins then.
    yields
        Whether its machine is given back as soon as somebody uses it.
    memory_bytes
        Most memory its renderer may take; 0 is no limit.
    """
    open_log()
    return {
        "nthreads": TASKS_PER_NODE,
        "env": {
            THREADS_VARIABLE: str(threads or cores()),
            "FRONTBURNER_LOGS": str(logs_folder()),
            **({NICE_VARIABLE: "1"} if nice else {}),
            **({CHECK_VARIABLE: "1"} if persistent else {}),
            **({YIELDS_VARIABLE: "1"} if yields else {}),
            **({MEMORY_VARIABLE: str(memory_bytes)} if memory_bytes else {}),
        },
        **({"memory_limit": memory_bytes} if memory_bytes else {}),
        "worker_class": NodeWorker,
        "preload": [PRELOAD],
        "dashboard_address": f"{LOOPBACK}:0",  # its pages have no authentication
    }


@contextmanager
def farm(nodes: int = 0, stage: Callable[[str], None] = lambda _: None) -> Iterator[str]:
    """Give the address of the configured scheduler, or start one with nodes, on the configured cluster or this machine.

    Parameters
    ----------
    nodes
        Number of nodes on this machine; 0 is the configured one, or the default.
    stage
        Called with what is being done, in a few words.
    """
    settings = Settings()
    if settings.scheduler:
        yield settings.scheduler
    elif settings.cluster:
        from frontburner.cluster.cluster_file import read_cluster  # it imports this module

        cluster_file = read_cluster(settings.cluster)
        stage(f"asking the {cluster_file.kind} cluster for nodes")
        with cluster_file.run() as scheduler:
            yield scheduler
    else:
        count = nodes or settings.nodes or default_nodes()
        stage(f"starting {count} node{'s' if count > 1 else ''}")
        with local_nodes(count) as cluster:
            yield cluster.scheduler_address


@contextmanager
def farm_client() -> Iterator[Client]:
    """Give a client of the farm that jobs are rendered on, see `farm`."""
    with farm() as scheduler, dask.config.set(CLIENT_CONFIG), Client(scheduler, set_as_default=False) as client:
        yield client
