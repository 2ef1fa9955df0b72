"""Textures of wood and cloth."""

from __future__ import annotations

import numpy as np

from .texture import grain, noise, save_image


def planks() -> None:
    """Oak boards: the image covers 1.92 m by 2.56 m of floor and tiles."""
    rng = np.random.default_rng(3)
    tall, wide, board = 1024, 768, 64
    out = np.empty((tall, wide, 3))
    dark, light = np.array([0.15, 0.078, 0.036]), np.array([0.42, 0.26, 0.142])
    for i in range(wide // board):
        offset = int(rng.integers(0, tall))
        cuts = [0, int(tall * rng.uniform(0.42, 0.58)), tall]
        column = np.empty((tall, board, 3))
        for a, b in zip(cuts, cuts[1:], strict=False):
            figure = grain((b - a, board), rng)
            tone = np.clip(0.12 + 0.72 * figure + rng.uniform(-0.17, 0.17), 0, 1)[..., None]
            colour = dark * (1 - tone) + light * tone
            colour *= 1 + rng.uniform(-0.06, 0.06) * np.array([0.5, 0.0, -1.0])
            colour[:1] *= 0.35
            colour[:, 0] *= 0.35
            colour[:, -1] *= 0.6
            column[a:b] = colour
        out[:, i * board : (i + 1) * board] = np.roll(column, offset, axis=0)
    save_image("oak.jpg", out, 80)


def walnut() -> None:
    """Plain walnut; fibres run along u."""
    rng = np.random.default_rng(11)
    figure = np.clip(grain((512, 256), rng), 0, 1)[..., None]
    dark, light = np.array([0.05, 0.024, 0.012]), np.array([0.22, 0.115, 0.058])
    save_image("walnut.jpg", np.transpose(dark * (1 - figure) + light * figure, (1, 0, 2)), 80)


def rug() -> None:
    """A flat-woven rug: lozenges in a border, with a woven speckle."""
    rng = np.random.default_rng(5)
    tall, wide = 448, 640
    y, x = np.mgrid[0:tall, 0:wide]
    cream, rust = np.array([0.62, 0.55, 0.45]), np.array([0.40, 0.135, 0.065])
    ink, sand = np.array([0.07, 0.085, 0.085]), np.array([0.47, 0.36, 0.23])
    out = np.tile(cream, (tall, wide, 1))
    # Steps of 4 pixels give the pattern the stair-like edge of weaving.
    u, v = (x // 4) * 4 + 2, (y // 4) * 4 + 2
    cell = 96
    du = np.abs((u - wide / 2 + cell / 2) % cell - cell / 2) / (cell / 2)
    dv = np.abs((v - tall / 2 + cell / 2) % cell - cell / 2) / (cell / 2)
    d = du + dv
    out[(d > 0.90) & (d < 1.02)] = ink
    out[(d > 0.36) & (d < 0.58)] = rust
    out[d < 0.16] = ink
    out[(d > 1.5) & (d < 1.75)] = sand
    edge = np.minimum(np.minimum(u, wide - u), np.minimum(v, tall - v))
    out[edge < 52] = cream
    out[edge < 46] = rust
    out[edge < 40] = cream
    out[(edge < 32) & ((u + v) // 8 % 2 == 0)] = ink
    out[edge < 20] = sand
    out[edge < 10] = ink * 1.4
    weave = 0.86 + 0.14 * ((x + (y // 2) % 2) % 2) + 0.10 * (noise((tall, wide), (224, 90), rng) - 0.5)
    wear = 0.92 + 0.16 * noise((tall, wide), (7, 10), rng)
    save_image("rug.jpg", out * (weave * wear)[..., None], 72)


def cloth() -> None:
    """A flecked weave; it tiles every 0.16 m."""
    rng = np.random.default_rng(13)
    n = 192
    y, x = np.mgrid[0:n, 0:n]
    over = ((x // 2 + y // 2) % 2).astype(float)
    fleck = 0.5 * noise((n, n), (96, 24), rng) + 0.5 * noise((n, n), (24, 96), rng)
    value = 0.80 + 0.08 * over + 0.26 * (fleck - 0.5)
    save_image("cloth.jpg", value[..., None] * np.array([0.64, 0.58, 0.49]), 80)
