"""What textures are made of: noise, wood grain, and their files beside the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from .mesh import FOLDER, Array

if TYPE_CHECKING:
    from numpy.typing import NDArray


def to_srgb(linear: Array) -> NDArray[np.uint8]:
    """Encode linear values for an 8-bit image file."""
    x = np.clip(linear, 0, 1)
    x = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.round(255 * x).astype(np.uint8)


def save_image(name: str, linear: Array, quality: int = 84) -> None:
    """Write a JPEG or PNG file from linear colour."""
    Image.fromarray(to_srgb(linear)).save(FOLDER / name, quality=quality, optimize=True)


def noise(shape: tuple[int, int], cells: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return smooth value noise in 0..1 that tiles in both directions."""
    grid = rng.random(cells)

    def axis(size: int, count: int) -> tuple[NDArray[np.int64], Array]:
        place = np.arange(size) * count / size
        low = np.floor(place).astype(np.int64)
        f = place - low
        return low, f * f * (3 - 2 * f)

    r, fr = axis(shape[0], cells[0])
    c, fc = axis(shape[1], cells[1])
    r2, c2 = (r + 1) % cells[0], (c + 1) % cells[1]
    fr, fc = fr[:, None], fc[None, :]
    top = grid[np.ix_(r, c)] * (1 - fc) + grid[np.ix_(r, c2)] * fc
    low = grid[np.ix_(r2, c)] * (1 - fc) + grid[np.ix_(r2, c2)] * fc
    return top * (1 - fr) + low * fr


def grain(shape: tuple[int, int], rng: np.random.Generator) -> Array:
    """Return wood figure in 0..1; fibres run down the image."""
    tall, wide = shape
    rings = noise(shape, (2, max(3, wide // 40)), rng) * 5 + noise(shape, (5, max(3, wide // 16)), rng)
    figure = 0.5 + 0.5 * np.sin(2 * np.pi * rings)
    fibre = noise(shape, (max(2, tall // 60), wide // 2), rng)
    return 0.30 * figure + 0.45 * fibre + 0.25 * noise(shape, (3, 4), rng)
