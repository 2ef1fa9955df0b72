"""Finishing of rendered frames: nodes stitch, encode and write them, where their tiles are.

A Dask task takes the frames that were rendered at about the same time, as many as fit into a fixed number of bytes, so
the memory of a task doesn't grow with the job. When more tiles wait than nodes should hold, those of the latest frames
are released, and read from the store when their turn comes.
"""

from __future__ import annotations

from asyncio import CancelledError
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from frontburner.run.chunks import Stage
from storage.errors import FrontburnerError
from tasks.node.frame_tasks import denoise_frame, finish_frames, stitch_frame, write_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from distributed import Future

    from frontburner.cluster.dask_farm import DaskFarm
    from frontburner.jobs.layout import Layout
    from tasks.limits import Ending
    from tasks.picture.frame_output import FrameRecord, PictureOrder

    OnEnded = Callable[[int, Stage, FrameRecord | FrontburnerError | None], None]

TASK_BYTES = 256_000_000
"""Limit of the tiles of one task with several frames; a larger frame is a task by itself."""
WAITING_BYTES = 1_000_000_000
"""Limit of the tiles that nodes keep in memory, all together, of frames that wait to be finished."""
COLLECT_S = 0.5
"""How long a rendered frame waits for others to share a task, which costs nodes and scheduler some milliseconds."""
PRIORITY = 900
"""Above that of units, since finished frames free memory."""
RESULT_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """A rendered frame: the tickets of its units, how it ended, and since when it waits."""

    frame: int
    tickets: Sequence[int]
    ending: Ending | None
    since_s: float


