"""The cost map: seconds a reference node needs for each part of the frame, learnt from every finished unit."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tasks.spec import CostGrid, Region, Size

    Floats = npt.NDArray[np.float64]

CELLS_ACROSS = 192
UNKNOWN = 1.0
"""Variance of the logarithm of a cost that nobody has measured: it may well be a third, or three times as much."""
PATTERN_NOISE = 0.02
"""Variance of the logarithm of one cell's share in a unit, as renderers measure it."""
DRIFT = 0.002
"""What a measurement adds to a cell's variance again: the next frame is another one."""
_LEAST_OF_MEAN = 1e-4  # no part of a picture is free, and the logarithm of nothing can't be corrected


class CostMap:
    """Seconds per pixel and sample over a frame on a coarse grid, and how far each cell can be trusted.

    Until something was measured every pixel costs 1, so predictions are pixel-samples and only their
    ratios mean anything: see `measured`.
    """

    def __init__(self, size: Size) -> None:
        self.cell_px = max(4, -(-max(size.width, size.height) // CELLS_ACROSS))
        shape = (-(-size.height // self.cell_px), -(-size.width // self.cell_px))
        self._rate: Floats = np.ones(shape)
        self._variance: Floats = np.full(shape, UNKNOWN)
        self._seen: npt.NDArray[np.bool_] = np.zeros(shape, dtype=bool)
        self._complete = False  # whether every cell was seen
        self._sums: Floats = np.zeros((shape[0] + 1, shape[1] + 1))
        self._summed = False

    @property
    def measured(self) -> bool:
        """Whether predictions are seconds."""
        return bool(self._seen.any())

    @property
    def rates(self) -> Floats:
        """Seconds per pixel and sample, (rows, columns) of cells, a copy."""
        return self._rate.copy()

    def predict(self, region: Region, *, samples: int) -> float:
        """Seconds a reference node will need for these samples of a region."""
        x0, x1 = region.x0 / self.cell_px, region.x1 / self.cell_px
        y0, y1 = region.y0 / self.cell_px, region.y1 / self.cell_px
        at = self._sum_to
        return (at(x1, y1) - at(x0, y1) - at(x1, y0) + at(x0, y0)) * samples

    def variance(self, region: Region) -> float:
        """Variance of the logarithm of a region's predicted cost; `UNKNOWN` where nobody has measured."""
        rows, across, columns, down = self._cells(region)
        weight = np.outer(down, across) * self._rate[rows, columns]
        return float((weight * self._variance[rows, columns]).sum() / weight.sum())

    def learn(
        self, region: Region, *, samples: int, reference_s: float, gain: float = 1.0, costs: CostGrid | None = None
    ) -> None:
        """Take in what a region cost.

        Parameters
        ----------
        region, samples
            What was rendered.
        reference_s
            Seconds a reference node needs for it, as far as that is known now.
        gain
            How much was learnt of it, 0 to 1: the variance of the region's cells falls by this part.
        costs
            How the time was spread over the region, in any unit; None is evenly, as far as is known.
        """
        rows, across, columns, down = self._cells(region)
        weight = np.outer(down, across)
        seen, variance = self._seen[rows, columns], self._variance[rows, columns]
        density = self._density(costs, rows, columns, weight)
        if not self.measured:
            density = np.ones_like(density) if costs is None else density
            self._rate[:] = reference_s / (region.area * samples)
        level = float((density * weight).sum()) * self.cell_px**2 * samples
        new = np.maximum(density * (reference_s / level), _LEAST_OF_MEAN * reference_s / (region.area * samples))
        # A cell that was measured before keeps a part of what it said: single cells are timed roughly.
        kept = np.where(seen, 1 - weight * variance / (variance + PATTERN_NOISE), 0.0)
        rate = self._rate[rows, columns]
        blend = np.exp(kept * np.log(rate) + (1 - kept) * np.log(new))
        # That goes for the pattern alone: what all of the region costs is known as told.
        level = float((blend * weight).sum()) * self.cell_px**2 * samples
        rate[:] = blend * (reference_s / level) ** weight
        variance[:] = np.minimum(variance * (1 - gain * weight) + DRIFT, UNKNOWN)
        seen[:] = True
        if not self._complete:
            self._complete = bool(self._seen.all())
            self._rate[~self._seen] = self._rate[self._seen].mean()
        self._summed = False

    def _density(self, costs: CostGrid | None, rows: slice, columns: slice, weight: Floats) -> Floats:
        """Cost per pixel in each of a region's cells, up to a factor; where it isn't told, what is known."""
        known = self._rate[rows, columns]
        if costs is None or sum(costs.seconds) <= 0:
            return known.copy()
        across, down = self._shares(costs.columns, columns), self._shares(costs.rows, rows)
        seconds = np.array(costs.seconds).reshape(down.shape[1], across.shape[1])
        area = np.outer(np.diff(costs.rows), np.diff(costs.columns))
        density: Floats = down @ (seconds / area) @ across.T / np.maximum(weight, 1e-12)
        return density

    def _shares(self, edges: Sequence[int], cells: slice) -> Floats:
        """Part of each of our cells that lies in each of another grid's: (ours, theirs)."""
        ours = np.arange(cells.start, cells.stop + 1) * self.cell_px
        theirs = np.asarray(edges)
        stop, start = np.minimum.outer(ours[1:], theirs[1:]), np.maximum.outer(ours[:-1], theirs[:-1])
        shares: Floats = np.maximum(stop - start, 0) / self.cell_px
        return shares

    def _cells(self, region: Region) -> tuple[slice, Floats, slice, Floats]:
        """Rows and columns of the cells a region touches, and the share of each column and row that it covers."""
        columns = slice(region.x0 // self.cell_px, -(-region.x1 // self.cell_px))
        rows = slice(region.y0 // self.cell_px, -(-region.y1 // self.cell_px))
        across = self._shares((region.x0, region.x1), columns)[:, 0]
        return rows, across, columns, self._shares((region.y0, region.y1), rows)[:, 0]

    def _sum_to(self, x: float, y: float) -> float:
        """Cost of a sample of all pixels above and to the left of a place, in cells."""
        sums = self._sums
        if not self._summed:
            np.cumsum(self._rate * self.cell_px**2, axis=0, out=sums[1:, 1:])
            np.cumsum(sums[1:, 1:], axis=1, out=sums[1:, 1:])
            self._summed = True
        row, column = min(int(y), sums.shape[0] - 2), min(int(x), sums.shape[1] - 2)
        u, v = x - column, y - row
        above: float = sums.item(row, column) * (1 - u) + sums.item(row, column + 1) * u
        below: float = sums.item(row + 1, column) * (1 - u) + sums.item(row + 1, column + 1) * u
        total: float = above + (below - above) * v
        return total


def apportion(surprise: float, variances: tuple[float, float], *, noise: float) -> tuple[float, float]:
    """Share a surprise out between two things that may both be wrong, by how little each is known.

    The gains of a Kalman filter whose measurement is the sum of two unknowns.

    Parameters
    ----------
    surprise
        Logarithm of what was measured over what was predicted.
    variances
        Of the logarithms of both.
    noise
        Variance of the measurement itself.

    Returns
    -------
    corrections
        What to add to the logarithm of each.
    """
    total = sum(variances) + noise
    first, second = (surprise * variance / total for variance in variances)
    return first, second


def log_ratio(measured: float, predicted: float) -> float:
    """Logarithm of a ratio, bounded: one odd measurement must not turn a farm over."""
    return min(max(math.log(measured / predicted), -3.0), 3.0)
