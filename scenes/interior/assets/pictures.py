"""Textures that are pictures: the painting, the view from the window, book covers, the glow of the lamp."""

from __future__ import annotations

import numpy as np

from .texture import noise, save_image


def painting() -> None:
    """An abstract picture: a sun over hills, in a mount."""
    rng = np.random.default_rng(17)
    tall, wide = 480, 360
    y, x = np.mgrid[0:tall, 0:wide] / float(wide)
    rough = noise((tall, wide), (120, 60), rng) - 0.5
    out = np.array([0.80, 0.70, 0.55]) + 0 * x[..., None]
    out = out * (0.92 + 0.10 * y[..., None])
    sun = np.hypot(x - 0.64, y - 0.36) + 0.004 * rough
    out[sun < 0.165] = (0.72, 0.24, 0.09)
    hills: list[tuple[float, float, float, tuple[float, float, float]]] = [
        (0.56, 0.05, 5.0, (0.58, 0.44, 0.27)),
        (0.70, 0.07, 3.6, (0.23, 0.33, 0.30)),
        (0.84, 0.08, 2.7, (0.56, 0.19, 0.085)),
        (1.02, 0.07, 4.1, (0.055, 0.095, 0.10)),
    ]
    for i, (level, swing, rate, colour) in enumerate(hills):
        line = level + swing * np.sin(rate * x + 1.9 * i) + 0.01 * rough
        out[y > line] = colour
    out *= (1 + 0.28 * rough)[..., None]
    border = (x < 0.09) | (x > 0.91) | (y < 0.09) | (y > tall / wide - 0.09)
    out[border] = (0.76, 0.74, 0.69)
    save_image("hills.jpg", out, 84)


def small_maps() -> None:
    """Book colours, the sky behind the window, the glow of the lamp shade."""
    covers = np.array(
        [
            (0.40, 0.13, 0.06),
            (0.66, 0.60, 0.50),
            (0.07, 0.12, 0.13),
            (0.52, 0.35, 0.12),
            (0.16, 0.23, 0.20),
            (0.60, 0.52, 0.41),
            (0.28, 0.07, 0.05),
            (0.72, 0.68, 0.60),
            (0.11, 0.15, 0.20),
            (0.48, 0.22, 0.11),
            (0.30, 0.33, 0.28),
            (0.62, 0.48, 0.28),
            (0.09, 0.09, 0.085),
            (0.45, 0.42, 0.37),
            (0.5, 0.5, 0.5),
            (0.70, 0.63, 0.50),
        ]
    )
    save_image("covers.png", covers[None].repeat(4, axis=0))

    tall, wide = 256, 256
    rng = np.random.default_rng(29)
    h = np.linspace(1, 0, tall)[:, None, None]
    zenith, haze = np.array([0.36, 0.56, 0.86]), np.array([0.98, 0.90, 0.80])
    fade = np.clip((h - 0.30) / 0.60, 0, 1) ** 0.7
    sky = np.broadcast_to(haze * (1 - fade) + zenith * fade, (tall, wide, 3)).copy()
    cloud = 0.6 * noise((tall, wide), (9, 4), rng) + 0.4 * noise((tall, wide), (26, 10), rng)
    cover = (np.clip((cloud - 0.52) * 2.6, 0, 1) * np.clip(fade[..., 0] * 3, 0, 1))[..., None]
    sky = sky * (1 - 0.75 * cover) + np.array([1.0, 0.97, 0.93]) * 0.75 * cover
    rows = h[..., 0]
    for level, swing, cells, colour in (
        (0.315, 0.05, 5, (0.60, 0.66, 0.66)),
        (0.27, 0.06, 9, (0.38, 0.46, 0.42)),
        (0.20, 0.09, 14, (0.20, 0.28, 0.20)),
    ):
        line = level + swing * (noise((1, wide), (1, cells), rng) + 0.35 * noise((1, wide), (1, cells * 4), rng) - 0.6)
        mix = np.clip((line - rows) * tall / 5, 0, 1)[..., None]
        sky = sky * (1 - mix) + np.asarray(colour) * mix
    save_image("sky.jpg", sky, 88)

    t = np.linspace(0, 1, 64)[:, None, None]
    glow = 0.50 + 0.50 * np.exp(-(((t - 0.52) / 0.33) ** 2))
    save_image("glow.png", np.repeat(glow * np.array([1.0, 0.72, 0.42]), 8, axis=1))
