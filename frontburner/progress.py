"""How far the frames of a job have come, pass by pass, and how much of them is expected to be rendered still."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from tasks.noise import samples_for

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

    @property
    def pixel_samples_left(self) -> int:
        """What is missing of all its passes."""
        return self.passes[-1].stop * self.area_px - self.pixel_samples

    def samples_wanted(self, limit: float | None) -> float | None:
        """Samples that should bring its noise to a limit; None where nothing is known of it."""
        return (
            None if limit is None or self.noise is None else samples_for(limit, noise=self.noise, samples=self.samples)
        )

    def expected_stop(self, limit: float | None) -> int | None:
        """Samples it should have when it ends: those of the first pass that has as many as are wanted."""
        wanted = self.samples_wanted(limit)
        if wanted is None:
            return None
        return next((own.stop for own in self.passes if own.stop >= wanted), self.passes[-1].stop)

    def sentence(self, limit: float | None) -> str:
        """Say how far it has come, and what it should take to its limit."""
        noise = "" if self.noise is None else f", noise {self.noise:.2%}"
        wanted = self.samples_wanted(limit)
        more = f"; {limit:.4g} should take about {wanted:.0f} samples" if wanted and wanted > self.samples else ""
        return f"frame {self.frame}: {self.samples} samples a pixel{noise}{more}"


def expected_left(frames: Sequence[FrameProgress], limit: float | None) -> float:
    """Pixel-samples that will still be rendered, as far as noise tells; of frames not yet measured, the usual."""
    stops = {progress.frame: progress.expected_stop(limit) for progress in frames}
    known = [stop for stop in stops.values() if stop is not None]
    left = 0.0
    for progress in frames:
        if not progress.settled:
            usual = sum(known) / len(known) if known else progress.passes[-1].stop
            left += max(0.0, (stops[progress.frame] or usual) * progress.area_px - progress.pixel_samples)
    return left
