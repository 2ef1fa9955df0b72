"""The nodes' log: what nodes of this machine print goes to one file, which holds nobody up and doesn't grow for ever.

A terminal or pipe that nobody reads fills up, and then holds up whoever writes to it: a node, and with it its job.
"""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from multiprocessing import resource_tracker
from typing import Any

import dask
from distributed import Worker
from locket import LockError, lock_file
from tornado.ioloop import PeriodicCallback

from frontburner.cluster.log_files import RotatingLog, nodes_log
from storage.errors import FrontburnerError

STDOUT, STDERR = 1, 2
LOOK_MS = 10_000
LAST_LINES = 6
NANNIES = "distributed.nanny"


class NodeWorker(Worker):  # type: ignore[misc]
    """A Dask worker that prints to the nodes' log from its first word on, as do all that it starts."""

    def __init__(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as Dask has them
        log = nodes_log()
        print_to(log)
        super().__init__(*args, **options)
        self.periodic_callbacks["nodes-log"] = PeriodicCallback(lambda: keep_short(log), LOOK_MS)


def open_log() -> None:
    """Have the log there for nodes that this process starts, and what it says of them go there, too.

    Raises
    ------
    FrontburnerError
        When it can't be written.
    """
    log = nodes_log()
    try:
        keep_short(log)
        with log.open():
            pass
    except OSError as error:
        raise FrontburnerError(
            reason=f"The nodes' log {log.path} can't be written: {error.strerror}.",
            remedy="Give it room and write access, or name another folder in FRONTBURNER_HOME.",
        ) from error
    _track_leftovers(log)
    _take_down_nannies(log)


def print_to(log: RotatingLog) -> None:
    """Have this process, its native code and what it starts print to a log."""
    with log.open() as file:
        for stream in (STDOUT, STDERR):
            os.dup2(file.fileno(), stream)


def keep_short(log: RotatingLog) -> None:
    """Put a log aside that has grown long; of several processes that share it, one does."""
    with suppress(LockError, OSError), lock_file(f"{log.path}.lock", timeout=0):
        log.rotate()


def last_words(error: BaseException) -> str:
    """Return why nodes couldn't be started: what was raised first, in the node itself if it came so far."""
    while error.__cause__ is not None:
        error = error.__cause__
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    words = " ".join(lines[-LAST_LINES:]).rstrip(".")
    return words if words and type(error) is RuntimeError else f"{type(error).__name__}: {words}".rstrip(": ")


def _track_leftovers(log: RotatingLog) -> None:
    """Start Python's tracker of semaphores, which all nodes share, with the log for its standard error.

    A killed node can't let go of its semaphores. The tracker does, and says so: news of the node, not of the command.
    """
    if os.name != "posix":
        return  # elsewhere there is none
    with log.open() as file:
        ours = os.dup(STDERR)
        os.dup2(file.fileno(), STDERR)  # it speaks to what it finds when it is started
        try:
            resource_tracker.ensure_running()
        finally:
            os.dup2(ours, STDERR)
            os.close(ours)


def _take_down_nannies(log: RotatingLog) -> None:
    """Have what Dask's nannies say in this process written to the log: they speak of nodes."""
    nannies = logging.getLogger(NANNIES)
    for handler in [one for one in nannies.handlers if isinstance(one, logging.FileHandler)]:
        nannies.removeHandler(handler)
        handler.close()
    handler = logging.FileHandler(log.path)
    handler.setFormatter(logging.Formatter(dask.config.get("distributed.admin.log-format")))
    nannies.addHandler(handler)
    nannies.propagate = False
