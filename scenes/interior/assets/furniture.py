"""Sofa and coffee table."""

from __future__ import annotations

import numpy as np

from .forms import lathe, sheet, soft_box, spline, tube
from .mesh import merged, rotation


def sofa() -> None:
    """Cushions and frame; the cushions are centred on the origin."""
    soft_box((0.86, 0.19, 0.78), 0.055, 2, 5, (0.012, 0.035, 0.015)).save("sofa_seat", uvs=True)
    soft_box((0.86, 0.44, 0.20), 0.07, 2, 5, (0.01, 0.02, 0.05)).save("sofa_back", uvs=True)
    merged(
        [
            soft_box((0.17, 0.46, 0.94), 0.05).moved((-0.975, 0.38, 0)),
            soft_box((0.17, 0.46, 0.94), 0.05).moved((0.975, 0.38, 0)),
            soft_box((1.86, 0.16, 0.90), 0.03).moved((0, 0.22, 0)),
            soft_box((1.86, 0.56, 0.13), 0.045).moved((0, 0.46, -0.40)),
        ]
    ).save("sofa_body", uvs=True)

    n = 17
    u, v = np.meshgrid(np.linspace(-1, 1, n), np.linspace(-1, 1, n))
    lift = ((1 - u**2) * (1 - v**2)) ** 0.42
    # Sides draw in between the four corners, as a stuffed cover does.
    x = 0.24 * u * (1 - 0.09 * (1 - v**2))
    y = 0.24 * v * (1 - 0.09 * (1 - u**2))
    crease = 0.006 * np.sin(7 * u + 3 * v) * (1 - u**2) * (1 - v**2)
    uvs = np.stack([u, v], axis=-1) * 0.24
    front = sheet(np.stack([x, y, 0.075 * lift + crease], axis=-1), uvs)
    rear = sheet(np.stack([x, y, -0.075 * lift], axis=-1)[:, ::-1], uvs[:, ::-1])
    merged([front, rear]).save("pillow")

    # A throw laid over the back, the seat and the front edge (local sofa frame).
    path = spline(
        (
            (0.60, -0.478),
            (0.745, -0.475),
            (0.80, -0.43),
            (0.91, -0.39),
            (0.95, -0.29),
            (0.93, -0.175),
            (0.80, -0.085),
            (0.66, -0.035),
            (0.560, -0.015),
            (0.545, 0.07),
            (0.545, 0.25),
            (0.53, 0.40),
            (0.485, 0.505),
            (0.38, 0.535),
            (0.26, 0.535),
        ),
        2,
    )
    t = np.linspace(0, 1, len(path))[:, None]
    s = np.linspace(-1, 1, 18)[None, :]
    wave = 0.007 * np.sin(11 * s + 4 * t) + 0.006 * np.sin(23 * s - 7 * t)
    x = 0.24 * s * (1 - 0.12 * t) + 0.03 * np.sin(4 * t)
    y = path[:, :1] + 0.012 + wave
    z = path[:, 1:] + 0.006 + 0.6 * wave
    sheet(np.stack(np.broadcast_arrays(x, y, z), axis=-1)[::-1]).save("throw")


def tables() -> None:
    """A round coffee table: its top and its three legs."""
    edge = [(0.0, 0.0), (0.40, 0.0), (0.455, 0.008), (0.47, 0.022), (0.464, 0.032), (0.45, 0.035)]
    lathe(np.vstack([spline(edge, 2), [[0.2, 0.035], [0.0, 0.035]]]), 64).moved((0, 0.345, 0)).save("table_top")
    legs = []
    for turn in (45, 165, 285):
        path = np.array([[0.20, 0.345, 0.0], [0.27, 0.17, 0.0], [0.34, 0.0, 0.0]])
        fat = np.array([0.021, 0.018, 0.012])
        legs.append(tube(path, fat, 12).transformed(rotation("y", turn)))
    merged(legs).save("table_legs", uvs=True)
