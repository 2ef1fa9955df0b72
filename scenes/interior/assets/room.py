"""The room itself: walls, window, mouldings, curtain."""

from __future__ import annotations

import numpy as np

from .forms import brick, sheet, spline
from .mesh import Mesh, merged


def room_shell() -> None:
    """Left wall with its window, back-wall mouldings, skirting, window frame."""
    z0, z1, y0, y1, top, deep = 0.55, 2.35, 0.42, 2.35, 2.7, 5.9
    merged(
        [
            brick((-2.62, 0, -0.2), (-2.4, top, z0)),
            brick((-2.62, 0, z1), (-2.4, top, deep)),
            brick((-2.62, 0, z0), (-2.4, y0, z1)),
            brick((-2.62, y1, z0), (-2.4, top, z1)),
        ]
    ).save("wall_left", normals=False)

    bars = [brick((-2.47, y0 - 0.035, z0 - 0.03), (-2.33, y0, z1 + 0.03))]
    middle = (z0 + z1) / 2
    for z, w in ((z0 + 0.03, 0.03), (middle, 0.035), (z1 - 0.03, 0.03)):
        bars.append(brick((-2.56, y0, z - w), (-2.5, y1, z + w)))
    for y, w in ((y0 + 0.03, 0.03), (1.78, 0.016), (y1 - 0.03, 0.03)):
        bars.append(brick((-2.555, y - w, z0), (-2.505, y + w, z1)))
    for z in (z0 - 0.035, z1 + 0.035):
        bars.append(brick((-2.4, y0 - 0.03, z - 0.035), (-2.385, y1 + 0.07, z + 0.035)))
    bars.append(brick((-2.4, y1, z0 - 0.07), (-2.385, y1 + 0.07, z1 + 0.07)))
    merged(bars).save("window_frame", normals=False)

    trim: list[Mesh] = []
    steps = ((0.0, 0.12, 0.018), (0.12, 0.14, 0.010))
    for low, high, out in steps:
        trim.append(brick((-2.4, low, 0), (2.4, high, out)))
        trim.append(brick((-2.4, low, 0), (-2.4 + out, high, deep)))
    for left, right in ((-2.2, -1.56), (-1.4, 0.62), (0.78, 2.2)):
        for low, high in ((0.28, 0.82), (0.98, 2.5)):
            for inset, w, out in ((0.0, 0.022, 0.010), (0.006, 0.010, 0.018)):
                a, b, c, d = left + inset, right - inset, low + inset, high - inset
                trim.append(brick((a, c, 0), (b, c + w, out)))
                trim.append(brick((a, d - w, 0), (b, d, out)))
                trim.append(brick((a, c + w, 0), (a + w, d - w, out)))
                trim.append(brick((b - w, c + w, 0), (b, d - w, out)))
    merged(trim).save("mouldings", normals=False)

    curve = spline(((0.0, 0.0), (0.02, 0.005), (0.035, 0.035), (0.07, 0.06), (0.085, 0.085)), 3)
    along = np.array([-2.4, 2.4])
    back = np.stack(np.broadcast_arrays(along[None, :], 2.7 - 0.085 + curve[:, 1:], curve[:, :1]), axis=-1)
    side = np.stack(
        np.broadcast_arrays(-2.4 + curve[:, :1], 2.7 - 0.085 + curve[:, 1:], np.array([deep, 0.0])[None, :]),
        axis=-1,
    )
    merged([sheet(back), sheet(side)]).save("cornice")


def curtain() -> None:
    """One linen panel, hung at the origin and running 0.55 m along +z."""
    rows, columns = 9, 73
    t = np.linspace(0, 1, columns)[None, :]
    s = np.linspace(0, 1, rows)[:, None]
    swell = 0.018 + 0.030 * s**0.7
    phase = 2 * np.pi * 6 * t + 0.7 * np.sin(5 * t) + 0.5 * s * np.sin(9 * t)
    x = swell * np.sin(phase) * (1 + 0.25 * np.sin(13 * t))
    z = 0.55 * t * (1 + 0.06 * s) + 0.35 * swell * np.sin(2 * phase)
    y = -2.44 * s + 0 * t
    sheet(np.stack([x, y, z], axis=-1)).save("curtain")
