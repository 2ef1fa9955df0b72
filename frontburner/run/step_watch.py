"""The running steps of a flow run: they are waited for, and none outlives the run."""

from __future__ import annotations

import threading
from concurrent.futures import wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from frontburner.cluster.prefect_internals import thread_future
from frontburner.control.halting import end_state
from frontburner.run.chunks import Chunk, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefect.client.schemas.objects import State
    from prefect.futures import PrefectFuture

POLL_S = 0.05
END_TIMEOUT_S = 5.0
"""How long the end of a run waits for its steps to end."""


class StepStopped(Exception):
    """Raised in a step to stop it, since its run ends."""


@dataclass(slots=True, kw_only=True)
class StepWatch:
    """The steps of a run.

    Parameters
    ----------
    check_stop
        Called while a step is waited for; raises to end the run.
    """

    check_stop: Callable[[], None]
    final: list[PrefectFuture[Any]] = field(init=False, default_factory=list)
    """Steps after which only notifications follow."""
    _chunks: dict[Chunk, PrefectFuture[Any]] = field(init=False, default_factory=dict)
    _steps: list[PrefectFuture[Any]] = field(init=False, default_factory=list)
    _stopping: threading.Event = field(init=False, default_factory=threading.Event)
    _error: BaseException | None = field(init=False, default=None)
    """The error that ended the run."""

    def wait_for(self, step: PrefectFuture[Any]) -> PrefectFuture[Any]:
        """Wait until a step has completed, and return it. Raises the error it failed with."""
        self._steps.append(step)
        while not wait([thread_future(step)], timeout=POLL_S).done:
            self.check_stop()
        self.check_stop()
        step.result()
        return step

    def add(self, chunk: Chunk, step: PrefectFuture[Any]) -> PrefectFuture[Any]:
        """Add the step of a chunk, which ends with the run at the latest."""
        self._chunks[chunk] = step
        self._steps.append(step)
        if chunk.stage in (Stage.FINISH, Stage.WRITE):
            self.final.append(step)
        return step

    def run_in_step(self, work: Callable[[], None]) -> State[Any] | None:
        """Do the work of a step; if the run ends first, return the state the step ends in."""
        try:
            work()
        except StepStopped:
            return end_state(self._error)
        return None

    def check_stop_in_step(self) -> None:
        """Raise `StepStopped`, in the thread of a step, once the run ends."""
        if self._stopping.is_set():
            raise StepStopped

    @contextmanager
    def until_ended(self) -> Iterator[None]:
        """End all steps when the context ends, whether by an error or not."""
        self._stopping.clear()
        self._error = None
        try:
            yield
        except BaseException as error:
            self._error = error
            self._stopping.set()
            raise
        finally:
            for chunk, step in self._chunks.items():
                # A failed step may be about to be retried, unless the run came to its end.
                if not chunk.ended or (self._stopping.is_set() and not thread_future(step).done()):
                    chunk.end_in_state(partial(end_state, self._error))
            wait([thread_future(step) for step in self._steps], timeout=END_TIMEOUT_S)
            self._chunks.clear()
            self._steps.clear()
