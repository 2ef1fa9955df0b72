"""The cost map: seconds a node of speed 1 needs for each part of the frame, learnt from every finished unit."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from tasks.spec import CostGrid, Region, Size

    Floats = npt.NDArray[np.float64]

CELLS_ACROSS = 128
UNKNOWN_VARIANCE = 1.5
"""Variance of the logarithm of an unmeasured cost: it may well be a third of the prediction, or three times it."""
PATTERN_NOISE = 0.02
"""Variance of the logarithm of a cell's share in a unit, as renderers measure it."""
DRIFT = 0.002
"""Added to a cell's variance with every measurement: the next frame is a different one."""
MAX_CACHED = 1024
"""Predictions to keep while units finish that don't change them."""
NO_SOURCE = -1
"""Source of a cell that was never measured."""
_MIN_RATE = 1e-4  # of the mean: no part of a picture is free, and the logarithm of 0 can't be corrected


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The cells a region touches, and the share that it covers of each column, row and cell.

    ``weight`` is 1 if the region covers its cells completely, as whole frames mostly do: that is faster.
    """

    cells: tuple[slice, slice]
    across: Floats
    down: Floats
    weight: Floats | float

    def total(self, cells: Floats) -> float:
        """Return the sum of cell values over the region."""
        return float(self.down @ cells @ self.across)


class CostMap:
    """Seconds per pixel and sample on a coarse grid over the frame, and the uncertainty of each cell.

    Until something is ``measured`` every pixel costs 1, so predictions are pixel-samples and only their ratios count.
    """

    def __init__(self, size: Size) -> None:
        self.cell_px = max(4, -(-max(size.width, size.height) // CELLS_ACROSS))
        shape = (-(-size.height // self.cell_px), -(-size.width // self.cell_px))
        self.size, self._whole = size, size.whole
        self._rate: Floats = np.ones(shape)
        self._variance: Floats = np.full(shape, UNKNOWN_VARIANCE)
        self._known: npt.NDArray[np.bool_] = np.zeros(shape, dtype=bool)
        self._source: npt.NDArray[np.int32] = np.full(shape, NO_SOURCE, dtype=np.int32)
        self.measured = self._complete = False  # whether any cell was measured, and whether all were
        self._sums: Floats = np.zeros((shape[0] + 1, shape[1] + 1))
        self._stale_from: tuple[int, int] | None = (0, 0)  # first row and column whose sums are out of date
        # Planning asks for the same regions again and again, and a finished unit changes few of them.
        self._predictions: dict[Region, float] = {}
        self._variances: dict[Region, float] = {}

    @property
    def rates(self) -> Floats:
        """Seconds per pixel and sample, a copy, shape (rows, columns) of cells."""
        return self._rate.copy()

    def predict(self, region: Region, *, samples: int, cache: bool = True) -> float:
        """Seconds a node of speed 1 should need for these samples of a region; cached if asked for again soon."""
        per_sample = self._predictions.get(region)
        if per_sample is None:
            per_sample = self._whole_sum() if region == self._whole else self._sum(region)
            if cache:
                self._predictions[region] = per_sample
        return per_sample * samples

    def variance(self, region: Region) -> float:
        """Variance of the logarithm of a region's predicted cost; `UNKNOWN_VARIANCE` if unmeasured."""
        variance = self._variances.get(region)
        if variance is None:
            part = _part(region, self.cell_px)
            rate = self._rate[part.cells]
            variance = part.total(rate * self._variance[part.cells]) / part.total(rate)
            self._variances[region] = variance
        return variance

    def sources(self, region: Region) -> dict[int, float]:
        """Numbers of the nodes that measured a region's cells last, and the part of its predicted cost from each."""
        part = _part(region, self.cell_px)
        sources = self._source[part.cells].ravel()
        first = sources[0]
        if (sources == first).all():
            return {} if first == NO_SOURCE else {int(first): 1.0}
        costs = np.bincount(sources - NO_SOURCE, weights=(self._rate[part.cells] * part.weight).ravel())
        total = costs.sum()
        return {int(number) + NO_SOURCE: float(costs[number] / total) for number in np.flatnonzero(costs) if number}

    def rescale(self, source: int, factor: float, *, except_for: Region) -> None:
        """Multiply all costs that a node measured, except for a region that is about to be learnt anew."""
        if except_for == self._whole:
            return
        self._rate[self._source == source] *= factor
        if not self._complete:
            self._rate[~self._known] = self._rate[self._known].mean()
        self._stale_from = (0, 0)
        self._predictions.clear()
        self._variances.clear()

    def learn(
        self,
        region: Region,
        *,
        samples: int,
        reference_s: float,
        gain: float = 1.0,
        costs: CostGrid | None = None,
        source: int = NO_SOURCE,
    ) -> None:
        """Learn what a region cost.

        Parameters
        ----------
        region, samples
            What was rendered.
        reference_s
            Seconds a node of speed 1 needs for it, as far as is known now.
        gain
            How much was learnt, 0 to 1: the variance of the region's cells falls by this part.
        costs
            How the time is spread over the region, in any unit; None if unknown.
        source
            Number of the node that rendered it: `rescale` corrects the cost if that node's speed turns out different.
        """
        part = _part(region, self.cell_px)
        rate, variance, weight = self._rate[part.cells], self._variance[part.cells], part.weight
        density = rate if costs is None else self._density(costs, part)
        if not self.measured:
            density = np.ones_like(density) if costs is None else density
            self._rate[:] = reference_s / (region.area * samples)
        level_s = part.total(density) * self.cell_px**2 * samples
        new = np.maximum(density * (reference_s / level_s), _MIN_RATE * reference_s / (region.area * samples))
        # Renderers time single cells roughly: cells that were measured before keep a part of their rate.
        kept = 1 - weight * variance / (variance + PATTERN_NOISE)
        if not self._complete:
            kept *= self._known[part.cells]
        new *= np.exp(kept * np.log(rate / new))
        # That applies to the pattern alone: the total of the region is known.
        level_s = part.total(new) * self.cell_px**2 * samples
        rate[:] = new * np.exp(weight * math.log(reference_s / level_s))
        np.copyto(self._source[part.cells], source, where=np.asarray(weight) >= 0.5)
        variance *= 1 - gain * weight
        variance += DRIFT
        np.minimum(variance, UNKNOWN_VARIANCE, out=variance)
        self._mark_measured(part)

    def _mark_measured(self, part: _Part) -> None:
        """Mark cells as measured. Until all are, the others cost the mean of these."""
        rows, columns = part.cells
        first = self._stale_from or (rows.start, columns.start)
        self._stale_from = min(first[0], rows.start), min(first[1], columns.start)
        self.measured = True
        self._variances.clear()
        self._invalidate(part)
        if not self._complete:
            self._stale_from = (0, 0)
            self._known[part.cells] = True
            self._complete = bool(self._known.all())
            self._rate[~self._known] = self._rate[self._known].mean()

    def _invalidate(self, part: _Part) -> None:
        """Drop cached predictions that are out of date."""
        if not self._complete or len(self._predictions) > MAX_CACHED:
            self._predictions.clear()
            return
        rows, columns = part.cells
        x0, x1, y0, y1 = (edge * self.cell_px for edge in (columns.start, columns.stop, rows.start, rows.stop))
        stale = [r for r in self._predictions if r.x0 < x1 and r.x1 > x0 and r.y0 < y1 and r.y1 > y0]
        for region in stale:
            del self._predictions[region]

    def _density(self, costs: CostGrid, part: _Part) -> Floats:
        """Cost per pixel in each of a region's cells, up to a factor; what was known before if ``costs`` is empty."""
        rows, columns = part.cells
        if sum(costs.seconds) <= 0:
            return self._rate[part.cells]
        across = _shares(costs.columns, columns.start, columns.stop, self.cell_px)
        down = _shares(costs.rows, rows.start, rows.stop, self.cell_px)
        seconds = np.array(costs.seconds).reshape(down.shape[1], across.shape[1])
        area = np.outer(np.diff(costs.rows), np.diff(costs.columns))
        density: Floats = down @ (seconds / area) @ across.T
        if isinstance(part.weight, float):
            return density
        return density / np.maximum(part.weight, 1e-12)

    def _whole_sum(self) -> float:
        """Cost of a sample of the whole frame; doesn't need the summed-area table."""
        return _part(self._whole, self.cell_px).total(self._rate) * self.cell_px**2

    def _sum(self, region: Region) -> float:
        """Cost of a sample of a region, from the summed-area table."""
        if self._stale_from is not None:
            self._update_sums(*self._stale_from)
        x0, x1 = region.x0 / self.cell_px, region.x1 / self.cell_px
        y0, y1 = region.y0 / self.cell_px, region.y1 / self.cell_px
        at = self._sum_to
        return at(x1, y1) - at(x0, y1) - at(x1, y0) + at(x0, y0)

    def _update_sums(self, row: int, column: int) -> None:
        """Update the summed-area table below and to the right of a cell."""
        sums = self._sums
        new = np.cumsum(self._rate[row:, column:] * self.cell_px**2, axis=0)
        np.cumsum(new, axis=1, out=new)
        new += sums[row, column + 1 :] - sums[row, column]
        new += sums[row + 1 :, column : column + 1]
        sums[row + 1 :, column + 1 :] = new
        self._stale_from = None

    def _sum_to(self, x: float, y: float) -> float:
        """Cost of a sample of all pixels above and to the left of a point, in cells."""
        sums = self._sums
        row, column = min(int(y), sums.shape[0] - 2), min(int(x), sums.shape[1] - 2)
        u, v = x - column, y - row
        above: float = sums.item(row, column) * (1 - u) + sums.item(row, column + 1) * u
        below: float = sums.item(row + 1, column) * (1 - u) + sums.item(row + 1, column + 1) * u
        total: float = above + (below - above) * v
        return total


