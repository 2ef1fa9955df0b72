"""The steps of a run that are under way: waited for, ended with the run, and none left to wait for ever."""

from __future__ import annotations

import threading
from concurrent.futures import Future, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from frontburner.control.halting import end_state
from frontburner.run.chunks import Chunk, Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefect.client.schemas.objects import State
    from prefect.futures import PrefectFuture

LOOK_EVERY_S = 0.05
RELEASE_TIMEOUT_S = 5.0
"""How long the end of a run waits for steps that have been released."""


class StepStopped(Exception):
    """Ends what a step does, once its run ends."""


@dataclass(slots=True, kw_only=True)
class StepWatch:
    """The steps of a run.

    Parameters
    ----------
    heed
        Called while a step is waited for: what it raises ends the run.
    """

    heed: Callable[[], None]
    last: list[PrefectFuture[Any]] = field(init=False, default_factory=list)
    """Steps after which the run is over but for its notifications."""
    _chunks: dict[Chunk, PrefectFuture[Any]] = field(init=False, default_factory=dict)
    _steps: list[PrefectFuture[Any]] = field(init=False, default_factory=list)
    _stopping: threading.Event = field(init=False, default_factory=threading.Event)
    _error: BaseException | None = field(init=False, default=None)
    """What ended the run."""

    def follow(self, step: PrefectFuture[Any]) -> PrefectFuture[Any]:
        """Wait until a step has ended well, and heed meanwhile what is wanted of the run. Raises what it failed by."""
        self._steps.append(step)
        while not wait([thread_of(step)], timeout=LOOK_EVERY_S).done:
            self.heed()
        self.heed()
        step.result()
        return step

    def begin(self, chunk: Chunk, step: PrefectFuture[Any]) -> PrefectFuture[Any]:
        """Note the step of a chunk, which ends when the run does."""
        self._chunks[chunk] = step
        self._steps.append(step)
        if chunk.stage in (Stage.FINISH, Stage.WRITE):
            self.last.append(step)
        return step

    def stoppable(self, work: Callable[[], None]) -> State[Any] | None:
        """Do what a step does; if the run ends first, return the state the step ends in."""
        try:
            work()
        except StepStopped:
            return end_state(self._error)
        return None

    def heed_in_step(self) -> None:
        """Raise `StepStopped`, on the thread of a step, once the run ends."""
        if self._stopping.is_set():
            raise StepStopped

    @contextmanager
    def ending(self) -> Iterator[None]:
        """Have no step wait any more when the context ends, however it does."""
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
                # One that has failed may be about to be tried again: only at the end of a job none is.
                if not chunk.ended or (self._stopping.is_set() and not thread_of(step).done()):
                    chunk.release(partial(end_state, self._error))
            wait([thread_of(step) for step in self._steps], timeout=RELEASE_TIMEOUT_S)
            self._chunks.clear()
            self._steps.clear()


def thread_of(step: PrefectFuture[Any]) -> Future[Any]:
    """Return the future of the thread a step runs on: asked for its state, Prefect would ask its server."""
    future: Future[Any] = step.wrapped_future  # type: ignore[attr-defined]
    return future
