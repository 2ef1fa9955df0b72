"""The forms that things are made of: boxes, turned and swept bodies, leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .mesh import Array, Mesh, Vec, merged

if TYPE_CHECKING:
    from collections.abc import Sequence


def sheet(points: Array, uvs: Array | None = None) -> Mesh:
    """Turn a grid of points, shaped (rows, columns, 3), into a smooth mesh."""
    rows, columns = points.shape[:2]
    if uvs is None:
        u, v = np.meshgrid(np.linspace(0, 1, columns), np.linspace(0, 1, rows))
        uvs = np.stack([u, v], axis=-1)
    index = np.arange(rows * columns).reshape(rows, columns)
    a, b = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    c, d = index[1:, 1:].ravel(), index[1:, :-1].ravel()
    faces = np.vstack([np.stack([a, b, c], 1), np.stack([a, c, d], 1)]).astype(np.int32)
    flat = points.reshape(-1, 3)
    return Mesh(flat, np.zeros_like(flat), uvs.reshape(-1, 2), faces).smoothed()


def box(low: Vec, high: Vec) -> Mesh:
    """Return a sharp box with the grain of its texture along each side."""
    lo, hi = np.asarray(low, float), np.asarray(high, float)
    parts = []
    for axis in range(3):
        s, t = (axis + 1) % 3, (axis + 2) % 3
        for side in (0, 1):
            corners = np.empty((4, 3))
            corners[:, axis] = hi[axis] if side else lo[axis]
            corners[:, s] = [lo[s], hi[s], hi[s], lo[s]]
            corners[:, t] = [lo[t], lo[t], hi[t], hi[t]]
            normal = np.zeros(3)
            normal[axis] = 1.0 if side else -1.0
            # The longer edge of a side takes u, as the fibres do.
            order = [s, t] if hi[s] - lo[s] >= hi[t] - lo[t] else [t, s]
            uvs = corners[:, order]
            turn = [[0, 1, 2], [0, 2, 3]] if side else [[0, 2, 1], [0, 3, 2]]
            parts.append(Mesh(corners, np.tile(normal, (4, 1)), uvs, np.array(turn, np.int32)))
    return merged(parts)


def brick(low: Vec, high: Vec, uv: Vec = (0.0, 0.0)) -> Mesh:
    """Return a box of eight vertices, to be shown with flat faces."""
    ends = np.array([low, high], float)
    points = np.array([[ends[i, 0], ends[j, 1], ends[k, 2]] for i in (0, 1) for j in (0, 1) for k in (0, 1)])
    quads = ((0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3))
    faces = [f for a, b, c, d in quads for f in ((a, b, c), (a, c, d))]
    return Mesh(points, points * 0, np.tile(np.asarray(uv), (8, 1)), np.array(faces, np.int32))


def soft_box(size: Vec, radius: float, steps: int = 2, inner: int = 1, puff: Vec = (0, 0, 0)) -> Mesh:
    """Return a box with rounded edges whose sides may bulge by `puff`."""
    half = np.asarray(size, float) / 2
    core = half - radius
    bend = np.tan(np.linspace(0, np.pi / 4, steps + 1)[1:]) * radius
    parts = []
    for axis in range(3):
        s, t = (axis + 1) % 3, (axis + 2) % 3
        lines = []
        for k in (s, t):
            middle = np.linspace(-core[k], core[k], inner + 1)
            lines.append(np.concatenate([-core[k] - bend[::-1], middle, core[k] + bend]))
        a, b = np.meshgrid(lines[0], lines[1], indexing="ij")
        for side in (-1.0, 1.0):
            p = np.empty((*a.shape, 3))
            p[..., axis], p[..., s], p[..., t] = side * half[axis], a, b
            nearest = np.clip(p, -core, core)
            away = p - nearest
            p = nearest + radius * away / np.linalg.norm(away, axis=-1, keepdims=True)
            uvs = p[..., [s, t]].copy()
            part = sheet(p if side > 0 else p[::-1], uvs if side > 0 else uvs[::-1])
            parts.append(part)
    mesh = merged(parts)
    unit = mesh.points / half
    for axis in range(3):
        s, t = (axis + 1) % 3, (axis + 2) % 3
        bulge = (1 - np.clip(unit[:, s], -1, 1) ** 2) * (1 - np.clip(unit[:, t], -1, 1) ** 2)
        mesh.points[:, axis] += puff[axis] * bulge * unit[:, axis]
    return mesh.smoothed()


def spline(knots: Sequence[Vec], per_span: int) -> Array:
    """Run a Catmull-Rom curve through the knots."""
    k = np.asarray(knots, float)
    k = np.vstack([2 * k[0] - k[1], k, 2 * k[-1] - k[-2]])
    t = np.linspace(0, 1, per_span, endpoint=False)[:, None]
    spans = []
    for a, b, c, d in zip(k, k[1:], k[2:], k[3:], strict=False):
        bend = (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3
        spans.append(b + 0.5 * ((c - a) * t + bend))
    return np.vstack([*spans, k[-2:-1]])


def lathe(profile: Array, sides: int, ribs: int = 0, depth: float = 0.0) -> Mesh:
    """Spin a (radius, height) profile about y, pressing in `ribs` flutes."""
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    angle[-1] = 0.0
    radius = profile[:, :1] * (1 + depth * np.cos(ribs * angle)[None, :])
    height = np.broadcast_to(profile[:, 1:], radius.shape)
    grid = np.stack([radius * np.cos(angle), height, -radius * np.sin(angle)], axis=-1)
    return sheet(grid)


def vessel(outer: Sequence[Vec], wall: float, sides: int, per_span: int = 3, **flutes: float) -> Mesh:
    """Return a closed glass body: the outer profile, a rim, and an inner wall."""
    out = spline(outer, per_span)
    inside = out[::-2].copy()
    inside[:, 0] = np.maximum(inside[:, 0] - wall, 0.0)
    inside[:, 1] = np.maximum(inside[:, 1], out[0, 1] + 2 * wall)
    rim = np.array([[out[-1, 0] - wall / 2, out[-1, 1] + wall / 2]])
    ribs, depth = int(flutes.get("ribs", 0)), float(flutes.get("depth", 0.0))
    return lathe(np.vstack([out, rim, inside]), sides, ribs, depth)


def tube(path: Array, radius: Array, sides: int = 6) -> Mesh:
    """Sweep a circle along a path."""
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along, [0.31, 0.17, 0.93])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, sides + 1)
    angle[-1] = 0.0
    ring = side[:, None] * np.cos(angle)[:, None] + other[:, None] * np.sin(angle)[:, None]
    return sheet(path[:, None] + ring * radius[:, None, None])


def leaf(length: float, width: float, droop: float, rows: int = 5, columns: int = 3) -> Mesh:
    """Return a folded leaf that starts at the origin and points along +x."""
    t = np.linspace(0, 1, rows + 1)[:, None]
    s = np.linspace(-1, 1, columns)[None, :]
    outline = width * np.sin(np.pi * t**0.8) ** 0.8 / 2
    x = length * (t + 0 * s)
    z = outline * s
    y = -droop * length * t**2 + 0.22 * np.abs(z) + 0 * s
    return sheet(np.stack([x, y, z], axis=-1))
