"""Redirects the output of this machine's nodes to one log file, which is rotated.

A terminal or pipe that nobody reads fills up, and then blocks the node that writes to it, and the job with it.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from typing import Any

import dask
from distributed import Worker
from locket import LockError, lock_file

from frontburner.cluster.dask_internals import add_timer
from frontburner.cluster.log_files import RotatingLog, nodes_log
from storage.errors import FrontburnerError
from system.processes import contain_children, start_resource_tracker

STDOUT, STDERR = 1, 2
ROTATE_MS = 10_000
LAST_LINES = 6
NANNY_LOGGER = "distributed.nanny"


class NodeWorker(Worker):  # type: ignore[misc]
    """A Dask worker that writes to the nodes' log from the start, as do all processes it starts; they end with it."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - options of Dask's worker
        log = nodes_log()
        contain_children()
        redirect_output(log)
        super().__init__(*args, **options)
        add_timer(self, "nodes-log", lambda: rotate(log), ROTATE_MS)


def open_log() -> None:
    """Create the log for nodes this process starts, and send there what Dask logs about them in this process.

    Raises
    ------
    FrontburnerError
        When it can't be written.
    """
    log = nodes_log()
    try:
        rotate(log)
        with log.open():
            pass
    except OSError as error:
        raise FrontburnerError(
            reason=f"The nodes' log {log.path} can't be written: {error.strerror}.",
            remedy="Give it room and write access, or name another folder in FRONTBURNER_HOME.",
        ) from error
    _start_resource_tracker(log)
    _log_nannies(log)


def redirect_output(log: RotatingLog) -> None:
    """Write the output of this process, its native code and its children to a log."""
    with log.open() as file:
        for stream in (STDOUT, STDERR):
            os.dup2(file.fileno(), stream)


def rotate(log: RotatingLog) -> None:
    """Rotate a log if it is large; of several processes that share it, one does."""
    with suppress(LockError, OSError), lock_file(f"{log.path}.lock", timeout=0):
        log.rotate()


def start_error(error: BaseException) -> str:
    """Return why nodes couldn't be started: the first cause, which may be an error in the node itself."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    message = " ".join(lines[-LAST_LINES:]).rstrip(".")
    return message if message and type(error) is RuntimeError else f"{type(error).__name__}: {message}".rstrip(": ")


def _start_resource_tracker(log: RotatingLog) -> None:
    """Start Python's tracker of semaphores, which all nodes share, with the log as its standard error.

    A killed node can't release its semaphores. The tracker does, and prints a warning that is of no use to the command.
    """
    with log.open() as file:
        stderr = os.dup(STDERR)
        os.dup2(file.fileno(), STDERR)  # the tracker keeps the standard error it is started with
        try:
            start_resource_tracker()
        finally:
            os.dup2(stderr, STDERR)
            os.close(stderr)


def _log_nannies(log: RotatingLog) -> None:
    """Write to the log what Dask's nannies log in this process about nodes."""
    nannies = logging.getLogger(NANNY_LOGGER)
    for handler in [handler for handler in nannies.handlers if isinstance(handler, logging.FileHandler)]:
        nannies.removeHandler(handler)
        handler.close()
    handler = logging.FileHandler(log.path)
    handler.setFormatter(logging.Formatter(dask.config.get("distributed.admin.log-format")))
    nannies.addHandler(handler)
    nannies.propagate = False
