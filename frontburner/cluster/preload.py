"""Preload of Dask workers that makes them nodes, whoever starts them.

It imports in advance what jobs run on nodes, tells the scheduler what machine the node is, watches the clock, accepts
certificate revocation lists, gives the machine back when its owner wants it, and has a persistent node check itself.
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
import tasks.picture.products  # noqa: F401 - imported before a job needs it
from frontburner.cluster.arbiter import PREFIX
from frontburner.cluster.clock_jump import ClockJumpWatch
from frontburner.cluster.dask_internals import add_handler, add_startup_information
from frontburner.cluster.farm_paths import table_of
from frontburner.cluster.revocation_push import accept_revocations
from system.paths import use_table
from tasks.node.node_checks import CheckRequest
from tasks.node.node_state import CHECK_VARIABLE, check_named_node, doing, node_info, recall

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from distributed import Worker

_POLL_S = 0.1

log = logging.getLogger(__name__)
_background: set[asyncio.Task[None]] = set()


async def dask_setup(worker: Worker) -> None:
    """Make a worker a node. Dask calls this before it joins."""
    for name in [name for name in os.environ if name.startswith("PREFECT_")]:
        del os.environ[name]  # a node doesn't use Prefect, and a renderer must not learn its credentials
    add_startup_information(worker, "frontburner", node_info)
    accept_revocations(worker)
    use_table(table_of(worker))
    _answer_recalls(worker)
    _run_in_background(ClockJumpWatch(server=worker).run())
    if os.environ.get(CHECK_VARIABLE):
        _run_in_background(_check_itself(worker))


async def dask_teardown(worker: Worker) -> None:  # noqa: ARG001 - Dask passes it
    """Cancel the background tasks. Dask calls this when the worker closes."""
    for task in list(_background):
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _answer_recalls(worker: Worker) -> None:
    """Answer the calls of the process that watches whether this machine is in use: it gives it back."""

    async def answer(reason: str) -> None:
        await asyncio.to_thread(recall, str(worker.name), reason)

    add_handler(worker, f"{PREFIX}recall", answer)
    add_handler(worker, f"{PREFIX}doing", doing)


def _run_in_background(coroutine: Coroutine[Any, Any, None]) -> None:
    task = asyncio.get_running_loop().create_task(coroutine)
    _background.add(task)
    task.add_done_callback(_background.discard)


async def _check_itself(worker: Worker) -> None:
    """Check this node when it has joined, and report the result to the arbiter."""
    while worker.status in (Status.init, Status.starting, Status.undefined):
        await asyncio.sleep(_POLL_S)
    name = str(worker.name)
    try:
        readiness = await asyncio.to_thread(check_named_node, name, CheckRequest(afresh=False, measure=False))
        await getattr(worker.scheduler, f"{PREFIX}report")(node=name, readiness=readiness)
    except (OSError, TimeoutError, CommClosedError):
        return  # the scheduler is gone, or has no arbiter
    except Exception:
        log.exception("The node %s could not check itself.", name)
