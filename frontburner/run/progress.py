"""How far the frames of a job have come, pass by pass, and how much of them is expected to be rendered still."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tasks.picture.noise import samples_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frontburner.plan.block import Block
    from tasks.limits import EndedBy
    from tasks.spec import SampleRange


class Measurement(Protocol):
    """A pass being measured on some node."""

    def done(self) -> bool:
        """Whether it has ended."""
        ...

    def noise(self) -> float | None:
        """Return the noise of the picture with all passes so far. Raises what went wrong."""
        ...


@dataclass(slots=True, kw_only=True)
class FrameProgress:
    """How far one frame has come."""

    frame: int
    passes: Sequence[SampleRange]
    area_px: int
    covered_px: dict[SampleRange, int] = field(default_factory=dict)
    """Pixels by pass, as long as it is looked at."""
    pixel_samples: int = 0
    """What is rendered of it."""
    counted: int = 0
    """Units that are counted in; the dispatcher may have more by now."""
    measured: int = 0
    """Passes whose noise is known; they were measured in their order."""
    noise: float | None = None
    expected_stop: int | None = None
    """Samples it should have when it ends, as far as its noise tells; None while that tells nothing."""
    measurement: Measurement | None = None
    last: Any = None
    tickets: Sequence[int] | None = None
    """All its units, once the dispatcher said that it is rendered."""
    ended_by: EndedBy | None = None
    """What ended it; None as long as nothing did."""
    sample_stop: int = field(init=False)

    def __post_init__(self) -> None:
        self.sample_stop = self.passes[-1].stop

    def count(self, done: Mapping[int, Block]) -> None:
        """Count in what is new among its units, which come in the order they were counted."""
        for block in itertools.islice(done.values(), self.counted, None):
            self.covered_px[block.samples] = self.covered_px.get(block.samples, 0) + block.region.area
            self.pixel_samples += block.pixel_samples
        self.counted = len(done)

    def take_noise(self, measured: Measurement, limit: float | None) -> None:
        """Take in how noisy it is with another pass. Raises what went wrong with measuring it."""
        self.last, self.measurement = measured, None
        self.noise = measured.noise()
        self.measured += 1
        wanted, self.expected_stop = self.samples_wanted(limit), None
        if wanted is not None:  # those of the first pass that has as many
            self.expected_stop = next((own.stop for own in self.passes if own.stop >= wanted), self.passes[-1].stop)

    def close(self) -> None:
        """Let go of all that matters only until it is handed on, what nodes hold for it included."""
        self.covered_px.clear()
        self.measurement = self.last = None

    def complete(self, index: int) -> bool:
        """Whether a pass is rendered in the whole region."""
        return self.covered_px.get(self.passes[index], 0) == self.area_px

    @property
    def settled(self) -> bool:
        """Whether no more of it will be rendered."""
        return self.ended_by is not None or self.tickets is not None

    @property
    def samples(self) -> int:
        """Samples of every pixel that were measured."""
        return self.passes[self.measured - 1].stop if self.measured else 0

    def samples_wanted(self, limit: float | None) -> float | None:
        """Samples that should bring its noise to a limit; None where nothing is known of it."""
        return (
            None if limit is None or self.noise is None else samples_for(limit, noise=self.noise, samples=self.samples)
        )

    def sentence(self, limit: float | None) -> str:
        """Say how far it has come, and what it should take to its limit."""
        noise = "" if self.noise is None else f", noise {self.noise:.2%}"
        wanted = self.samples_wanted(limit)
        more = f"; {limit:.4g} should take about {wanted:.0f} samples" if wanted and wanted > self.samples else ""
        return f"frame {self.frame}: {self.samples} samples a pixel{noise}{more}"


@dataclass(slots=True, kw_only=True)
class JobProgress:
    """How far all frames of a job have come, in sums that cost no more to ask for in a long job than in a short one.

    Frames that nobody has begun are all expected to need the same, and those that are through change no more: only
    the ``active`` ones in between are looked at.

    Parameters
    ----------
    frames, passes, area_px
        What is rendered: frames, the passes of each, and the pixels of each pass.
    """

    frames: Sequence[int]
    passes: Sequence[SampleRange]
    area_px: int
    active: dict[int, FrameProgress] = field(init=False, default_factory=dict)
    """Frames of which something is rendered, and that are not through."""
    _waiting: dict[int, None] = field(init=False)
    _stops: int = field(init=False, default=0)
    """How many samples frames that are through should have had, where their noise told, and how many those are."""
    _stops_known: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self._waiting = dict.fromkeys(self.frames)

    def begin(self, frame: int) -> FrameProgress:
        """Return a frame that is looked at from now on."""
        self._waiting.pop(frame, None)
        if frame not in self.active:
            self.active[frame] = FrameProgress(frame=frame, passes=self.passes, area_px=self.area_px)
        return self.active[frame]

    def begin_again(self, frame: int) -> None:
        """Count a frame among those nobody has begun."""
        self.end(frame)
        self._waiting[frame] = None

    def covers(self, frame: int, passes: Sequence[SampleRange]) -> bool:
        """Whether passes of a frame are rendered in the whole region, or it is looked at no more."""
        progress = self.active.get(frame)
        if progress is None:
            return frame not in self._waiting
        return progress.tickets is not None or all(progress.complete(self.passes.index(own)) for own in passes)

    def begin_all(self) -> list[FrameProgress]:
        """Begin with all frames that nobody has begun, and return those that more is to be rendered of."""
        for frame in tuple(self._waiting):
            self.begin(frame)
        return [progress for progress in self.active.values() if not progress.settled]

    def end(self, frame: int) -> FrameProgress | None:
        """Look at a frame no more: it is handed on, or has failed. Returns it, if it was looked at."""
        self._waiting.pop(frame, None)
        progress = self.active.pop(frame, None)
        if progress is not None:
            progress.close()
            if progress.expected_stop is not None:
                self._stops += progress.expected_stop
                self._stops_known += 1
        return progress

    @property
    def pixel_samples_left(self) -> int:
        """What is missing of all passes of the frames that haven't ended."""
        begun = [progress.pixel_samples for progress in self.active.values() if not progress.settled]
        return (len(self._waiting) + len(begun)) * self.passes[-1].stop * self.area_px - sum(begun)

    def expected_left(self) -> float:
        """Pixel-samples that will still be rendered, as far as noise tells; of frames not yet measured, the usual."""
        known = [p.expected_stop for p in self.active.values() if p.expected_stop is not None]
        count = self._stops_known + len(known)
        usual = (self._stops + sum(known)) / count if count else self.passes[-1].stop
        left = float(len(self._waiting) * usual * self.area_px)
        for progress in self.active.values():
            if not progress.settled:
                left += max(0.0, (progress.expected_stop or usual) * self.area_px - progress.pixel_samples)
        return left