@lru_cache(maxsize=64)
def _part(region: Region, cell_px: int) -> _Part:
    rows, down = _covered(region.y0, region.y1, cell_px)
    columns, across = _covered(region.x0, region.x1, cell_px)
    whole = all(edge % cell_px == 0 for edge in (region.x0, region.x1, region.y0, region.y1))
    return _Part((rows, columns), across, down, 1.0 if whole else np.outer(down, across))


def _covered(start_px: int, stop_px: int, cell_px: int) -> tuple[slice, Floats]:
    """Cells that a range of pixels touches, and the share of each that it covers."""
    start, stop = start_px // cell_px, -(-stop_px // cell_px)
    shares = np.ones(stop - start)
    shares[0] -= start_px / cell_px - start
    shares[-1] -= stop - stop_px / cell_px
    return slice(start, stop), shares


@lru_cache(maxsize=64)
def _shares(edges: tuple[int, ...], start: int, stop: int, cell_px: int) -> Floats:
    """Part of each of our cells from ``start`` to ``stop`` in each cell of another grid, shape (ours, theirs)."""
    ours, theirs = np.arange(start, stop + 1) * cell_px, np.asarray(edges)
    ends, starts = np.minimum.outer(ours[1:], theirs[1:]), np.maximum.outer(ours[:-1], theirs[:-1])
    shares: Floats = np.maximum(ends - starts, 0) / cell_px
    return shares


def log_ratio(measured: float, predicted: float) -> float:
    """Logarithm of a ratio, bounded so that one odd measurement can't upset all estimates."""
    return min(max(math.log(measured / predicted), -3.0), 3.0)
