"""Limits that end a picture before all its samples are rendered, and what a finished picture has reached."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class EndedBy(StrEnum):
    """Why a picture is finished."""

    SAMPLES = "samples"
    TIME = "time"
    NOISE = "noise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A job's limits that end its pictures early; part of the identity of a finished file.

    Parameters
    ----------
    time_s
        Seconds since the first unit was assigned.
    noise
        Noise of the whole picture, as in `tasks.picture.noise`.
    """

    time_s: float | None = None
    noise: float | None = None

    def __bool__(self) -> bool:
        return self.time_s is not None or self.noise is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How one frame ended: by what, and how many seconds after its first unit was assigned.

    ``sample_stop`` is where its samples end; None takes all tiles, also those of incomplete passes.
    """

    by: EndedBy
    seconds: float
    sample_stop: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reached:
    """What a finished picture has reached: samples a pixel, noise where it could be estimated, and what ended it."""

    samples_min: int
    samples_mean: float
    samples_max: int
    noise: float | None = None
    seconds: float | None = None
    ended_by: EndedBy = EndedBy.SAMPLES

    @property
    def informative(self) -> bool:
        """Whether it says more than that all samples of the job were rendered."""
        return self.noise is not None or self.seconds is not None

    def metadata(self) -> dict[str, str]:
        """Return it as metadata for a picture's file."""
        even = self.samples_min == self.samples_max
        metadata = {"samples": str(self.samples_min if even else self.samples_mean), "ended_by": self.ended_by.value}
        if not even:
            metadata |= {"samples_min": str(self.samples_min), "samples_max": str(self.samples_max)}
        if self.noise is not None:
            metadata["noise"] = f"{self.noise:.4g}"
        if self.seconds is not None:
            metadata["render_seconds"] = str(self.seconds)
        return metadata

    def document(self) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {**asdict(self), "ended_by": self.ended_by.value}

    def sentence(self) -> str:
        """Describe it in a sentence."""
        samples = f"{self.samples_mean:g} samples a pixel"
        if self.samples_min != self.samples_max:
            samples += f" ({self.samples_min} to {self.samples_max})"
        noise = "" if self.noise is None else f", noise {self.noise:.2%}"
        seconds = "" if self.seconds is None else f", {self.seconds:.1f} s"
        return f"{samples}{noise}{seconds}; ended by {self.ended_by.value}"


def reached_from(values: dict[str, Any]) -> Reached:
    """Rebuild what `Reached.document` wrote."""
    return Reached(**{**values, "ended_by": EndedBy(values["ended_by"])})
