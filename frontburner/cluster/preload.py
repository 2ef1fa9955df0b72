"""Makes a Dask worker a node, whoever started it: preloaded before it joins, with what a job would else wait for.

The scheduler is told what machine it is. It watches the clock from then on, and hears of certificates that were taken
back; a node that stays checks itself.
"""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from distributed.comm import CommClosedError
from distributed.core import Status

import tasks.node.frame_tasks
import tasks.node.scene_tasks
import tasks.picture.products  # noqa: F401 - what a job asks of nodes is there before it does
from frontburner.cluster.arbiter import PREFIX
from frontburner.cluster.clock_jump import ClockJumpWatch
from frontburner.cluster.revocation_push import hears
from tasks.node.node_checks import CheckRequest
from tasks.node.node_state import CHECK_VARIABLE, check_named_node, node_info

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from distributed import Worker

_LOOK_S = 0.1

log = logging.getLogger(__name__)
_work: set[asyncio.Task[None]] = set()


async def dask_setup(worker: Worker) -> None:
    """Say what node this is; watch the clock; have one that stays check itself when it has joined. Dask calls this."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]  # a node has nothing to do with it, and what it renders has nothing to learn of it
    worker.startup_information["frontburner"] = node_info
    hears(worker)
    _begin(ClockJumpWatch(server=worker).run())
    if os.environ.get(CHECK_VARIABLE):
        _begin(_report(worker))


async def dask_teardown(worker: Worker) -> None:  # noqa: ARG001 - Dask gives it
    """End all that."""
    for task in list(_work):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _begin(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.get_running_loop().create_task(work)
    _work.add(task)
    task.add_done_callback(_work.discard)


async def _report(worker: Worker) -> None:
    while worker.status in (Status.init, Status.starting, Status.undefined):
        await asyncio.sleep(_LOOK_S)
    name = str(worker.name)
    try:
        found = await asyncio.to_thread(check_named_node, name, CheckRequest(afresh=False, measure=False))
        await getattr(worker.scheduler, f"{PREFIX}report")(node=name, readiness=found)
    except (OSError, TimeoutError, CommClosedError):
        return  # the scheduler is gone, or somebody else's without an arbiter
    except Exception:
        log.exception("The node %s could not check itself.", name)
