"""Starts what isn't running of a farm for as long as a command needs it: the Prefect server, nodes, a local node."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from frontburner.settings import Settings, environment, settings_for
from system.processes import start_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@contextmanager
def ephemeral_farm(nodes: int, stage: Callable[[str], None], *, helps: bool = False) -> Iterator[None]:
    """Start what isn't running, and set this context's settings accordingly.

    Parameters
    ----------
    nodes
        Nodes to start where no farm runs; 0 chooses.
    stage
        Called with what is being done, in a few words.
    helps
        Whether to start a node here that joins a farm running elsewhere.
    """
    # A single live display owns the terminal; Prefect's log lines still reach its UI.
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
            from frontburner.cluster.node_processes import farm

            stack.enter_context(settings_for(FRONTBURNER_SCHEDULER=stack.enter_context(farm(nodes, stage))))
        elif helps:
            stage("starting a node here")
            stack.enter_context(_local_node(Settings().scheduler))
        stage("starting Prefect" if server is not None else "asking Prefect")
        if server is not None:
            server.wait()
            stack.enter_context(_prefect_at(server.url))
        else:
            from frontburner.cluster.prefect_server import wait_for_prefect

            wait_for_prefect()
        yield


@contextmanager
def _local_node(scheduler: str) -> Iterator[None]:
    """Run a node that joins a farm running elsewhere, and ends with this process, however that ends."""
    from frontburner.cluster.log_files import nodes_log
    from frontburner.cluster.prefect_server import stop_process

    name = f"{socket.gethostname()}-{os.getpid()}"
    command = [sys.executable, "-c", "from frontburner.cli import main; main()"]
    with nodes_log().open() as log:
        process = start_with_parent(  # in a group of its own: Ctrl-C ends the job first
            [*command, "node", "start", "--scheduler", scheduler, "--name", name],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
        )
    try:
        yield
    finally:
        stop_process(process)


@contextmanager
def _prefect_at(url: str) -> Iterator[None]:
    """Use this Prefect server in this context."""
    from prefect.settings import PREFECT_API_URL, PREFECT_HOME, temporary_settings

    with temporary_settings({PREFECT_API_URL: url, PREFECT_HOME: Settings().home / "prefect"}):
        yield
