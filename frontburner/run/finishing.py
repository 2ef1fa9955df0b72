"""From rendered frames to pictures in place: stitched, encoded and written by nodes, where their tiles are.

A Dask task takes the frames of a moment, and of those as many as fit into a fixed number of bytes: what a task holds
doesn't grow with the job. Tiles of frames that wait longer than nodes have memory for are let go of, and read from the
store when their turn comes.
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

    Ended = Callable[[int, Stage, FrameRecord | FrontburnerError | None], None]

TASK_BYTES = 256_000_000
"""Tiles of several frames that one task holds; a frame that is larger is a task by itself."""
WAITING_BYTES = 1_000_000_000
"""Tiles of frames that wait to be finished, kept in nodes' memory all together."""
COLLECT_S = 0.5
"""How long a rendered frame waits for others at most: each task costs nodes and scheduler some milliseconds."""
PRIORITY = 900
"""Units come after it: what is finished frees memory."""
ANSWER_TIMEOUT_S = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class _Frame:
    """A rendered frame: the units its picture is made of, how it ended, and since when it waits."""

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
        Where tiles are, and what is wanted.
    metadata
        What every file should tell of the job.
    clock
        Seconds on the job's own clock.
    ended
        Called with each frame that is in place, or with what went wrong: then `again` tries it again.
    """

    farm: DaskFarm
    layout: Layout
    metadata: dict[str, str]
    clock: Callable[[], float]
    ended: Ended
    _waiting: deque[_Frame] = field(init=False, default_factory=deque)
    _tasks: dict[Future, list[_Frame]] = field(init=False, default_factory=dict)
    _failed: dict[int, _Frame] = field(init=False, default_factory=dict)

    def take(self, frame: int, tickets: Sequence[int], ending: Ending | None = None) -> None:
        """Finish a frame whose units are all done."""
        self._put(_Frame(frame=frame, tickets=tickets, ending=ending, since_s=self.clock()))

    def again(self, frame: int) -> None:
        """Try a frame once more that couldn't be finished."""
        self._put(replace(self._failed.pop(frame), since_s=self.clock()))

    def drop(self, frame: int) -> None:
        """Give a frame up that couldn't be finished."""
        self.farm.forget(self._failed.pop(frame).tickets)

    @property
    def busy(self) -> bool:
        """Whether frames wait, or are being finished."""
        return bool(self._waiting or self._tasks)

    def poll(self, *, hurry: bool = False) -> None:
        """Take in what has ended, and begin what is due; all that waits, in a ``hurry``."""
        for future in [future for future in self._tasks if future.done()]:
            self._end(future, self._tasks.pop(future))
        while self._waiting and len(self._tasks) < max(2, len(self.farm.admission.addresses)):
            frames = self._next(hurry=hurry)
            if not frames:
                break
            self._begin(frames)

    def _put(self, frame: _Frame) -> None:
        if (len(self._waiting) + 1) * self._frame_bytes > WAITING_BYTES:
            self.farm.unload(frame.tickets)
        self._waiting.append(frame)

    def _next(self, *, hurry: bool) -> list[_Frame]:
        """Take the frames of the next task from those that wait; none while more may join them."""
        most = max(1, TASK_BYTES // self._frame_bytes)
        if not hurry and len(self._waiting) < most and self.clock() - self._waiting[0].since_s < COLLECT_S:
            return []
        return [self._waiting.popleft() for _ in range(min(most, len(self._waiting)))]

    def _begin(self, frames: list[_Frame]) -> None:
        tiles = [[self.farm.tile(ticket) for ticket in own.tickets] for own in frames]
        orders = [order_of(self.layout, own.frame, own.ending) for own in frames]
        future = self.farm.submit(finish_frames, tiles, orders, self.farm.desk, self.metadata, priority=PRIORITY)
        self._tasks[future] = frames

    def _end(self, future: Future, frames: list[_Frame]) -> None:
        error = failure_of(future)
        outcomes = [error] * len(frames) if error else answer_of(future, of=len(frames))
        for own, outcome in zip(frames, outcomes, strict=True):
            if isinstance(outcome, FrontburnerError):
                self._failed[own.frame] = own
            else:
                self.farm.forget(own.tickets)
            self.ended(own.frame, Stage.FINISH, outcome)

    @property
    def _frame_bytes(self) -> int:
        """Bytes of the tiles of one frame."""
        frame = next(iter(self.layout.frames.values()))
        return self.layout.region.area * len(frame.channels) * 4 * len(self.layout.passes)


@dataclass(slots=True, kw_only=True)
class StillFinisher:
    """Finishes a still, stage by stage, so that each shows. Its parameters are those of `Finisher`.

    ``ended`` is called with each stage, and with the record when the picture is in place.
    """

    farm: DaskFarm
    layout: Layout
    metadata: dict[str, str]
    clock: Callable[[], float]
    ended: Ended
    _frame: _Frame | None = field(init=False, default=None)
    _left: list[Stage] = field(init=False, default_factory=list)
    """Stages that haven't ended, the one that is under way first."""
    _futures: dict[Stage, Future] = field(init=False, default_factory=dict)

    def take(self, frame: int, tickets: Sequence[int], ending: Ending | None = None) -> None:
        """Finish the still, whose units are all done."""
        self._frame = _Frame(frame=frame, tickets=tickets, ending=ending, since_s=self.clock())
        denoise = [Stage.DENOISE] if self._order.denoise else []
        self._left = [Stage.STITCH, *denoise, Stage.WRITE]
        self._begin(self._left)

    def again(self, frame: int) -> None:  # noqa: ARG002 - it has one
        """Try the stage once more that failed, and what comes after it."""
        self._begin(self._left)

    def drop(self, frame: int) -> None:  # noqa: ARG002 - it has one
        """Give the still up."""
        assert self._frame is not None
        self._futures.clear()
        self.farm.forget(self._frame.tickets)

    @property
    def busy(self) -> bool:
        """Whether the still is being finished."""
        return bool(self._left) and self._left[0] in self._futures

    def poll(self, *, hurry: bool = False) -> None:  # noqa: ARG002 - it never waits
        """Take in which stages have ended."""
        while self.busy and self._futures[self._left[0]].done():
            assert self._frame is not None
            stage, future = self._left[0], self._futures[self._left[0]]
            outcome = failure_of(future) or (answer_of(future, of=1)[0] if stage is Stage.WRITE else None)
            if isinstance(outcome, FrontburnerError):
                for each in self._left:
                    self._futures.pop(each)
            else:
                self._left.pop(0)
            if not self._left:
                self._futures.clear()
                self.farm.forget(self._frame.tickets)
            self.ended(self._frame.frame, stage, outcome)

    @property
    def _order(self) -> PictureOrder:
        assert self._frame is not None
        return order_of(self.layout, self._frame.frame, self._frame.ending)

    def _begin(self, stages: Sequence[Stage]) -> None:
        assert self._frame is not None
        tiles = [self.farm.tile(ticket) for ticket in self._frame.tickets]
        for stage in stages:
            before = self._futures.get(Stage.DENOISE) or self._futures.get(Stage.STITCH)
            match stage:
                case Stage.STITCH:
                    work: tuple[Any, ...] = (stitch_frame, tiles, self._order, self.farm.desk)
                case Stage.DENOISE:
                    work = (denoise_frame, before)
                case _:
                    work = (write_frame, before, self._order, self.farm.desk, self.metadata)
            self._futures[stage] = self.farm.submit(*work, priority=PRIORITY)


def order_of(layout: Layout, frame: int, ending: Ending | None) -> PictureOrder:
    """Return what is wanted of a frame that ended so."""
    return replace(layout.orders[frame], ending=ending)


def failure_of(future: Future) -> FrontburnerError | None:
    """Return what a task that has ended failed by, as one of our errors; None where it ended well."""
    if future.status == "finished":
        return None
    error = None
    if future.status == "error":
        with suppress(TimeoutError):
            error = future.exception(ANSWER_TIMEOUT_S)
    if isinstance(error, FrontburnerError):
        return error
    return _unfinished(f"{type(error).__name__}: {error}" if error else f"its task was {future.status}")


def answer_of(future: Future, *, of: int) -> list[Any]:
    """Return what a finished task came to for each of its frames; an error where its node is gone since, with it."""
    try:
        answer = future.result(ANSWER_TIMEOUT_S)
    except (Exception, CancelledError) as error:  # noqa: BLE001 - whatever it is, the frames are finished again
        return [_unfinished(f"{type(error).__name__}: {error}")] * of
    return answer if isinstance(answer, list) else [answer]


def _unfinished(said: str) -> FrontburnerError:
    return FrontburnerError(
        reason=f"A picture could not be finished: {said}.",
        remedy="It is tried again. If that doesn't help, see the nodes' log.",
        retryable=True,
    )
