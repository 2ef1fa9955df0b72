"""Nodes on this machine: Dask workers in processes of their own, one a node, for as long as they are needed."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dask
from distributed import Client, Nanny, Scheduler, SpecCluster

from frontburner.cluster.arbiter import Arbiter
from frontburner.cluster.log_files import logs_folder, nodes_log
from frontburner.cluster.node_log import NodeWorker, last_words, open_log
from frontburner.cluster.revocation_push import RevocationPush
from frontburner.cluster.running_farms import registered
from frontburner.cluster.worker_watch import WorkerWatch
from frontburner.credentials.dask_security import DASK_CONFIG
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from tasks.node.node_state import CHECK_VARIABLE, THREADS_VARIABLE
from tasks.node.renderer_child import NICE_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import Security

TASKS_PER_NODE = 8
"""One unit renders, the next ones wait for it, and stitching and storing go on beside them."""

CONFIG = {
    # The dispatcher decides what runs where.
    "distributed.scheduler.work-stealing": False,
    # The renderer is a child of the worker, and daemons may have none.
    "distributed.worker.daemon": False,
    "distributed.scheduler.allowed-failures": 3,
    # What the scheduler remembers of every job, and of every node that has left: a farm is up for weeks.
    "distributed.admin.low-level-log-length": 100,
    "distributed.scheduler.events-cleanup-delay": "5m",
    "distributed.comm.timeouts.connect": "60s",
    # Pixels are large on purpose, and a busy renderer must not look like a stuck event loop.
    "distributed.admin.large-graph-warning-threshold": "1GB",
    "distributed.admin.tick.limit": "60s",
    # Fifty wake-ups a second in each process take from the renderer what they measure.
    "distributed.admin.tick.interval": "500ms",
    "distributed.admin.tick.cycle": "10s",
    "distributed.worker.memory.terminate": False,
    # Statistics for a dashboard that isn't served here; they cost a tenth of a short unit.
    "distributed.worker.profile.enabled": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.admin.system-monitor.interval": "5s",
    "distributed.worker.memory.monitor-interval": "1s",
}
CLIENT = {
    **DASK_CONFIG,
    # Else it keeps what it sent last: a thousand messages, each with all that is said of a unit.
    "distributed.admin.low-level-log-length": 0,
}


def cores() -> int:
    """Return the processor cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_nodes() -> int:
    """Nodes to start on this machine: two, where it has the cores, so that one's end isn't the picture's."""
    return min(2, cores())


class NoNodes(FrontburnerError):
    """Nodes of this machine can't be started."""


@contextmanager
def local_nodes(
    count: int,
    *,
    port: int = 0,
    standings: Path | None = None,
    health_port: int = 0,
    host: str = "",
    security: Security | None = None,
) -> Iterator[SpecCluster]:
    """Run a scheduler and some nodes on this machine; all its cores are shared out among them.

    Parameters
    ----------
    count
        Number of nodes.
    port
        Port of the scheduler; 0 takes any that is free.
    standings
        Where it is kept how nodes stand, on a farm that stays; None keeps it no longer than the scheduler.
    health_port
        Port, on this machine only, where the scheduler says that it lives and who is there; 0 takes any that is free.
    host
        Address the scheduler listens on; empty is this machine only.
    security
        By which it knows whom to hear; None hears everybody that reaches it.

    Raises
    ------
    NoNodes
        When they can't be started, and why.
    """
    options = {
        **node_options(threads=max(1, cores() // max(1, count)), stays=standings is not None),
        "host": "127.0.0.1",
    }
    workers = {f"node-{index + 1}": {"cls": Nanny, "options": options} for index in range(count)}
    scheduler = scheduler_spec(
        host=host or "127.0.0.1", port=port, standings=standings, security=security, health_port=health_port
    )
    with dask.config.set(CONFIG):
        try:
            started = SpecCluster(
                workers=workers, scheduler=scheduler, silence_logs=50, shutdown_on_close=False, security=security
            )
        except RuntimeError as error:
            raise NoNodes(
                reason=f"The nodes can't be started: {last_words(error)}.",
                remedy=f"What they said is in {nodes_log().path}.",
                retryable=True,
            ) from error
        with started as cluster, registered(cluster.scheduler_address):
            yield cluster


def scheduler_spec(
    *, host: str = "127.0.0.1", port: int = 0, standings: Path | None = None, patience_s: float | None = None,
    security: Security | None = None, health_port: int = 0,
) -> dict[str, Any]:  # fmt: skip
    """Return Dask's specification of a farm's scheduler.

    Parameters
    ----------
    host, port
        Where it listens.
    standings
        Where it is kept how nodes stand.
    patience_s
        How long jobs wait for a node; None is as long as they do by themselves.
    security
        Certificates with which both sides of every connection prove themselves; None is none, for this machine alone.
    health_port
        Port of this machine at which it says whether it is well; 0 takes any that is free.
    """
    return {
        "cls": Scheduler,
        "options": {
            "host": host,
            "port": port,
            **({"security": security, "protocol": "tls"} if security else {}),
            "dashboard": False,
            "dashboard_address": f"127.0.0.1:{health_port}",
            "plugins": [WorkerWatch(), Arbiter(standings, patience_s=patience_s), RevocationPush()],
        },
    }


def node_options(*, threads: int = 0, nice: bool = False, stays: bool = False) -> dict[str, Any]:
    """Return what a node's nanny is to be made with.

    Parameters
    ----------
    threads
        Threads its renderer uses; 0 is one for each core.
    nice
        Whether its renderer gives way to everything else on the machine.
    stays
        Whether it outlives jobs: then it checks itself when it joins.
    """
    open_log()
    return {
        "nthreads": TASKS_PER_NODE,
        "env": {
            THREADS_VARIABLE: str(threads or cores()),
            "FRONTBURNER_LOGS": str(logs_folder()),
            **({NICE_VARIABLE: "1"} if nice else {}),
            **({CHECK_VARIABLE: "1"} if stays else {}),
        },
        "worker_class": NodeWorker,
        "preload": ["frontburner.cluster.preload"],
        "dashboard_address": "127.0.0.1:0",  # its pages ask nobody who they are
    }


@contextmanager
def farm() -> Iterator[str]:
    """Address of the farm's scheduler: the one that is set, or one with nodes of its own, as the cluster file says."""
    settings = Settings()
    if settings.scheduler:
        yield settings.scheduler
        return
    if settings.cluster:
        from frontburner.cluster.cluster_file import read_cluster  # it builds on this module

        with read_cluster(settings.cluster).opened() as scheduler:
            yield scheduler
        return
    with local_nodes(settings.nodes or default_nodes()) as cluster:
        yield cluster.scheduler_address


@contextmanager
def farm_client() -> Iterator[Client]:
    """Client of the farm a job is rendered on, which is started where none is set."""
    with farm() as scheduler, dask.config.set(CLIENT), Client(scheduler, set_as_default=False) as client:
        yield client
