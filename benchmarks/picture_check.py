"""Checks that all strategies render the same picture, or their times couldn't be compared."""

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
"""Sums of different passes may differ by this part of the value, or of 1 if that is more."""
MAX_OFF = 0.01
"""Part of the pixels that may differ by more.

The compiled renderer traces samples in packets, which different passes fill differently; where surfaces touch, a ray's
neighbours may then decide what it hits.
"""
MEAN_OFF = 1e-3
OTHER_SAMPLES_OFF = 0.1
"""The renderer alone uses different samples: its noise differs, but its brightness must not."""


class WrongPicture(AssertionError):
    """A strategy rendered a different picture."""


@dataclass(slots=True, kw_only=True)
class ReferencePictures:
    """The first pictures of a job, by the passes they were summed in."""

    _known: dict[tuple[SampleRange, ...], Pictures] = field(init=False, default_factory=dict)

    def check(self, strategy: str, passes: tuple[SampleRange, ...], pictures: Pictures) -> int:
        """Compare pictures with all earlier ones: bit by bit if the passes are the same.

        Returns
        -------
        int
            Number of pixels that differ from those of other passes by more than rounding.

        Raises
        ------
        WrongPicture
            If a frame is missing or differs.
        """
        off = 0
        for other, known in self._known.items():
            if known.keys() != pictures.keys():
                raise WrongPicture(f"{strategy} rendered the frames {sorted(pictures)} instead of {sorted(known)}.")
            for frame, picture in pictures.items():
                if other == passes:
                    _require_same(picture, known[frame], f"Frame {frame} by {strategy}")
                else:
                    off += _require_alike(picture, known[frame], f"Frame {frame} by {strategy}")
        self._known.setdefault(passes, pictures)
        return off

    def check_mean(self, strategy: str, mean: float) -> None:
        """Compare the mean brightness of the last frame, rendered with different samples."""
        for known in self._known.values():
            expected = _mean(known[max(known)])
            if not abs(mean - expected) <= OTHER_SAMPLES_OFF * expected:
                raise WrongPicture(f"The last frame by {strategy} is {mean:.4g} bright instead of {expected:.4g}.")


def _require_same(picture: Floats, known: Floats, what: str) -> None:
    if picture.shape != known.shape:
        raise WrongPicture(f"{what} has the shape {picture.shape} instead of {known.shape}.")
    differ = int((picture != known).any(axis=-1).sum())
    if differ:
        raise WrongPicture(f"{what} differs in {differ} pixels, where every bit must be the same.")


def _require_alike(picture: Floats, known: Floats, what: str) -> int:
    """Return the number of pixels that differ by more than rounding."""
    if picture.shape != known.shape:
        raise WrongPicture(f"{what} has the shape {picture.shape} instead of {known.shape}.")
    error = np.abs(picture.astype(np.float64) - known) / np.maximum(1.0, np.abs(known))
    off = ~(error <= ROUNDING).all(axis=-1)
    if off.mean() > MAX_OFF:
        raise WrongPicture(f"{what} differs by more than rounding in {off.mean():.1%} of its pixels.")
    if not abs(_mean(picture) - _mean(known)) <= MEAN_OFF * _mean(known):
        raise WrongPicture(f"{what} is {_mean(picture):.6g} bright instead of {_mean(known):.6g}.")
    return int(off.sum())


def _mean(picture: Floats) -> float:
    """Return the mean of the colour channels."""
    return float(picture[..., :3].mean(dtype=np.float64))
