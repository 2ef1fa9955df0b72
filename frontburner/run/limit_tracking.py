"""Where pictures end: follows the passes of each frame, has their noise measured on nodes, and ends what is enough.

A frame ends after the first pass whose noise is within the limit. That is decided on complete passes only, whose bits
don't depend on the farm, so the picture doesn't either. When the time of a job is up, its picture is made of every unit
that is finished.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from frontburner import events as ev
from frontburner.run.progress import JobProgress
from tasks.errors import BadTile
from tasks.limits import EndedBy, Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from frontburner.jobs.layout import Layout
    from frontburner.plan.block import Block
    from frontburner.run.progress import FrameProgress
    from tasks.spec import SampleRange


class Measurer(Protocol):
    """Has passes measured, where their tiles are."""

    def measure(self, frame: int, tickets: Sequence[int], before: Any) -> Any:  # noqa: ANN401 - its own Measurement
        """Begin to measure a complete pass of a frame; ``before`` is the measurement of the one before it, or None."""
        ...

    def drop(self, tickets: Sequence[int]) -> None:
        """Let go of finished units that no picture will have."""
        ...


class Dispatch(Protocol):
    """What is needed of the dispatcher."""

    @property
    def pixel_samples_done(self) -> int:
        """How much of the job is rendered."""
        ...

    def seconds_left(self) -> float | None:
        """Seconds until all of the job is rendered; None while nothing is known."""
        ...

    def done(self, frame: int) -> Mapping[int, Block]:
        """Finished units of a frame: each pixel and sample once."""
        ...

    def end_frame(self, frame: int, sample_stop: int) -> None:
        """Drop and call back what goes beyond a number of samples."""
        ...


GOAL_STEP = 0.03
"""Part by which what is expected changes before it is told."""


class _Spent(NamedTuple):
    """Seconds a node rendered a unit that was finished at a moment."""

    node: str
    seconds: float
    at_s: float


@dataclass(slots=True, kw_only=True)
class LimitTracking:
    """Ends frames by their limits; an observer of the job's events, between dispatcher and finisher.

    Parameters
    ----------
    layout
        What is rendered, and its limits.
    frames
        The frames that are rendered in this run.
    clock
        Seconds on the job's own clock.
    dispatcher, measurer
        Who renders, and who measures.
    finish
        Called with a frame, the tickets its picture is made of, and how it ended (None: with all its samples).
    on_pass
        Called with how far a frame has come, when another of its passes was measured.
    on_bad_tile
        Called with a frame whose tiles don't make up a pass.
    """

    layout: Layout
    frames: Sequence[int]
    clock: Callable[[], float]
    dispatcher: Dispatch
    measurer: Measurer
    finish: Callable[[int, Sequence[int], Ending | None], None]
    on_pass: Callable[[FrameProgress], None] = lambda progress: None  # noqa: ARG005
    on_bad_tile: Callable[[int, BadTile], None] = lambda frame, error: None  # noqa: ARG005
    _progress: JobProgress = field(init=False)
    _began_s: float | None = field(init=False, default=None)
    _time_up: bool = field(init=False, default=False)
    _spent: dict[Block, _Spent] = field(init=False, default_factory=dict)
    """What units took whose frame may end before them."""
    _goal: int = field(init=False)

    def __post_init__(self) -> None:
        area_px, passes = self.layout.region.area, self.layout.passes
        self._progress = JobProgress(frames=self.frames, passes=passes, area_px=area_px)
        self._goal = self._progress.pixel_samples_left

    def take(self, event: ev.Event) -> None:
        """Note which frames there is something of, what nodes spent on it, and of which nothing will come."""
        match event:
            case ev.UnitStarted(at_s=at_s):
                self._began_s = at_s if self._began_s is None else self._began_s
            case ev.UnitReused(block=block):
                self._progress.begin(block.frame)
            case ev.UnitFinished(node=node, block=block, record=record, at_s=at_s):
                self._progress.begin(block.frame)
                if self.layout.limits.noise is not None and not record.reused:
                    self._spent[block] = _Spent(node, record.wall_s - record.load_s, at_s)
            case ev.FrameFailed(frame=frame):
                if self._let_go(frame) is not None:
                    self.measurer.drop(tuple(self.dispatcher.done(frame)))
            case _:
                pass

    def rendered(self, frame: int, tickets: Sequence[int]) -> None:
        """Take a frame whose units are all there; its picture may need fewer."""
        progress = self._progress.begin(frame)
        progress.count(self.dispatcher.done(frame))
        progress.tickets = tickets
        self._settle(progress)

    def render_again(self, frame: int) -> None:
        """Follow a frame from its beginning, since it is rendered again from there."""
        self._let_go(frame)
        self._progress.begin_again(frame)

    def covers(self, frame: int, passes: Sequence[SampleRange]) -> bool:
        """Whether passes of a frame are rendered in the whole region, or the frame was handed on."""
        return self._progress.covers(frame, passes)

    def poll(self) -> bool:
        """Measure, decide, end; whether any frame that is rendered still waits for a decision."""
        self._count()
        self._watch_time()
        for progress in tuple(self._progress.active.values()):
            self._follow(progress)
        self._move_goal()
        return any(progress.tickets is not None for progress in self._progress.active.values())

    def ends_in_s(self) -> float:
        """Seconds until the time is up, once it runs."""
        limit_s = self.layout.limits.time_s
        return math.inf if limit_s is None or self._began_s is None else max(0.0, limit_s - self._spent_s())

    def forecast(self, seconds_left: float | None) -> float | None:
        """Make of the seconds until all passes are rendered those until the job ends."""
        if not self.layout.limits:
            return seconds_left
        ends_in_s = self.ends_in_s()
        if seconds_left is None:
            return None if ends_in_s == math.inf else ends_in_s
        return min(self._rendering_s(seconds_left), ends_in_s)

    def fraction(self) -> float:
        """How much of what is expected to be rendered is."""
        return min(1.0, self.dispatcher.pixel_samples_done / self._goal) if self._goal else 1.0

    def _count(self) -> None:
        """Count in what the dispatcher has counted: of units that raced for the same pixels only one."""
        for progress in self._progress.active.values():
            done = self.dispatcher.done(progress.frame)
            if len(done) > progress.counted:
                progress.count(done)

    def _rendering_s(self, seconds_left: float) -> float:
        """Make of the seconds until all passes are rendered those until all is that noise will ask for."""
        self._count()
        whole = self._progress.pixel_samples_left
        return seconds_left * self._progress.expected_left() / whole if whole else 0.0

    def _move_goal(self) -> None:
        """Tell how much will have been rendered in the end, when it is something else than was thought."""
        seconds_left = self.dispatcher.seconds_left() if self.layout.limits else None
        if seconds_left is None:
            return
        rendering_s, left = self._rendering_s(seconds_left), self._progress.expected_left()
        if rendering_s > self.ends_in_s():
            left *= self.ends_in_s() / rendering_s
        goal = round(self.dispatcher.pixel_samples_done + left)
        if abs(goal - self._goal) > GOAL_STEP * self._goal:
            self._goal = goal
            ev.announce(ev.ExpectedWorkChanged(at_s=self.clock(), pixel_samples=goal))

    def _follow(self, progress: FrameProgress) -> None:
        """Take in what was measured, and begin to measure the next pass that is complete."""
        if progress.measurement is not None and progress.measurement.done():
            try:
                progress.take_noise(progress.measurement, self.layout.limits.noise)
            except BadTile as error:
                self.on_bad_tile(progress.frame, error)
                return
            self._tell(progress)
            self._judge(progress)
        if progress.measurement is None and self._undecided(progress) and progress.complete(progress.measured):
            samples = progress.passes[progress.measured]
            done = self.dispatcher.done(progress.frame)
            own = [ticket for ticket, block in done.items() if block.samples == samples]
            progress.measurement = self.measurer.measure(progress.frame, own, progress.last)

    def _undecided(self, progress: FrameProgress) -> bool:
        """Whether there are passes whose measurement may end the frame, or sharpen its preview."""
        measurable = progress.measured < len(progress.passes) - 1
        only_shown = self.layout.limits.noise is None and progress.tickets is not None
        return measurable and progress.ended_by is None and not only_shown

    def _judge(self, progress: FrameProgress) -> None:
        limit = self.layout.limits.noise
        if progress.ended_by is None and limit is not None and progress.noise is not None and progress.noise <= limit:
            self._end(progress, EndedBy.NOISE, progress.samples)
        else:
            self._settle(progress)

    def _watch_time(self) -> None:
        if self._time_up or self.ends_in_s() != 0.0:
            return
        self._time_up = True
        open_frames = self._progress.begin_all()
        if open_frames:
            ev.announce(
                ev.TimeLimitReached(at_s=self.clock(), early=not all(progress.complete(0) for progress in open_frames))
            )
        for progress in open_frames:
            self._end(progress, EndedBy.TIME, self.layout.passes[0].stop)

    def _end(self, progress: FrameProgress, by: EndedBy, stop: int) -> None:
        progress.ended_by, progress.sample_stop = by, stop
        if progress.tickets is None:
            self.dispatcher.end_frame(progress.frame, stop)  # says that the frame is rendered, unless a pass isn't
        else:
            self._settle(progress)

    def _settle(self, progress: FrameProgress) -> None:
        """Hand a frame on to be finished, once it is rendered and no measurement can end it earlier."""
        if progress.tickets is None or self._undecided(progress):
            return
        by, stop, tickets = progress.ended_by or EndedBy.SAMPLES, progress.sample_stop, progress.tickets
        if by is EndedBy.NOISE:
            tickets = self._kept(progress, stop)
        self._let_go(progress.frame)
        ending = Ending(by=by, seconds=self._spent_s(), sample_stop=None if by is EndedBy.TIME else stop)
        self.finish(progress.frame, tickets, ending if self.layout.limits else None)

    def _let_go(self, frame: int) -> FrameProgress | None:
        """Follow a frame no more; returns it, if it was followed."""
        for block in self.dispatcher.done(frame).values() if self._spent else ():
            self._spent.pop(block, None)
        return self._progress.end(frame)

    def _kept(self, progress: FrameProgress, stop: int) -> Sequence[int]:
        """Leave out the units beyond the end of a picture: they were rendered for nothing."""
        blocks = self.dispatcher.done(progress.frame)
        beyond = {ticket: block for ticket, block in blocks.items() if block.samples.stop > stop}
        for block in beyond.values():
            spent = self._spent.get(block)
            if spent is not None:
                waste = ev.UnitWasted(
                    at_s=self.clock(), node=spent.node, block=block, seconds=spent.seconds, finished_s=spent.at_s
                )
                ev.announce(waste)
        self.measurer.drop(tuple(beyond))
        return tuple(ticket for ticket in blocks if ticket not in beyond)

    def _tell(self, progress: FrameProgress) -> None:
        wanted = progress.samples_wanted(self.layout.limits.noise)
        ev.announce(
            ev.PassMeasured(
                at_s=self.clock(),
                frame=progress.frame,
                samples=progress.samples,
                noise=progress.noise,
                samples_wanted=wanted,
            )
        )
        self.on_pass(progress)

    def _spent_s(self) -> float:
        return 0.0 if self._began_s is None else self.clock() - self._began_s
