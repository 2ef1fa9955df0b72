"""Reconstruction filters by importance sampling: a sample's place in the picture is drawn from the filter.

A pixel's value then is the plain mean of its own samples with any filter, and regions meet without a margin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import drjit as dr
import mitsuba as mi
import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

_BINS = 8192
_QUANTILES = 1024


class FilterSampler:
    """Draws offsets from a pixel's centre in proportion to a separable filter's magnitude.

    Parameters
    ----------
    rfilter
        Mitsuba's filter. A box of one pixel draws the sample's place as stock Mitsuba does.
    """

    def __init__(self, rfilter: Any) -> None:  # noqa: ANN401 - a Mitsuba object
        self.is_box = bool(rfilter.is_box_filter()) and rfilter.radius() <= 0.5 + 1e-3
        if self.is_box:
            return
        radius = float(rfilter.radius())
        edges = np.linspace(-radius, radius, _BINS + 1)
        values = np.array(rfilter.eval(mi.Float((edges[:-1] + edges[1:]) / 2)), dtype=np.float64)
        self._quantiles = mi.Float(quantiles(edges, np.abs(values)).astype(np.float32))
        self._signed = bool((values < 0).any())
        self._scale = dr.opaque(mi.Float, float(np.abs(values).sum() / values.sum()))
        self._rfilter = rfilter

    def draw(self, u: Any) -> tuple[Any, Any]:  # noqa: ANN401
        """Offset in pixels from the pixel's lower corner for a uniform number, and the sample's weight."""
        if self.is_box:
            return u, None
        place = u * _QUANTILES
        index = dr.minimum(mi.UInt32(place), _QUANTILES - 1)
        low = dr.gather(mi.Float, self._quantiles, index)
        high = dr.gather(mi.Float, self._quantiles, index + 1)
        offset = dr.fma(high - low, place - mi.Float(index), low)
        if not self._signed:
            return offset + 0.5, None
        return offset + 0.5, dr.copysign(self._scale, self._rfilter.eval(offset))


def quantiles(edges: npt.NDArray[np.float64], density: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Places where a density given by bins reaches each of the equally spaced quantiles."""
    reached = np.concatenate([[0.0], np.cumsum(density)])
    return np.interp(np.linspace(0.0, reached[-1], _QUANTILES + 1), reached, edges)
