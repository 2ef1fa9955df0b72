"""How far a job is from what ends it: its noise, its time, its deadline."""

from __future__ import annotations

from dataclasses import dataclass

from frontburner.events.announcing import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class PassMeasured(Event):
    """A pass of a frame is complete in its whole region, and the noise of the picture so far was measured.

    Parameters
    ----------
    samples
        Samples every pixel has.
    noise
        As in `tasks.picture.noise`; None after the first pass.
    samples_wanted
        Samples that should bring the noise to the job's limit, where it has one.
    """

    frame: int
    samples: int
    noise: float | None
    samples_wanted: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewMade(Event):
    """A preview of a still is in the store, where that of the finished frame will be."""

    frame: int
    samples: int
    caption: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GoalMoved(Event):
    """How much is expected to be rendered by the time a limit ends the job, in pixel-samples of this run and before."""

    pixel_samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeUp(Event):
    """The time of a job is up; ``early`` when not even the first pass was complete, so that it goes on until it is."""

    early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineJudged(Event):
    """Whether a job is expected to be ready in time; ``made_it`` once it is ready.

    Parameters
    ----------
    due, expected_end
        ISO date-times.
    spare_s
        Seconds between them; negative is late.
    news
        Whether the sentence says something else than the last one did.
    """

    due: str
    expected_end: str
    spare_s: float
    sentence: str
    news: bool
    made_it: bool | None = None
