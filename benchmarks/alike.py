"""Every way to hand out a job must render the same picture, or its time means nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from benchmarks.real import Pictures
    from tasks.spec import SampleRange

    Floats = npt.NDArray[np.float32]

ROUNDING = 1e-6
"""Sums of other passes are rounded elsewhere: this part of a value, or of 1 where that is more."""
MOST_OFF = 0.01
"""Part of the pixels that other passes may change by more than that.

The compiled renderer traces samples in packets, which other passes fill otherwise; where surfaces touch, a ray's
neighbours may then decide what it hits.
"""
MEAN_OFF = 1e-3
OTHER_SAMPLES_OFF = 0.1
"""The renderer alone draws other samples: its noise is another, its brightness must not be."""


class WrongPicture(AssertionError):
    """Somebody rendered something else."""


@dataclass(slots=True, kw_only=True)
class Album:
    """The pictures of a job as the first one rendered them, by the passes they were summed in."""

    _known: dict[tuple[SampleRange, ...], Pictures] = field(init=False, default_factory=dict)

    def check(self, who: str, passes: tuple[SampleRange, ...], pictures: Pictures) -> int:
        """Compare pictures with all that were there before: bit for bit where the passes are the same.

        Returns
        -------
        int
            Pixels in which they differ from those of other passes by more than rounding.

        Raises
        ------
        WrongPicture
            When a frame is missing or isn't the same picture.
        """
        off = 0
        for other, known in self._known.items():
            if known.keys() != pictures.keys():
                raise WrongPicture(f"{who} rendered the frames {sorted(pictures)} instead of {sorted(known)}.")
            for frame, picture in pictures.items():
                if other == passes:
                    _require_same(picture, known[frame], f"Frame {frame} by {who}")
                else:
                    off += _require_alike(picture, known[frame], f"Frame {frame} by {who}")
        self._known.setdefault(passes, pictures)
        return off

    def check_mean(self, who: str, mean: float) -> None:
        """Compare the brightness of the last frame with that of other samples of the same scene."""
        for known in self._known.values():
            expected = _mean(known[max(known)])
            if not abs(mean - expected) <= OTHER_SAMPLES_OFF * expected:
                raise WrongPicture(f"The last frame by {who} is {mean:.4g} bright, that of the farms {expected:.4g}.")


def _require_same(picture: Floats, known: Floats, what: str) -> None:
    if picture.shape != known.shape:
        raise WrongPicture(f"{what} has the shape {picture.shape} instead of {known.shape}.")
    differ = int((picture != known).any(axis=-1).sum())
    if differ:
        raise WrongPicture(f"{what} differs in {differ} pixels, where every bit must be the same.")


def _require_alike(picture: Floats, known: Floats, what: str) -> int:
    """Return in how many pixels pictures of other passes differ by more than rounding."""
    if picture.shape != known.shape:
        raise WrongPicture(f"{what} has the shape {picture.shape} instead of {known.shape}.")
    error = np.abs(picture.astype(np.float64) - known) / np.maximum(1.0, np.abs(known))
    off = ~(error <= ROUNDING).all(axis=-1)
    if off.mean() > MOST_OFF:
        raise WrongPicture(f"{what} differs by more than rounding in {off.mean():.1%} of its pixels.")
    if not abs(_mean(picture) - _mean(known)) <= MEAN_OFF * _mean(known):
        raise WrongPicture(f"{what} is {_mean(picture):.6g} bright instead of {_mean(known):.6g}.")
    return int(off.sum())


def _mean(picture: Floats) -> float:
    """Brightness of a picture, without its alpha and whatever else it has."""
    return float(picture[..., :3].mean(dtype=np.float64))
