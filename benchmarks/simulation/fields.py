"""Costs of pictures: synthetic ones with heavy tails, and a measured one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

CELL_PX = 8


def heavy_tailed(width: int, height: int, *, random: np.random.Generator, sigma: float = 1.2) -> Floats:
    """Return rates whose logarithm is smooth noise of all sizes: a few places are ten times as expensive as most."""
    rows, columns = -(-height // CELL_PX), -(-width // CELL_PX)
    v, u = np.meshgrid(np.fft.fftfreq(rows), np.fft.fftfreq(columns), indexing="ij")
    spectrum = np.fft.fft2(random.standard_normal((rows, columns))) / np.maximum(np.hypot(u, v), 1 / columns)
    noise = np.fft.ifft2(spectrum).real
    rates = np.exp(sigma * (noise - noise.mean()) / noise.std())
    return enlarge(rates, width, height)


def interior(width: int, height: int) -> Floats:
    """Return rates of the sample still, as measured by ``benchmarks/simulation/picture.py``."""
    measured: Floats = np.load(Path(__file__).with_name("interior.npy")).astype(np.float64)
    return enlarge(measured, width, height)


def misleading(rates: Floats, *, random: np.random.Generator) -> Floats:
    """Return rates that are off by a factor of up to two in either direction, from place to place."""
    error = np.log2(heavy_tailed(rates.shape[1], rates.shape[0], random=random, sigma=1.0))
    return rates * 2.0 ** np.clip(error, -1, 1)


def enlarge(rates: Floats, width: int, height: int) -> Floats:
    """Enlarge a coarse map to a picture's pixels."""
    rows = np.arange(height) * rates.shape[0] // height
    columns = np.arange(width) * rates.shape[1] // width
    return np.ascontiguousarray(rates[np.ix_(rows, columns)])


def scale(rates: Floats, total_s: float, *, samples: int) -> Floats:
    """Scale rates so that all samples of the picture cost ``total_s``."""
    scaled: Floats = rates * (total_s / samples / rates.sum())
    return scaled
