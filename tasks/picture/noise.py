"""How noisy a picture is, estimated from how much its passes differ.

The passes of a picture are independent estimates of it. With n_i samples in pass i, their means m_i and the mean m of
all N samples, the variance of one sample is about Σ n_i (m_i - m)² / (K - 1) from K passes, and that of m is it ÷ N:
the variance of a weighted mean as in Cochran, *Sampling Techniques*, 1977. The difference of two halves of the samples
that Dammertz et al., *A Hierarchical Automatic Stopping Condition for Monte Carlo Global Illumination*, 2010, end on is
the same for K = 2. The sums are gathered pass by pass (Chan, Golub and LeVeque, 1983), so no pass is read twice.

The noise of the picture is the root of the mean over its pixels of that variance, relative to the pixel's brightness:
0.02 is an error of about 2 % in each pixel. Pixels darker than the median count as if they were that bright, since an
eye sees little noise in the dark; pixels no light has reached don't count. A lamp is one pixel like any other.

Everything here is made of operations that round the same way on any machine (no logarithms), so the same passes give
the same figure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import BadTile

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tasks.spec import Region, Tile

COLOURS = 3
_DIGITS = 6
_BAND_ROWS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Running sums over the passes of a picture.

    Parameters
    ----------
    means
        float32 (H, W, 4): RGBA over all samples so far.
    squares
        float32 (H, W, 3): Σ n_i (m_i - m)² of each colour.
    counts, layers
        int32 (H, W): samples and passes of each pixel.
    """

    means: npt.NDArray[np.float32]
    squares: npt.NDArray[np.float32]
    counts: npt.NDArray[np.int32]
    layers: npt.NDArray[np.int32]

    @property
    def nbytes(self) -> int:
        """Bytes of memory it takes."""
        return self.means.nbytes + self.squares.nbytes + self.counts.nbytes + self.layers.nbytes


def gather(before: Moments | None, tiles: Sequence[Tile], region: Region) -> Moments:
    """Add tiles to the moments; ``before`` isn't changed.

    Parameters
    ----------
    before
        Moments of earlier passes; None to begin.
    tiles
        Tiles inside the region, at most one for each pixel and pass.
    region
        The part of the frame that is rendered.
    """
    shape = (region.height, region.width)
    moments = Moments(
        means=before.means.copy() if before else np.zeros((*shape, COLOURS + 1), np.float32),
        squares=before.squares.copy() if before else np.zeros((*shape, COLOURS), np.float32),
        counts=before.counts.copy() if before else np.zeros(shape, np.int32),
        layers=before.layers.copy() if before else np.zeros(shape, np.int32),
    )
    for tile in sorted(tiles, key=lambda tile: tile.samples.start):
        _add(moments, tile, region)
    return moments


def gather_pass(before: Moments | None, tiles: Sequence[Tile], region: Region) -> Moments:
    """Add a complete pass to the moments. Raises `BadTile` when it isn't complete."""
    moments = gather(before, tiles, region)
    passes = int(moments.layers.max())
    if not (moments.layers == passes).all():
        raise BadTile(reason="A pass whose noise was to be measured lacks pixels.", remedy="Try again.", retryable=True)
    return moments


def noise(moments: Moments) -> float | None:
    """Return the noise of the picture; None while no pixel has two passes."""
    brightness = _mean_colour(moments.means)
    measured = moments.layers >= 2
    known = measured & (brightness > 0)
    if not known.any():
        return 0.0 if measured.any() else None
    reference = np.maximum(brightness, np.median(brightness[known]))
    freedom = np.maximum(moments.layers - 1, 1) * moments.counts.astype(np.float64)
    relative = _mean_colour(moments.squares) / (freedom * reference * reference)
    return float(f"{np.sqrt(relative[known].mean()):.{_DIGITS}g}")


def samples_for(limit: float, *, noise: float, samples: int) -> float:
    """Estimate the samples a pixel that bring the noise to a limit: it falls with the root of the samples."""
    return samples * (noise / limit) ** 2


def _mean_colour(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    total = values[..., 0].astype(np.float64)
    for colour in range(1, COLOURS):
        total += values[..., colour]
    return total / COLOURS


def _add(moments: Moments, tile: Tile, region: Region) -> None:
    columns = slice(tile.region.x0 - region.x0, tile.region.x1 - region.x0)
    added = np.float32(tile.samples.count)
    for top in range(0, tile.region.height, _BAND_ROWS):  # bands stay in the processor's cache
        sums = tile.sums[top : top + _BAND_ROWS, :, : COLOURS + 1]
        rows = slice(tile.region.y0 - region.y0 + top, tile.region.y0 - region.y0 + top + len(sums))
        means, squares = moments.means[rows, columns], moments.squares[rows, columns]
        counts, layers = moments.counts[rows, columns], moments.layers[rows, columns]
        before = counts.astype(np.float32)[..., None]
        part = added / (before + added)
        off = sums / added
        off -= means
        means += off * part
        light = off[..., :COLOURS]
        light *= light
        light *= before * part
        squares += light
        counts += tile.samples.count
        layers += 1
