"""A whole farm for as long as it is needed: what isn't running of it is brought up here, and ends with it."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from frontburner.settings import Settings, environment, settings_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def ephemeral_farm(nodes: int, stage: Callable[[str], None], *, helps: bool = False) -> Iterator[None]:
    """Bring up what isn't running: a Prefect server, nodes. This context's settings say where they are meanwhile.

    Parameters
    ----------
    nodes
        Nodes to start where no farm runs; 0 chooses.
    stage
        Takes what is going on, in a few words.
    helps
        Whether this machine helps a farm that runs elsewhere.
    """
    # One live display owns the terminal; Prefect's log lines still reach its UI.
    os.environ.setdefault("PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL", "CRITICAL")
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")
    with ExitStack() as stack:
        server = None
        if not environment().get("PREFECT_API_URL"):
            from frontburner.cluster.prefect_server import drain, embedded_server

            stage("starting Prefect")
            server = stack.enter_context(embedded_server())
            home = str(Settings().home / "prefect")
            stack.enter_context(settings_for(PREFECT_API_URL=server.url, PREFECT_HOME=home))
            stack.callback(drain)
        if not Settings().scheduler:
            stack.enter_context(settings_for(FRONTBURNER_SCHEDULER=stack.enter_context(_nodes(nodes, stage))))
        elif helps:
            from frontburner.cluster.local_node import local_node

            stage("starting a node here")
            stack.enter_context(local_node(Settings().scheduler))
        stage("starting Prefect" if server is not None else "asking Prefect")
        if server is not None:
            server.wait()
            stack.enter_context(_prefect_at(server.url))
        else:
            from frontburner.cluster.prefect_server import wait_for_prefect

            wait_for_prefect()
        yield


@contextmanager
def _nodes(count: int, stage: Callable[[str], None]) -> Iterator[str]:
    """Start nodes, on the cluster that is set or on this machine; gives their scheduler's address."""
    settings = Settings()
    if settings.cluster:
        from frontburner.cluster.cluster_file import read_cluster

        cluster = read_cluster(settings.cluster)
        stage(f"asking the {cluster.kind} cluster for nodes")
        with cluster.opened() as scheduler:
            yield scheduler
        return
    from frontburner.cluster.node_processes import default_nodes, local_nodes

    count = count or settings.nodes or default_nodes()
    stage(f"starting {count} node{'s' if count > 1 else ''}")
    with local_nodes(count) as here:
        yield here.scheduler_address


@contextmanager
def _prefect_at(url: str) -> Iterator[None]:
    """Have what this context does with Prefect be done at a server of its own."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    with temporary_settings({PREFECT_API_URL: url, PREFECT_HOME: Settings().home / "prefect"}):
        yield
