"""The cost map: seconds a reference node needs for each part of the frame, learnt from every finished unit."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from tasks.spec import Region, Size

CELLS_ACROSS = 64


class CostMap:
    """Seconds per pixel and sample over a frame, on a coarse grid.

    Until something was measured every pixel costs 1, so predictions are pixel-samples and only their
    ratios mean anything: see `measured`.
    """

    def __init__(self, size: Size) -> None:
        self._cell_px = max(8, -(-max(size.width, size.height) // CELLS_ACROSS))
        shape = (-(-size.height // self._cell_px), -(-size.width // self._cell_px))
        self._rate: npt.NDArray[np.float64] = np.ones(shape)
        self._seen: npt.NDArray[np.bool_] = np.zeros(shape, dtype=bool)
        self._integral: npt.NDArray[np.float64] | None = None

    @property
    def measured(self) -> bool:
        """Whether predictions are seconds."""
        return bool(self._seen.any())

    @property
    def cell_px(self) -> int:
        """Edge of a cell."""
        return self._cell_px

    @property
    def rates(self) -> npt.NDArray[np.float64]:
        """Seconds per pixel and sample, (rows, columns) of cells, a copy."""
        return self._rate.copy()

    def predict(self, region: Region, *, samples: int) -> float:
        """Seconds a reference node will need for these samples of a region."""
        y0, y1 = self._sum_above(region.y0), self._sum_above(region.y1)
        left, right = region.x0 / self._cell_px, region.x1 / self._cell_px
        rows = y1 - y0
        return float(self._interpolate(rows, right) - self._interpolate(rows, left)) * samples

    def known(self, region: Region) -> float:
        """Share of a region that was measured before, 0 to 1."""
        rows, across, columns, down = self._cells(region)
        weight = np.outer(down, across)
        return float((weight * self._seen[rows, columns]).sum() / weight.sum())

    def learn(self, region: Region, *, samples: int, reference_s: float) -> None:
        """Take in what a region really cost.

        Parameters
        ----------
        region, samples
            What was rendered.
        reference_s
            Seconds it took, times the speed of the node that did it.
        """
        rows, across, columns, down = self._cells(region)
        weight = np.outer(down, across)
        rate, seen = self._rate[rows, columns], self._seen[rows, columns]
        measured = reference_s / (region.area * samples)
        if not self.measured:
            self._rate[:] = measured  # the first measurement turns pixel-samples into seconds everywhere
        predicted = float((rate * weight).sum()) * self._cell_px**2 / region.area
        # No factor leads away from nothing.
        updated = rate * (1 + weight * (measured / predicted - 1)) if predicted > 0 else weight * measured
        rate[:] = np.where(seen, updated, measured)
        seen[:] = True
        self._integral = None

    def _cells(self, region: Region) -> tuple[slice, npt.NDArray[np.float64], slice, npt.NDArray[np.float64]]:
        """Rows and columns of the cells a region touches, and the share of each column and row that it covers."""
        columns = slice(region.x0 // self._cell_px, -(-region.x1 // self._cell_px))
        rows = slice(region.y0 // self._cell_px, -(-region.y1 // self._cell_px))
        across = _overlap(region.x0, region.x1, columns, self._cell_px)
        down = _overlap(region.y0, region.y1, rows, self._cell_px)
        return rows, across, columns, down

    def _integrate(self) -> npt.NDArray[np.float64]:
        padded = np.zeros((self._rate.shape[0] + 1, self._rate.shape[1] + 1))
        padded[1:, 1:] = self._rate.cumsum(0).cumsum(1) * self._cell_px**2
        return padded

    def _sum_above(self, y_px: int) -> npt.NDArray[np.float64]:
        if self._integral is None:
            self._integral = self._integrate()
        y = y_px / self._cell_px
        row = min(int(y), self._integral.shape[0] - 2)
        upper, lower = self._integral[row], self._integral[row + 1]
        above: npt.NDArray[np.float64] = upper + (lower - upper) * (y - row)
        return above

    @staticmethod
    def _interpolate(sums: npt.NDArray[np.float64], x: float) -> float:
        column = min(int(x), len(sums) - 2)
        return float(sums[column] + (sums[column + 1] - sums[column]) * (x - column))


def _overlap(start_px: int, stop_px: int, cells: slice, cell_px: int) -> npt.NDArray[np.float64]:
    edges = np.arange(cells.start, cells.stop) * cell_px
    shared_px = np.minimum(stop_px, edges + cell_px) - np.maximum(start_px, edges)
    share: npt.NDArray[np.float64] = shared_px / cell_px
    return share
