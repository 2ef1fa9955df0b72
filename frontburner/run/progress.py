"""The progress of a job: which passes of its frames are rendered, and how much is expected to be left."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tasks.picture.noise import samples_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from frontburner.plan.block import Block
    from frontburner.plan.planner import Planner
    from frontburner.run.limit_tracking import LimitTracking
    from tasks.limits import EndedBy
    from tasks.spec import SampleRange


DEMAND_EVERY_S = 2.0
"""Nobody acts on a newer estimate of a job's demand."""


class Measurement(Protocol):
    """A pass whose noise is being measured on some node."""

    def done(self) -> bool:
        """Whether it has ended."""
        ...

    def noise(self) -> float | None:
        """Return the noise of the picture with all passes so far. Raises the error of the measurement."""
        ...


@dataclass(slots=True, kw_only=True)
class FrameProgress:
    """The progress of one frame."""

    frame: int
    passes: Sequence[SampleRange]
    area_px: int
    covered_px: dict[SampleRange, int] = field(default_factory=dict)
    """Pixels rendered, by pass."""
    pixel_samples: int = 0
    """Pixel-samples rendered."""
    counted: int = 0
    """Units counted; the dispatcher may have more by now."""
    measured: int = 0
    """Passes whose noise is known; they are measured in their order."""
    noise: float | None = None
    expected_stop: int | None = None
    """Samples it is expected to end with, estimated from its noise; None while that isn't known."""
    measurement: Measurement | None = None
    last: Any = None
    tickets: Sequence[int] | None = None
    """All its units, once the dispatcher has reported it as rendered."""
    ended_by: EndedBy | None = None
    """The limit that ended it, if any."""
    sample_stop: int = field(init=False)

    def __post_init__(self) -> None:
        self.sample_stop = self.passes[-1].stop

    def count(self, done: Mapping[int, Block]) -> None:
        """Count the new ones among its finished units, which are in the order they finished."""
        for block in itertools.islice(done.values(), self.counted, None):
            self.covered_px[block.samples] = self.covered_px.get(block.samples, 0) + block.region.area
            self.pixel_samples += block.pixel_samples
        self.counted = len(done)

    def take_noise(self, measured: Measurement, limit: float | None) -> None:
        """Record its noise with another pass. Raises the error of the measurement."""
        self.last, self.measurement = measured, None
        self.noise = measured.noise()
        self.measured += 1
        wanted, self.expected_stop = self.samples_wanted(limit), None
        if wanted is not None:
            stops = [samples.stop for samples in self.passes]
            self.expected_stop = next((stop for stop in stops if stop >= wanted), stops[-1])

    def close(self) -> None:
        """Release what is needed only while it is tracked, including what nodes hold for it."""
        self.covered_px.clear()
        self.measurement = self.last = None

    def complete(self, index: int) -> bool:
        """Whether all pixels of a pass are rendered."""
        return self.covered_px.get(self.passes[index], 0) == self.area_px

    @property
    def settled(self) -> bool:
        """Whether nothing more of it will be rendered."""
        return self.ended_by is not None or self.tickets is not None

    @property
    def samples(self) -> int:
        """Samples a pixel of the passes measured so far."""
        return self.passes[self.measured - 1].stop if self.measured else 0

    def samples_wanted(self, limit: float | None) -> float | None:
        """Return the samples expected to bring its noise to a limit; None if there is no limit or no measurement."""
        return (
            None if limit is None or self.noise is None else samples_for(limit, noise=self.noise, samples=self.samples)
        )

    def sentence(self, limit: float | None) -> str:
        """Return its progress for the log, with the samples it should take to reach its limit."""
        noise = "" if self.noise is None else f", noise {self.noise:.2%}"
        wanted = self.samples_wanted(limit)
        more = f"; {limit:.4g} should take about {wanted:.0f} samples" if wanted and wanted > self.samples else ""
        return f"frame {self.frame}: {self.samples} samples a pixel{noise}{more}"


