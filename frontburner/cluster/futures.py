"""Results and errors of tasks on nodes, and tasks for work that isn't rendered units."""

from __future__ import annotations

import threading
from asyncio import CancelledError
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from storage.errors import FrontburnerError
from tasks.errors import UnitFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Client, Future

RESULT_TIMEOUT_S = 10
MAPPED_RESULT_TIMEOUT_S = 60
POLL_S = 0.1


class ResultLost(Exception):
    """A task failed, or the node that had its result is gone."""


def result_of(future: Future, *, wait: bool = False) -> Any:  # noqa: ANN401 - depends on the task
    """Return a task's result, of one that is still running only with ``wait``.

    Raises
    ------
    ResultLost
        When the task failed, or the node that had its result is gone.
    """
    if future.status != "finished" and not wait:
        raise ResultLost
    try:
        return future.result(RESULT_TIMEOUT_S)
    except (Exception, CancelledError) as error:
        raise ResultLost from error


def error_of(future: Future, node: str) -> FrontburnerError:
    """Return what ended a task on a node as a FrontburnerError."""
    error = None
    if future.status == "error":
        with suppress(TimeoutError):
            error = future.exception(timeout=RESULT_TIMEOUT_S)
    if isinstance(error, FrontburnerError):
        return error
    reason = f"{type(error).__name__}: {error}" if error else f"its task was {future.status}"
    return UnitFailed(
        reason=f"The node {node} could not finish the unit: {reason}.",
        remedy="It is retried on another node where there is one.",
        retryable=True,
        unit="",
        node=node,
    )


def map_on_nodes(
    client: Client,
    function: Callable[..., Any],
    items: Sequence[Any],
    *args: Any,  # noqa: ANN401 - arguments of the function
    check: Callable[[], None],
) -> list[Any]:
    """Call a function with each item on the nodes, and return the results in the order of the items.

    There are as many tasks at once as nodes, two at least.

    Parameters
    ----------
    items
        The first argument of each call; ``args`` are the others.
    check
        Called while waiting; an exception it raises cancels the tasks.

    Raises
    ------
    FrontburnerError
        The error of a task; retryable if it is none of Frontburner's own.
    """
    waiting = deque(items)
    running: deque[Future] = deque()
    results: list[Any] = []
    try:
        while waiting or running:
            while waiting and len(running) < max(2, len(client.scheduler_info(n_workers=-1)["workers"])):
                running.append(client.submit(function, waiting.popleft(), *args, pure=False))
            while not _ended_within(running[0], POLL_S):
                check()
            results.append(_mapped_result(running.popleft()))
    finally:
        client.cancel(list(running), force=True)
    return results


def _ended_within(future: Future, timeout_s: float) -> bool:
    ended = threading.Event()
    future.add_done_callback(lambda _: ended.set())
    return ended.wait(timeout_s)


def _mapped_result(future: Future) -> Any:  # noqa: ANN401 - depends on the function
    if future.status == "finished":
        return future.result(MAPPED_RESULT_TIMEOUT_S)
    error = future.exception(MAPPED_RESULT_TIMEOUT_S) if future.status == "error" else None
    if isinstance(error, FrontburnerError):
        raise error
    raise FrontburnerError(
        reason=f"A node could not finish its task: {error or f'it was {future.status}'}.",
        remedy="The cause is in the log of the nodes.",
        retryable=True,
    )
