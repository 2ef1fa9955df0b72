"""What may end a picture before all its samples are rendered, and what a finished picture has reached."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class EndedBy(StrEnum):
    """What a picture was finished by."""

    SAMPLES = "samples"
    TIME = "time"
    NOISE = "noise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a job says may end its pictures early; part of what a finished file is known by.

    Parameters
    ----------
    time_s
        Seconds from the first unit handed out.
    noise
        Noise of the whole picture, as in `tasks.picture.noise`.
    """

    time_s: float | None = None
    noise: float | None = None

    def __bool__(self) -> bool:
        return self.time_s is not None or self.noise is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one frame ended: by what, and after how many seconds from the first unit handed out.

    ``sample_stop`` is where its samples end; None takes every tile there is, also of passes that are not complete.
    """

    by: EndedBy
    seconds: float
    sample_stop: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What a finished picture came to: samples a pixel, noise where it could be estimated, and what ended it."""

    samples_min: int
    samples_mean: float
    samples_max: int
    noise: float | None = None
    seconds: float | None = None
    ended_by: EndedBy = EndedBy.SAMPLES

    @property
    def telling(self) -> bool:
        """Whether it says more than that all samples of the job are there."""
        return self.noise is not None or self.seconds is not None

    def facts(self) -> dict[str, str]:
        """What a picture's file tells of it."""
        even = self.samples_min == self.samples_max
        facts = {"samples": str(self.samples_min if even else self.samples_mean), "ended_by": self.ended_by.value}
        if not even:
            facts |= {"samples_min": str(self.samples_min), "samples_max": str(self.samples_max)}
        if self.noise is not None:
            facts["noise"] = f"{self.noise:.4g}"
        if self.seconds is not None:
            facts["render_seconds"] = str(self.seconds)
        return facts

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {**asdict(self), "ended_by": self.ended_by.value}

    def sentence(self) -> str:
        """Say it to a person."""
        samples = f"{self.samples_mean:g} samples a pixel"
        if self.samples_min != self.samples_max:
            samples += f" ({self.samples_min} to {self.samples_max})"
        noise = "" if self.noise is None else f", noise {self.noise:.2%}"
        seconds = "" if self.seconds is None else f", {self.seconds:.1f} s"
        return f"{samples}{noise}{seconds}; ended by {self.ended_by.value}"


def reached_from(values: dict[str, Any]) -> Reached:
    """Rebuild what `Reached.document` wrote."""
    return Reached(**{**values, "ended_by": EndedBy(values["ended_by"])})
