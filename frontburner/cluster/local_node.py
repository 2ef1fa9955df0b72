"""A node of this machine that helps a farm running elsewhere, for as long as a job takes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from frontburner.cluster.log_files import nodes_log
from frontburner.cluster.prefect_server import STOP_TIMEOUT_S
from frontburner.settings import environment
from tasks.process.termination import end_with_parent

if TYPE_CHECKING:
    from collections.abc import Iterator

_COMMAND = "from frontburner.cli import main; main()"


@contextmanager
def local_node(scheduler: str) -> Iterator[None]:
    """Run a node here that ends with this process, however that ends. It joins in its own time."""
    name = f"{socket.gethostname()}-{os.getpid()}"
    arguments = ["node", "start", "--scheduler", scheduler, "--name", name]
    with nodes_log().open() as log:
        process = subprocess.Popen(
            end_with_parent([sys.executable, "-c", _COMMAND, *arguments]),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment(),
            start_new_session=True,  # Ctrl-C ends the job first
        )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
