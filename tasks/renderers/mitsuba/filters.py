"""Reconstruction filters by importance sampling: a sample's position in the picture is drawn from the filter.

With any filter, a pixel's value is then the mean of its own samples, and regions need no margin.
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


def tables(rfilter: Any) -> dict[str, Any]:  # noqa: ANN401 - a Mitsuba object
    """Tabulate a separable filter to draw from its magnitude; empty for a box of one pixel, which needs no table."""
    radius = float(rfilter.radius())
    if rfilter.is_box_filter() and radius <= 0.5 + 1e-3:
        return {}
    edges = np.linspace(-radius, radius, _BINS + 1)
    values = np.array(rfilter.eval(mi.Float((edges[:-1] + edges[1:]) / 2)), dtype=np.float64)
    table = {"quantiles": mi.Float(quantiles(edges, np.abs(values)).astype(np.float32))}
    if not (values < 0).any():
        return table
    scale = dr.opaque(mi.Float, float(np.abs(values).sum() / values.sum()))
    return {**table, "scale": scale, "rfilter": rfilter}


def draw(filter_tables: dict[str, Any], u: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return the offset in pixels from the pixel's corner for a uniform number, and the sample's weight if not 1."""
    if not filter_tables:
        return u, None
    position = u * _QUANTILES
    index = dr.minimum(mi.UInt32(position), _QUANTILES - 1)
    low = dr.gather(mi.Float, filter_tables["quantiles"], index)
    high = dr.gather(mi.Float, filter_tables["quantiles"], index + 1)
    offset = dr.fma(high - low, position - mi.Float(index), low)
    if "scale" not in filter_tables:
        return offset + 0.5, None
    return offset + 0.5, dr.copysign(filter_tables["scale"], filter_tables["rfilter"].eval(offset))


def quantiles(edges: npt.NDArray[np.float64], density: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return where a density given by bins reaches each of the equally spaced quantiles."""
    cumulative = np.concatenate([[0.0], np.cumsum(density)])
    return np.interp(np.linspace(0.0, cumulative[-1], _QUANTILES + 1), cumulative, edges)
