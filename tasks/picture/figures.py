"""Figures of a picture, by which it is judged alone and compared with others. Pure."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

GRID = 9, 16
"""Rows and columns of the cells whose light is compared from frame to frame."""
FIREFLY_FACTOR, FIREFLY_FLOOR = 10.0, 0.1
"""A firefly is brighter than the mean of the ring of pixels around it by this factor and this much."""
FEW_PX = 256
"""A picture of fewer pixels may well have one colour."""
MAGENTA_GREEN, MAGENTA_EVEN, MAGENTA_FLOOR = 0.08, 0.5, 0.05
"""Magenta has at most this much green, by its red and blue; these are that even; and it is at least this bright."""
_RING = 5
_PACKED = np.dtype("<f4")
_LUMINANCE = np.array([0.2126, 0.7152, 0.0722], np.float32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Figures of a picture that are compared with those of others.

    Parameters
    ----------
    digest
        SHA-256 of its pixels.
    brightest
        Luminance of its brightest pixel.
    bad_px
        Pixels that are infinite or not numbers.
    fireflies
        Pixels far brighter than all around them.
    light
        Mean luminance of each cell of a grid over the picture, row by row, packed, as a job keeps all its frames'.
    spread
        The largest difference of two pixels in one channel, as a part of the largest value; None if not measured.
    magenta
        The part of its pixels that are magenta.
    """

    digest: str
    brightest: float
    bad_px: int
    fireflies: int
    light: bytes
    spread: float | None = None
    magenta: float = 0.0

    @property
    def cells(self) -> list[float]:
        """Mean luminance of each cell, in the five digits that are stored."""
        return _rounded(np.frombuffer(self.light, _PACKED))

    def document(self) -> dict[str, Any]:
        """Return them as plain JSON values."""
        return {
            "digest": self.digest,
            "brightest": self.brightest,
            "bad_px": self.bad_px,
            "fireflies": self.fireflies,
            "light": self.cells,
            "spread": self.spread,
            "magenta": self.magenta,
        }


def figures(pixels: Floats, *, whole: bool = True) -> Figures:
    """Measure a picture.

    Parameters
    ----------
    pixels
        float32 (H, W, 3 or more), linear; only the first three channels count.
    whole
        Whether it is a whole frame: a part may well have one colour.
    """
    colours = np.ascontiguousarray(pixels[..., :3])
    finite = np.isfinite(colours).all(axis=2)
    light = np.where(finite, np.nan_to_num(colours) @ _LUMINANCE, np.float32(0))
    fireflies, ring = _fireflies(light)
    brightest = float(light.max())
    light[fireflies] = ring[fireflies]  # else a few of them would pass for flicker
    return Figures(
        digest=hashlib.sha256(colours.tobytes()).hexdigest(),
        brightest=float(f"{brightest:.5g}"),
        bad_px=int(finite.size - np.count_nonzero(finite)),
        fireflies=int(np.count_nonzero(fireflies)),
        light=_packed(_rounded(_cells(light).ravel())),
        spread=_spread(colours[finite]) if whole and finite.size >= FEW_PX else None,
        magenta=float(f"{_magenta(colours).mean():.4f}"),
    )


def figures_from(values: Mapping[str, Any]) -> Figures:
    """Rebuild what `Figures.document` wrote, once it was JSON."""
    return Figures(**{**values, "light": _packed(values["light"])})


def _rounded(values: npt.NDArray[np.floating[Any]]) -> list[float]:
    """Round to the digits that are stored: few enough to survive packing as float32."""
    return [float(f"{value:.5g}") for value in values]


def _packed(cells: Sequence[float]) -> bytes:
    return np.array(cells, _PACKED).tobytes()


def _spread(colours: Floats) -> float | None:
    """Return how much pixels (N, 3) differ."""
    largest = float(np.abs(colours).max(initial=0))
    if not largest:
        return None
    return float(f"{(colours.max(axis=0) - colours.min(axis=0)).max() / largest:.3g}")


def _magenta(colours: Floats) -> npt.NDArray[np.bool_]:
    """Return which pixels have the hue (1, 0, 1), shaded by light that may be warm or cold."""
    ends = colours[..., ::2]
    less, more = ends.min(axis=2), ends.max(axis=2)
    found: npt.NDArray[np.bool_] = (
        (colours[..., 1] <= MAGENTA_GREEN * less) & (less >= MAGENTA_EVEN * more) & (more >= MAGENTA_FLOOR)
    )
    return found


def _fireflies(light: Floats) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Find pixels far brighter than the mean of the ring two pixels away, only the peak of each spot; and that mean."""
    if min(light.shape) < _RING:
        return np.zeros(light.shape, bool), light
    ring = (_box(light, 2) - _box(light, 1)) / np.float32(_RING**2 - 9)
    found = light > FIREFLY_FACTOR * ring + FIREFLY_FLOOR
    for y, x in np.argwhere(found):
        around = light[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
        found[y, x] = light[y, x] >= around.max()
    return found, ring


def _box(light: Floats, radius: int) -> Floats:
    """Sum each pixel's square neighbourhood; edge pixels are repeated outwards."""
    padded = np.pad(light, radius, mode="edge")
    rows, columns = light.shape
    vertical = padded[:rows].copy()
    for start in range(1, 2 * radius + 1):
        vertical += padded[start : start + rows]
    total = vertical[:, :columns].copy()
    for start in range(1, 2 * radius + 1):
        total += vertical[:, start : start + columns]
    return total


def _cells(light: Floats) -> npt.NDArray[np.float64]:
    """Means over a grid of cells."""
    means: npt.NDArray[np.float64] = light.astype(np.float64)
    for axis, parts in enumerate(GRID):
        length = light.shape[axis]
        edges = np.unique(np.arange(parts) * length // parts)
        sizes = np.diff(np.append(edges, length))
        sums = np.add.reduceat(means, edges, axis=axis)
        means = sums / np.expand_dims(sizes, 1 - axis)
    return means
