"""Sums over the frames of a job are those of looking at every frame, whatever happened to them in whatever order."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontburner.plan.block import Block
from frontburner.run.progress import FrameProgress, JobProgress
from tasks.limits import EndedBy
from tasks.spec import Region, SampleRange
from tests.picture.tiles import passes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

WHOLE = Region(x0=0, y0=0, x1=30, y1=20)
PASSES = passes_of(0, 4, 8, 16, 64)
FRAMES = range(1, 13)


def stop_expected(progress: FrameProgress, limit: float | None) -> int | None:
    wanted = progress.samples_wanted(limit)
    if wanted is None:
        return None
    return next((own.stop for own in progress.passes if own.stop >= wanted), progress.passes[-1].stop)


def left_of_all(frames: Sequence[FrameProgress], failed: set[int], limit: float | None) -> float:
    """Pixel-samples that will still be rendered, by looking at every frame of the job."""
    stops = {progress.frame: stop_expected(progress, limit) for progress in frames}
    known = [stop for stop in stops.values() if stop is not None]
    left = 0.0
    for progress in frames:
        if not progress.settled and progress.frame not in failed:
            usual = sum(known) / len(known) if known else progress.passes[-1].stop
            left += max(0.0, (stops[progress.frame] or usual) * progress.area_px - progress.pixel_samples)
    return left


@dataclass(slots=True)
class Figure:
    """A measurement that has ended."""

    figure: float | None

    def done(self) -> bool:
        return True

    def noise(self) -> float | None:
        return self.figure


@dataclass(slots=True)
class Turmoil:
    """Frames to which anything happens that a job's events can tell, in any order."""

    random: Random
    limit: float | None
    job: JobProgress = field(init=False)
    frames: dict[int, FrameProgress] = field(init=False)
    failed: set[int] = field(init=False, default_factory=set)
    units: dict[int, dict[int, Block]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.job = JobProgress(frames=FRAMES, passes=PASSES, area_px=WHOLE.area)
        self.frames = {n: FrameProgress(frame=n, passes=PASSES, area_px=WHOLE.area) for n in FRAMES}

    def act(self) -> None:
        frame = self.random.choice(FRAMES)
        if frame in self.failed or (frame not in self.job.active and self.frames[frame].counted):
            return  # it is through
        acts = [self.render, self.render, self.measure, self.measure, self.end, self.fail]
        self.random.choice(acts)(frame)

    def begin(self, frame: int) -> FrameProgress:
        self.frames[frame] = self.job.begin(frame)
        return self.frames[frame]

    def render(self, frame: int) -> None:
        """Some units more of a frame are finished."""
        done = self.units.setdefault(frame, {})
        for _ in range(self.random.randint(1, 3)):
            samples = self.random.choice(PASSES)
            region = Region(x0=0, y0=0, x1=self.random.randint(1, WHOLE.x1), y1=WHOLE.y1)
            done[len(done)] = Block(frame=frame, samples=samples, region=region)
        self.begin(frame).count(done)

    def measure(self, frame: int) -> None:
        """Another pass of a frame is measured."""
        progress = self.job.active.get(frame)
        if progress is not None and progress.measured < len(PASSES):
            figure = self.random.choice([None, self.random.uniform(0.01, 2.0)])
            progress.take_noise(Figure(figure), self.limit)

    def end(self, frame: int) -> None:
        """A frame ends by a limit, or is rendered; either may come long before it is handed on."""
        progress = self.job.active.get(frame)
        if progress is None:
            return
        match self.random.randrange(3):
            case 0:
                progress.ended_by = self.random.choice([EndedBy.NOISE, EndedBy.TIME])
            case 1:
                progress.tickets = (1,)
            case _ if progress.settled and progress.counted:
                self.job.end(frame)
            case _:
                pass

    def fail(self, frame: int) -> None:
        """A frame fails, begun or not."""
        if self.random.random() < 0.3:
            self.failed.add(frame)
            self.job.end(frame)


@settings(max_examples=150)
@given(seed=st.integers(0, 2**32), limit=st.sampled_from([None, 0.05, 0.3]), time_up=st.booleans())
def test_the_sums_are_those_of_looking_at_every_frame(seed: int, limit: float | None, *, time_up: bool) -> None:
    turmoil = Turmoil(Random(seed), limit)
    for turn in range(80):
        if time_up and turn == 60:
            for progress in turmoil.job.begin_all():
                turmoil.frames[progress.frame] = progress
                progress.ended_by = EndedBy.TIME
        turmoil.act()
        every = tuple(turmoil.frames.values())
        assert turmoil.job.expected_left() == pytest.approx(left_of_all(every, turmoil.failed, limit), rel=1e-12)
        still = (p for p in every if not p.settled and p.frame not in turmoil.failed)
        whole = sum(PASSES[-1].stop * WHOLE.area - progress.pixel_samples for progress in still)
        assert turmoil.job.pixel_samples_left == whole


def test_a_job_that_nobody_has_begun_has_all_before_it() -> None:
    job = JobProgress(frames=range(100), passes=(SampleRange(start=0, stop=8),), area_px=10)
    assert job.expected_left() == job.pixel_samples_left == 100 * 8 * 10
    assert not job.active
