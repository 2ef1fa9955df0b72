"""Work for nodes that is no unit: a task for each part of it, as many at once as there are nodes."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Any

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Client, Future

LOOK_EVERY_S = 0.1
ANSWER_TIMEOUT_S = 60


def run_on_node(
    client: Client,
    work: Callable[..., Any],
    parts: Sequence[Any],
    *args: Any,  # noqa: ANN401 - whatever the work takes
    heed: Callable[[], None],
) -> list[Any]:
    """Have nodes do something with each part, and return what it comes to, in the order of the parts.

    Parameters
    ----------
    parts
        The first argument of each task; ``args`` are the others.
    heed
        Called meanwhile: what it raises ends the wait, and calls the tasks back.

    Raises
    ------
    FrontburnerError
        What a task raised; of an error that isn't ours, as one that may pass.
    """
    waiting = deque(parts)
    running: deque[Future] = deque()
    answers: list[Any] = []
    try:
        while waiting or running:
            while waiting and len(running) < max(2, len(client.scheduler_info(n_workers=-1)["workers"])):
                running.append(client.submit(work, waiting.popleft(), *args, pure=False))
            while not _ends(running[0], LOOK_EVERY_S):
                heed()
            answers.append(_answer(running.popleft()))
    finally:
        client.cancel(list(running), force=True)
    return answers


def _ends(future: Future, timeout_s: float) -> bool:
    """Wait a moment for a task; whether it has ended."""
    ended = threading.Event()
    future.add_done_callback(lambda _: ended.set())
    return ended.wait(timeout_s)


def _answer(future: Future) -> Any:  # noqa: ANN401 - whatever was asked
    if future.status == "finished":
        return future.result(ANSWER_TIMEOUT_S)
    error = future.exception(ANSWER_TIMEOUT_S) if future.status == "error" else None
    if isinstance(error, FrontburnerError):
        raise error
    raise FrontburnerError(
        reason=f"A node could not finish it: {error or f'its task was {future.status}'}.",
        remedy="See the nodes' log for the cause.",
        retryable=True,
    )
