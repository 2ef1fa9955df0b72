"""What a step waits for that comes after others, whatever becomes of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.futures import PrefectFuture
from prefect.states import Completed

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from prefect.client.schemas.objects import State


class Ended(PrefectFuture[None]):
    """The end of a step, for ``wait_for``: Prefect draws the edge, and begins what comes after it in any case.

    Prefect itself never begins a step after one that was cancelled, nor ends it: it would be pending for ever.
    """

    def __init__(self, step: PrefectFuture[Any]) -> None:
        self._step = step

    @property
    def task_run_id(self) -> UUID:
        """The step's own."""
        return self._step.task_run_id

    @property
    def state(self) -> State[None]:
        """That it has ended; Prefect asks when it has waited."""
        return Completed(data=True)

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the step."""
        self._step.wait(timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - as Prefect has it
        """Wait for the step; what became of it isn't told."""
        self.wait(timeout)

    def add_done_callback(self, fn: Callable[[PrefectFuture[None]], None]) -> None:
        """Have a function called when the step has ended."""
        self._step.add_done_callback(lambda _: fn(self))
