"""Noise and time limits: tracks the passes of each frame, has their noise measured on nodes, and ends frames.

A frame ends after the first pass whose noise is within the limit. Only complete passes count, whose bits don't depend
on the farm, so the picture doesn't either. At the time limit, the picture is made of all units finished by then.
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
    from collections.abc import Callable, Sequence

    from frontburner.dispatch.dispatcher import Dispatcher
    from frontburner.jobs.layout import Layout
    from frontburner.plan.block import Block
    from frontburner.run.progress import FrameProgress
    from tasks.spec import SampleRange


class Measurer(Protocol):
    """Measures passes on the nodes that have their tiles."""

    def measure(self, frame: int, tickets: Sequence[int], before: Any) -> Any:  # noqa: ANN401 - its own Measurement
        """Start measuring a complete pass of a frame; ``before`` is the measurement of the previous one, or None."""
        ...

    def drop(self, tickets: Sequence[int]) -> None:
        """Release finished units that no picture will use."""
        ...


MIN_CHANGE = 0.03
"""Relative change of the expected work that is announced."""


class _Spent(NamedTuple):
    """The node of a finished unit, how long it rendered it, and when it finished."""

    node: str
    seconds: float
    at_s: float


@dataclass(slots=True, kw_only=True)
class LimitTracking:
    """Ends frames by their limits: observes the job's events, and stands between dispatcher and finisher.

    Parameters
    ----------
    layout
        What is rendered, and its limits.
    frames
        The frames that are rendered in this run.
    clock
        Seconds since the job began.
    dispatcher, measurer
        What renders, and what measures.
    finish
        Called with a frame, the tickets of its picture, and how it ended (None if the job has no limits).
    on_pass
        Called with the progress of a frame when another of its passes was measured.
    on_bad_tile
        Called with a frame whose tiles don't cover a pass.
    """

    layout: Layout
    frames: Sequence[int]
    clock: Callable[[], float]
    dispatcher: Dispatcher
    measurer: Measurer
    finish: Callable[[int, Sequence[int], Ending | None], None]
    on_pass: Callable[[FrameProgress], None] = lambda progress: None  # noqa: ARG005
    on_bad_tile: Callable[[int, BadTile], None] = lambda frame, error: None  # noqa: ARG005
    _progress: JobProgress = field(init=False)
    _began_s: float | None = field(init=False, default=None)
    _time_limit_reached: bool = field(init=False, default=False)
    _spent: dict[Block, _Spent] = field(init=False, default_factory=dict)
    """Render times of units that may turn out to lie beyond the end of their frame."""
    _expected_work: int = field(init=False)
    """Pixel-samples that are expected to be rendered in the end."""

    def __post_init__(self) -> None:
        area_px, passes = self.layout.region.area, self.layout.passes
        self._progress = JobProgress(frames=self.frames, passes=passes, area_px=area_px)
        self._expected_work = self._progress.pixel_samples_left

    def take(self, event: ev.Event) -> None:
        """Track which frames have begun, what nodes spent on their units, and which have failed."""
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
                if self._untrack(frame) is not None:
                    self.measurer.drop(tuple(self.dispatcher.done(frame)))
            case _:
                pass

    def rendered(self, frame: int, tickets: Sequence[int]) -> None:
        """Take a frame all of whose units are finished; its picture may need fewer."""
        progress = self._progress.begin(frame)
        progress.count(self.dispatcher.done(frame))
        progress.tickets = tickets
        self._settle(progress)

    def render_again(self, frame: int) -> None:
        """Track a frame from its beginning, since it is rendered again."""
        self._untrack(frame)
        self._progress.begin_again(frame)

    def covers(self, frame: int, passes: Sequence[SampleRange]) -> bool:
        """Whether all pixels of some passes of a frame are rendered, or it was handed on to be finished."""
        return self._progress.covers(frame, passes)

    def poll(self) -> bool:
        """Measure passes and end frames; returns whether any rendered frame still waits for a measurement."""
        self._count()
        self._check_time()
        for progress in tuple(self._progress.active.values()):
            self._follow(progress)
        self._update_expected_work()
        return any(progress.tickets is not None for progress in self._progress.active.values())

    def ends_in_s(self) -> float:
        """Return the seconds until the time limit, which counts from the first unit; infinite without one."""
        limit_s = self.layout.limits.time_s
        return math.inf if limit_s is None or self._began_s is None else max(0.0, limit_s - self._elapsed_s())

    def forecast(self, seconds_left: float | None) -> float | None:
        """Convert the seconds until all passes are rendered to those until the limits end the job."""
        if not self.layout.limits:
            return seconds_left
        ends_in_s = self.ends_in_s()
        if seconds_left is None:
            return None if ends_in_s == math.inf else ends_in_s
        return min(self._rendering_s(seconds_left), ends_in_s)

    def fraction(self) -> float:
        """Return the fraction of the expected work that is done."""
        return min(1.0, self.dispatcher.pixel_samples_done / self._expected_work) if self._expected_work else 1.0

    def _count(self) -> None:
        """Count the units the dispatcher has counted: of several for the same pixels only one."""
        for progress in self._progress.active.values():
            done = self.dispatcher.done(progress.frame)
            if len(done) > progress.counted:
                progress.count(done)

    def _rendering_s(self, seconds_left: float) -> float:
        """Convert the seconds until all passes are rendered to those until noise limits end all frames."""
        self._count()
        all_left = self._progress.pixel_samples_left
        return seconds_left * self._progress.expected_left() / all_left if all_left else 0.0

    def _update_expected_work(self) -> None:
        """Announce how much is expected to be rendered in the end, when the estimate has changed."""
        seconds_left = self.dispatcher.seconds_left() if self.layout.limits else None
        if seconds_left is None:
            return
        rendering_s, left = self._rendering_s(seconds_left), self._progress.expected_left()
        if rendering_s > self.ends_in_s():
            left *= self.ends_in_s() / rendering_s
        expected = round(self.dispatcher.pixel_samples_done + left)
        if abs(expected - self._expected_work) > MIN_CHANGE * self._expected_work:
            self._expected_work = expected
            ev.announce(ev.ExpectedWorkChanged(at_s=self.clock(), pixel_samples=expected))

    def _follow(self, progress: FrameProgress) -> None:
        """Evaluate a measurement that has ended, and start measuring the next complete pass."""
        if progress.measurement is not None and progress.measurement.done():
            try:
                progress.take_noise(progress.measurement, self.layout.limits.noise)
            except BadTile as error:
                self.on_bad_tile(progress.frame, error)
                return
            self._report_pass(progress)
            self._check_noise(progress)
        if progress.measurement is None and self._undecided(progress) and progress.complete(progress.measured):
            samples = progress.passes[progress.measured]
            done = self.dispatcher.done(progress.frame)
            tickets = [ticket for ticket, block in done.items() if block.samples == samples]
            progress.measurement = self.measurer.measure(progress.frame, tickets, progress.last)

    def _undecided(self, progress: FrameProgress) -> bool:
        """Whether measuring another pass may end the frame, or sharpen its preview."""
        measurable = progress.measured < len(progress.passes) - 1
        only_for_preview = self.layout.limits.noise is None and progress.tickets is not None
        return measurable and progress.ended_by is None and not only_for_preview

    def _check_noise(self, progress: FrameProgress) -> None:
        limit = self.layout.limits.noise
        if progress.ended_by is None and limit is not None and progress.noise is not None and progress.noise <= limit:
            self._end(progress, EndedBy.NOISE, progress.samples)
        else:
            self._settle(progress)

    def _check_time(self) -> None:
        if self._time_limit_reached or self.ends_in_s() != 0.0:
            return
        self._time_limit_reached = True
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
            self.dispatcher.end_frame(progress.frame, stop)  # reports it as rendered unless a pass isn't complete
        else:
            self._settle(progress)

    def _settle(self, progress: FrameProgress) -> None:
        """Hand a frame on to be finished once it is rendered and no measurement can end it earlier."""
        if progress.tickets is None or self._undecided(progress):
            return
        by, stop, tickets = progress.ended_by or EndedBy.SAMPLES, progress.sample_stop, progress.tickets
        if by is EndedBy.NOISE:
            tickets = self._drop_beyond(progress, stop)
        self._untrack(progress.frame)
        ending = Ending(by=by, seconds=self._elapsed_s(), sample_stop=None if by is EndedBy.TIME else stop)
        self.finish(progress.frame, tickets, ending if self.layout.limits else None)

    def _untrack(self, frame: int) -> FrameProgress | None:
        """Stop tracking a frame; returns its progress, if it was tracked."""
        for block in self.dispatcher.done(frame).values() if self._spent else ():
            self._spent.pop(block, None)
        return self._progress.end(frame)

    def _drop_beyond(self, progress: FrameProgress, stop: int) -> Sequence[int]:
        """Drop the units beyond the end of a picture, which were wasted, and return the others."""
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

    def _report_pass(self, progress: FrameProgress) -> None:
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

    def _elapsed_s(self) -> float:
        return 0.0 if self._began_s is None else self.clock() - self._began_s
