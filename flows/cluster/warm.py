"""Imported by a node before it takes work: what it would otherwise load while a job waits, and its check of itself."""

from __future__ import annotations

import asyncio
import logging
import os
from typing import TYPE_CHECKING

import prefect  # noqa: F401
from distributed.comm import CommClosedError
from distributed.core import Status

import tasks.steps  # noqa: F401
from flows.cluster.arbiter import PREFIX
from tasks.checkup import Inquiry
from tasks.node import CHECK_VARIABLE
from tasks.node_check import check_as

if TYPE_CHECKING:
    from distributed import Worker

_LOOK_S = 0.1

log = logging.getLogger(__name__)
_work: set[asyncio.Task[None]] = set()


async def dask_setup(worker: Worker) -> None:
    """Have a node that stays check itself when it has joined, and tell the arbiter what it found."""
    if os.environ.get(CHECK_VARIABLE):
        task = asyncio.get_running_loop().create_task(_report(worker))
        _work.add(task)
        task.add_done_callback(_work.discard)


async def _report(worker: Worker) -> None:
    while worker.status in (Status.init, Status.starting, Status.undefined):
        await asyncio.sleep(_LOOK_S)
    name = str(worker.name)
    try:
        found = await asyncio.to_thread(check_as, name, Inquiry(afresh=False, measure=False))
        await getattr(worker.scheduler, f"{PREFIX}report")(node=name, readiness=found)
    except (OSError, TimeoutError, CommClosedError):
        return  # the scheduler is gone, or somebody else's without an arbiter
    except Exception:
        log.exception("The node %s could not check itself.", name)