@dataclass(slots=True, kw_only=True)
class JobProgress:
    """The progress of all frames of a job, in sums that take no longer to compute for a long job than for a short one.

    Frames that haven't begun are all expected to need the same, and those that are done no longer change: only the
    ``active`` ones are iterated over.

    Parameters
    ----------
    frames, passes, area_px
        The frames to render, the passes of each, and the pixels of each pass.
    """

    frames: Sequence[int]
    passes: Sequence[SampleRange]
    area_px: int
    active: dict[int, FrameProgress] = field(init=False, default_factory=dict)
    """Frames that have begun and are not done."""
    _waiting: dict[int, None] = field(init=False)
    _stops_sum: int = field(init=False, default=0)
    """Sum of the samples that done frames were expected to end with, and the number of such frames."""
    _stops_count: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._waiting = dict.fromkeys(self.frames)

    def begin(self, frame: int) -> FrameProgress:
        """Track a frame from now on, and return its progress."""
        self._waiting.pop(frame, None)
        if frame not in self.active:
            self.active[frame] = FrameProgress(frame=frame, passes=self.passes, area_px=self.area_px)
        return self.active[frame]

    def begin_again(self, frame: int) -> None:
        """Count a frame among those that haven't begun."""
        self.end(frame)
        self._waiting[frame] = None

    def covers(self, frame: int, passes: Sequence[SampleRange]) -> bool:
        """Whether all pixels of some passes of a frame are rendered, or it is done."""
        progress = self.active.get(frame)
        if progress is None:
            return frame not in self._waiting
        return progress.tickets is not None or all(progress.complete(self.passes.index(samples)) for samples in passes)

    def begin_all(self) -> list[FrameProgress]:
        """Begin all frames, and return those of which more is to be rendered."""
        for frame in tuple(self._waiting):
            self.begin(frame)
        return [progress for progress in self.active.values() if not progress.settled]

    def end(self, frame: int) -> FrameProgress | None:
        """Stop tracking a frame that is done or has failed. Returns its progress, if it was tracked."""
        self._waiting.pop(frame, None)
        progress = self.active.pop(frame, None)
        if progress is not None:
            progress.close()
            if progress.expected_stop is not None:
                self._stops_sum += progress.expected_stop
                self._stops_count += 1
        return progress

    @property
    def pixel_samples_left(self) -> int:
        """Pixel-samples missing from all passes of the frames that haven't ended."""
        begun = [progress.pixel_samples for progress in self.active.values() if not progress.settled]
        return (len(self._waiting) + len(begun)) * self.passes[-1].stop * self.area_px - sum(begun)

    def expected_left(self) -> float:
        """Return the pixel-samples left, estimated from noise; frames not yet measured count as average."""
        known = [p.expected_stop for p in self.active.values() if p.expected_stop is not None]
        count = self._stops_count + len(known)
        average = (self._stops_sum + sum(known)) / count if count else self.passes[-1].stop
        left = float(len(self._waiting) * average * self.area_px)
        for progress in self.active.values():
            if not progress.settled:
                left += max(0.0, (progress.expected_stop or average) * self.area_px - progress.pixel_samples)
        return left


@dataclass(slots=True, kw_only=True)
class Demand:
    """What is left of a job, estimated every few seconds."""

    clock: Callable[[], float]
    _estimated_s: float = field(init=False, default=-math.inf)
    _work_s: float | None = field(init=False, default=None)

    def work_s(self, planner: Planner, limits: LimitTracking) -> float | None:
        """Return the work left, in seconds of one average node of the job, by the last estimate; None if unknown."""
        now_s = self.clock()
        if now_s - self._estimated_s >= DEMAND_EVERY_S:
            self._estimated_s = now_s
            left_s = limits.forecast(planner.seconds_left(now_s))
            self._work_s = None if left_s is None else left_s * len(planner.nodes)
        return self._work_s
