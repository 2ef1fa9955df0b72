"""Pictures as cost fields: made-up ones with heavy tails, and real ones from rendered cost maps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

CELL_PX = 8


def heavy_tailed(width: int, height: int, *, random: np.random.Generator, sigma: float = 1.2) -> Floats:
    """Rates whose logarithm is smooth noise of all sizes: a few places are ten and more times as dear as most."""
    rows, columns = -(-height // CELL_PX), -(-width // CELL_PX)
    v, u = np.meshgrid(np.fft.fftfreq(rows), np.fft.fftfreq(columns), indexing="ij")
    spectrum = np.fft.fft2(random.standard_normal((rows, columns))) / np.maximum(np.hypot(u, v), 1 / columns)
    noise = np.fft.ifft2(spectrum).real
    rates = np.exp(sigma * (noise - noise.mean()) / noise.std())
    return spread(rates, width, height)


def interior(width: int, height: int) -> Floats:
    """Rates of the sample still, as measured by ``benchmarks/simulation/picture.py``."""
    measured: Floats = np.load(Path(__file__).with_name("interior.npy")).astype(np.float64)
    return spread(measured, width, height)


def misjudged(rates: Floats, *, random: np.random.Generator) -> Floats:
    """Return what the first samples make believe: off by a factor of two, up or down, from place to place."""
    error = np.log2(heavy_tailed(rates.shape[1], rates.shape[0], random=random, sigma=1.0))
    return rates * 2.0 ** np.clip(error, -1, 1)


def spread(rates: Floats, width: int, height: int) -> Floats:
    """Spread a coarse map over a picture's pixels."""
    rows = np.arange(height) * rates.shape[0] // height
    columns = np.arange(width) * rates.shape[1] // width
    return np.ascontiguousarray(rates[np.ix_(rows, columns)])


def costing(rates: Floats, total_s: float, *, samples: int) -> Floats:
    """Scale rates so that all samples of the whole picture cost this much."""
    scaled: Floats = rates * (total_s / samples / rates.sum())
    return scaled