@dataclass(slots=True, kw_only=True)
class Finisher:
    """Finishes the frames of a sequence.

    Parameters
    ----------
    farm, layout
        Where tiles are, and the pictures to make.
    metadata
        Written to every file.
    clock
        Seconds since the job began.
    on_ended
        Called with each frame that is in place, or with its error; then `retry` tries it again.
    """

    farm: DaskFarm
    layout: Layout
    metadata: dict[str, str]
    clock: Callable[[], float]
    on_ended: OnEnded
    _waiting: deque[_Frame] = field(init=False, default_factory=deque)
    _tasks: dict[Future, list[_Frame]] = field(init=False, default_factory=dict)
    _failed: dict[int, _Frame] = field(init=False, default_factory=dict)

    def add(self, frame: int, tickets: Sequence[int], ending: Ending | None = None) -> None:
        """Finish a frame all of whose units are done."""
        self._queue(_Frame(frame=frame, tickets=tickets, ending=ending, since_s=self.clock()))

    def retry(self, frame: int) -> None:
        """Retry a frame that couldn't be finished."""
        self._queue(replace(self._failed.pop(frame), since_s=self.clock()))

    def drop(self, frame: int) -> None:
        """Give up a frame that couldn't be finished."""
        self.farm.forget(self._failed.pop(frame).tickets)

    @property
    def busy(self) -> bool:
        """Whether frames wait or are being finished."""
        return bool(self._waiting or self._tasks)

    def poll(self, *, flush: bool = False) -> None:
        """Handle tasks that have ended, and start those that are due; with ``flush``, all frames that wait."""
        for future in [future for future in self._tasks if future.done()]:
            self._end(future, self._tasks.pop(future))
        while self._waiting and len(self._tasks) < max(2, len(self.farm.admission.addresses)):
            frames = self._next_task(flush=flush)
            if not frames:
                break
            self._submit(frames)

    def _queue(self, frame: _Frame) -> None:
        if (len(self._waiting) + 1) * self._frame_bytes > WAITING_BYTES:
            self.farm.unload(frame.tickets)
        self._waiting.append(frame)

    def _next_task(self, *, flush: bool) -> list[_Frame]:
        """Take the frames of the next task from those that wait; none while more may join them."""
        most = max(1, TASK_BYTES // self._frame_bytes)
        if not flush and len(self._waiting) < most and self.clock() - self._waiting[0].since_s < COLLECT_S:
            return []
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def _submit(self, frames: list[_Frame]) -> None:
        tiles = [[self.farm.tile(ticket) for ticket in frame.tickets] for frame in frames]
        orders = [replace(self.layout.orders[frame.frame], ending=frame.ending) for frame in frames]
        submit = self.farm.submit_to_renderer if orders[0].encoding.scene else self.farm.submit
        future = submit(finish_frames, tiles, orders, self.farm.context, self.metadata, priority=PRIORITY)
        self._tasks[future] = frames

    def _end(self, future: Future, frames: list[_Frame]) -> None:
        error = error_of(future)
        outcomes = [error] * len(frames) if error else results_of(future, count=len(frames))
        for frame, outcome in zip(frames, outcomes, strict=True):
            if isinstance(outcome, FrontburnerError):
                self._failed[frame.frame] = frame
            else:
                self.farm.forget(frame.tickets)
            self.on_ended(frame.frame, Stage.FINISH, outcome)

    @property
    def _frame_bytes(self) -> int:
        """Size of the tiles of one frame."""
        frame = next(iter(self.layout.frames.values()))
        return self.layout.region.area * len(frame.channels) * 4 * len(self.layout.passes)


@dataclass(slots=True, kw_only=True)
class StillFinisher:
    """Finishes a still, stage by stage, so that each is shown. Its parameters are those of `Finisher`.

    ``on_ended`` is called with each stage, and with the record when the picture is in place.
    """

    farm: DaskFarm
    layout: Layout
    metadata: dict[str, str]
    clock: Callable[[], float]
    on_ended: OnEnded
    _frame: _Frame | None = field(init=False, default=None)
    _left: list[Stage] = field(init=False, default_factory=list)
    """Stages that haven't ended, the running one first."""
    _futures: dict[Stage, Future] = field(init=False, default_factory=dict)

    def add(self, frame: int, tickets: Sequence[int], ending: Ending | None = None) -> None:
        """Finish the still, all of whose units are done."""
        self._frame = _Frame(frame=frame, tickets=tickets, ending=ending, since_s=self.clock())
        denoise = [Stage.DENOISE] if self._order.denoise else []
        self._left = [Stage.STITCH, *denoise, Stage.WRITE]
        self._submit(self._left)

    def retry(self, frame: int) -> None:  # noqa: ARG002 - it has one
        """Retry the stage that failed, and those after it."""
        self._submit(self._left)

    def drop(self, frame: int) -> None:  # noqa: ARG002 - it has one
        """Give up the still."""
        assert self._frame is not None
        self._futures.clear()
        self.farm.forget(self._frame.tickets)

    @property
    def busy(self) -> bool:
        """Whether the still is being finished."""
        return bool(self._left) and self._left[0] in self._futures

    def poll(self, *, flush: bool = False) -> None:  # noqa: ARG002 - it never waits for more frames
        """Handle stages that have ended."""
        while self.busy and self._futures[self._left[0]].done():
            assert self._frame is not None
            stage, future = self._left[0], self._futures[self._left[0]]
            outcome = error_of(future) or (results_of(future, count=1)[0] if stage is Stage.WRITE else None)
            if isinstance(outcome, FrontburnerError):
                for unfinished in self._left:
                    self._futures.pop(unfinished)
            else:
                self._left.pop(0)
            if not self._left:
                self._futures.clear()
                self.farm.forget(self._frame.tickets)
            self.on_ended(self._frame.frame, stage, outcome)

    @property
    def _order(self) -> PictureOrder:
        assert self._frame is not None
        return replace(self.layout.orders[self._frame.frame], ending=self._frame.ending)

    def _submit(self, stages: Sequence[Stage]) -> None:
        assert self._frame is not None
        tiles = [self.farm.tile(ticket) for ticket in self._frame.tickets]
        for stage in stages:
            before = self._futures.get(Stage.DENOISE) or self._futures.get(Stage.STITCH)
            match stage:
                case Stage.STITCH:
                    work: tuple[Any, ...] = (stitch_frame, tiles, self._order, self.farm.context)
                case Stage.DENOISE:
                    work = (denoise_frame, before)
                case _:
                    work = (write_frame, before, self._order, self.farm.context, self.metadata)
            submit = self.farm.submit_to_renderer if self._order.encoding.scene else self.farm.submit
            self._futures[stage] = submit(*work, priority=PRIORITY)


def error_of(future: Future) -> FrontburnerError | None:
    """Return the error of a task that has ended, as one of ours; None if it succeeded."""
    if future.status == "finished":
        return None
    error = None
    if future.status == "error":
        with suppress(TimeoutError):
            error = future.exception(RESULT_TIMEOUT_S)
    if isinstance(error, FrontburnerError):
        return error
    return _unfinished(f"{type(error).__name__}: {error}" if error else f"its task was {future.status}")


def results_of(future: Future, *, count: int) -> list[Any]:
    """Return the results of a finished task for each of its frames; errors if they were lost with its node."""
    try:
        result = future.result(RESULT_TIMEOUT_S)
    except (Exception, CancelledError) as error:  # noqa: BLE001 - whatever it is, the frames are finished again
        return [_unfinished(f"{type(error).__name__}: {error}")] * count
    return result if isinstance(result, list) else [result]


def _unfinished(reason: str) -> FrontburnerError:
    return FrontburnerError(
        reason=f"A picture could not be finished: {reason}.",
        remedy="It is retried. If that doesn't help, see the nodes' log.",
        retryable=True,
    )
