"""What a task on a node answered, where it can still be had: a node that dies takes its answers with it."""

from __future__ import annotations

from asyncio import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from storage.errors import FrontburnerError
from tasks.errors import UnitFailed

if TYPE_CHECKING:
    from distributed import Future

ANSWER_TIMEOUT_S = 10


class ResultLost(Exception):
    """An answer that is no longer there, or none was given."""


def result_of(future: Future, *, waits: bool = False) -> Any:  # noqa: ANN401 - whatever was asked
    """Return a task's answer; of one that hasn't ended only where it ``waits`` for that.

    Raises
    ------
    AnswerLost
        When the task has not ended well, or the node that knew the answer is gone since.
    """
    if future.status != "finished" and not waits:
        raise ResultLost
    try:
        return future.result(ANSWER_TIMEOUT_S)
    except (Exception, CancelledError) as error:
        raise ResultLost from error


def error_of(future: Future, node: str) -> FrontburnerError:
    """Return what ended a task on a node, as one of our errors."""
    error = None
    if future.status == "error":
        with suppress(TimeoutError):
            error = future.exception(timeout=ANSWER_TIMEOUT_S)
    if isinstance(error, FrontburnerError):
        return error
    said = f"{type(error).__name__}: {error}" if error else f"its task was {future.status}"
    return UnitFailed(
        reason=f"The node {node} could not finish the unit: {said}.",
        remedy="It is tried again on another node where there is one.",
        retryable=True,
        unit="",
        node=node,
    )
