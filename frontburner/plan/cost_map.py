"""The cost map: seconds a reference node needs for each part of the frame, learnt from every finished unit."""

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
UNKNOWN = 1.5
"""Variance of the logarithm of a cost that nobody has measured: it may well be a third, or three times as much."""
PATTERN_NOISE = 0.02
"""Variance of the logarithm of one cell's share in a unit, as renderers measure it."""
DRIFT = 0.002
"""What a measurement adds to a cell's variance again: the next frame is another one."""
MOST_REMEMBERED = 1024
"""Predictions that are kept while units come in that don't change them."""
NOBODY = -1
"""Who tells of a cell that was never measured."""
_LEAST_OF_MEAN = 1e-4  # no part of a picture is free, and the logarithm of nothing can't be corrected


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The cells a region touches, and the share of each of their columns, their rows and themselves that it covers.

    ``weight`` is 1 where the region covers all of its cells: whole frames mostly do, and most of the time goes there.
    """

    cells: tuple[slice, slice]
    across: Floats
    down: Floats
    weight: Floats | float

    def total(self, cells: Floats) -> float:
        """Sum over the region of what lies in its cells."""
        return float(self.down @ cells @ self.across)


class CostMap:
    """Seconds per pixel and sample over a frame on a coarse grid, and how far each cell can be trusted.

    Until something was measured every pixel costs 1, so predictions are pixel-samples and only their
    ratios mean anything: see `measured`.
    """

    def __init__(self, size: Size) -> None:
        self.cell_px = max(4, -(-max(size.width, size.height) // CELLS_ACROSS))
        shape = (-(-size.height // self.cell_px), -(-size.width // self.cell_px))
        self._whole = size.whole
        self._rate: Floats = np.ones(shape)
        self._variance: Floats = np.full(shape, UNKNOWN)
        self._seen: npt.NDArray[np.bool_] = np.zeros(shape, dtype=bool)
        self._teller: npt.NDArray[np.int32] = np.full(shape, NOBODY, dtype=np.int32)
        self._measured = self._complete = False  # whether any cell was seen, and whether every cell was
        self._sums: Floats = np.zeros((shape[0] + 1, shape[1] + 1))
        self._stale_from: tuple[int, int] | None = (0, 0)  # row and column of the first cell whose sum isn't right
        # Planning asks for the same regions again and again, and a unit that finishes changes few of them.
        self._predicted: dict[Region, float] = {}
        self._uncertain: dict[Region, float] = {}

    @property
    def measured(self) -> bool:
        """Whether predictions are seconds."""
        return self._measured

    @property
    def rates(self) -> Floats:
        """Seconds per pixel and sample, (rows, columns) of cells, a copy."""
        return self._rate.copy()

    def predict(self, region: Region, *, samples: int, once: bool = False) -> float:
        """Seconds a reference node will need for these samples of a region; ``once`` if nobody will ask again soon."""
        one = self._predicted.get(region)
        if one is None:
            one = self._whole_sum() if region == self._whole else self._sum(region)
            if not once:
                self._predicted[region] = one
        return one * samples

    def variance(self, region: Region) -> float:
        """Variance of the logarithm of a region's predicted cost; `UNKNOWN` where nobody has measured."""
        known = self._uncertain.get(region)
        if known is None:
            part = _part(region, self.cell_px)
            rate = self._rate[part.cells]
            known = part.total(rate * self._variance[part.cells]) / part.total(rate)
            self._uncertain[region] = known
        return known

    def tellers(self, region: Region) -> dict[int, float]:
        """Who measured a region's cells last, by number, and the part of its predicted cost that each one told."""
        part = _part(region, self.cell_px)
        told = self._teller[part.cells].ravel()
        first = told[0]
        if (told == first).all():
            return {} if first == NOBODY else {int(first): 1.0}
        costs = np.bincount(told - NOBODY, weights=(self._rate[part.cells] * part.weight).ravel())
        total = costs.sum()
        return {int(number) + NOBODY: float(costs[number] / total) for number in np.flatnonzero(costs) if number}

    def rescale(self, teller: int, factor: float, *, besides: Region) -> None:
        """Correct all that somebody told by a factor, but for a region that is going to be learnt anew."""
        if besides == self._whole:
            return
        told = self._teller == teller
        self._rate[told] *= factor
        if not self._complete:
            self._rate[~self._seen] = self._rate[self._seen].mean()
        self._stale_from = (0, 0)
        self._predicted.clear()
        self._uncertain.clear()

    def learn(
        self,
        region: Region,
        *,
        samples: int,
        reference_s: float,
        gain: float = 1.0,
        costs: CostGrid | None = None,
        teller: int = NOBODY,
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
        teller
            Number of the node that told it: `rescale` corrects it when that node's speed turns out to be another.
        """
        part = _part(region, self.cell_px)
        rate, variance, weight = self._rate[part.cells], self._variance[part.cells], part.weight
        density = rate if costs is None else self._density(costs, part)
        if not self._measured:
            density = np.ones_like(density) if costs is None else density
            self._rate[:] = reference_s / (region.area * samples)
        level_s = part.total(density) * self.cell_px**2 * samples
        new = np.maximum(density * (reference_s / level_s), _LEAST_OF_MEAN * reference_s / (region.area * samples))
        # A cell that was measured before keeps a part of what it said: single cells are timed roughly.
        kept = 1 - weight * variance / (variance + PATTERN_NOISE)
        if not self._complete:
            kept *= self._seen[part.cells]
        new *= np.exp(kept * np.log(rate / new))
        # That goes for the pattern alone: what all of the region costs is known as told.
        level_s = part.total(new) * self.cell_px**2 * samples
        rate[:] = new * np.exp(weight * math.log(reference_s / level_s))
        np.copyto(self._teller[part.cells], teller, where=np.asarray(weight) >= 0.5)
        variance *= 1 - gain * weight
        variance += DRIFT
        np.minimum(variance, UNKNOWN, out=variance)
        self._see(part)

    def _see(self, part: _Part) -> None:
        """Note that cells were measured. Until all were, the others cost what these do on the whole."""
        rows, columns = part.cells
        first = self._stale_from or (rows.start, columns.start)
        self._stale_from = min(first[0], rows.start), min(first[1], columns.start)
        self._measured = True
        self._uncertain.clear()
        self._forget(part)
        if not self._complete:
            self._stale_from = (0, 0)
            self._seen[part.cells] = True
            self._complete = bool(self._seen.all())
            self._rate[~self._seen] = self._rate[self._seen].mean()

    def _forget(self, part: _Part) -> None:
        """Forget predictions that don't hold any more."""
        if not self._complete or len(self._predicted) > MOST_REMEMBERED:
            self._predicted.clear()
            return
        rows, columns = part.cells
        x0, x1, y0, y1 = (edge * self.cell_px for edge in (columns.start, columns.stop, rows.start, rows.stop))
        stale = [one for one in self._predicted if one.x0 < x1 and one.x1 > x0 and one.y0 < y1 and one.y1 > y0]
        for region in stale:
            del self._predicted[region]

    def _density(self, costs: CostGrid, part: _Part) -> Floats:
        """Cost per pixel in each of a region's cells, up to a factor; where it isn't told, what is known."""
        rows, columns = part.cells
        if sum(costs.seconds) <= 0:
            return self._rate[part.cells]
        across = _shares(costs.columns, columns.start, columns.stop, self.cell_px)
        down = _shares(costs.rows, rows.start, rows.stop, self.cell_px)
        seconds = np.array(costs.seconds).reshape(down.shape[1], across.shape[1])
        area = np.outer(_steps(costs.rows), _steps(costs.columns))
        density: Floats = down @ (seconds / area) @ across.T
        if isinstance(part.weight, float):
            return density
        return density / np.maximum(part.weight, 1e-12)

    def _whole_sum(self) -> float:
        """Cost of a sample of the whole frame, without the sums that cutting one needs."""
        return _part(self._whole, self.cell_px).total(self._rate) * self.cell_px**2

    def _sum(self, region: Region) -> float:
        """Cost of a sample of a region."""
        if self._stale_from is not None:
            self._sum_up(*self._stale_from)
        x0, x1 = region.x0 / self.cell_px, region.x1 / self.cell_px
        y0, y1 = region.y0 / self.cell_px, region.y1 / self.cell_px
        at = self._sum_to
        return at(x1, y1) - at(x0, y1) - at(x1, y0) + at(x0, y0)

    def _sum_up(self, row: int, column: int) -> None:
        """Bring up to date the sums of the cells from a place on: down and to the right of it."""
        sums = self._sums
        new = np.cumsum(self._rate[row:, column:] * self.cell_px**2, axis=0)
        np.cumsum(new, axis=1, out=new)
        new += sums[row, column + 1 :] - sums[row, column]
        new += sums[row + 1 :, column : column + 1]
        sums[row + 1 :, column + 1 :] = new
        self._stale_from = None

    def _sum_to(self, x: float, y: float) -> float:
        """Cost of a sample of all pixels above and to the left of a place, in cells."""
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
    """Cells that pixels touch, and the share of each that they cover."""
    start, stop = start_px // cell_px, -(-stop_px // cell_px)
    shares = np.ones(stop - start)
    shares[0] -= start_px / cell_px - start
    shares[-1] -= stop - stop_px / cell_px
    return slice(start, stop), shares


@lru_cache(maxsize=64)
def _shares(edges: tuple[int, ...], start: int, stop: int, cell_px: int) -> Floats:
    """Part of each of our cells, from ``start`` to ``stop``, that lies in each of another grid's: (ours, theirs)."""
    ours, theirs = np.arange(start, stop + 1) * cell_px, np.asarray(edges)
    until, since = np.minimum.outer(ours[1:], theirs[1:]), np.maximum.outer(ours[:-1], theirs[:-1])
    shares: Floats = np.maximum(until - since, 0) / cell_px
    return shares


def _steps(edges: tuple[int, ...]) -> npt.NDArray[np.int64]:
    numbers = np.asarray(edges)
    steps: npt.NDArray[np.int64] = numbers[1:] - numbers[:-1]
    return steps


def log_ratio(measured: float, predicted: float) -> float:
    """Logarithm of a ratio, bounded: one odd measurement must not turn a farm over."""
    return min(max(math.log(measured / predicted), -3.0), 3.0)
