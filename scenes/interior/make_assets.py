"""Makes the meshes and textures of the sample interior.

Everything is procedural and seeded: a second run writes the same bytes.  Run it
from anywhere; the files land next to this script.  Lengths are metres, y is up.
Needs numpy and pillow only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Array = NDArray[np.float64]
Vec = Sequence[float] | Array

HERE = Path(__file__).resolve().parent


# --- Meshes ---------------------------------------------------------------


@dataclass
class Mesh:
    """Triangles with one normal and one texture coordinate per vertex."""

    points: Array
    normals: Array
    uvs: Array
    faces: NDArray[np.int32]

    def transformed(self, matrix: Array, offset: Vec = (0.0, 0.0, 0.0)) -> Mesh:
        """Return a copy moved by a linear map, then by an offset."""
        normals = self.normals @ np.linalg.inv(matrix)
        normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
        points = self.points @ matrix.T + np.asarray(offset)
        return Mesh(points, normals, self.uvs, self.faces)

    def moved(self, offset: Vec) -> Mesh:
        """Return a copy moved by an offset."""
        return self.transformed(np.eye(3), offset)

    def smoothed(self) -> Mesh:
        """Return a copy with normals averaged over vertices at the same place."""
        keys = np.round(self.points * 1e5).astype(np.int64)
        _, group = np.unique(keys, axis=0, return_inverse=True)
        group = group.reshape(-1)
        a, b, c = (self.points[self.faces[:, i]] for i in range(3))
        flat = np.cross(b - a, c - a)
        total = np.zeros((group.max() + 1, 3))
        for i in range(3):
            np.add.at(total, group[self.faces[:, i]], flat)
        total /= np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-12)
        return Mesh(self.points, total[group], self.uvs, self.faces)

    def save(self, name: str, normals: bool = True, uvs: bool = False) -> None:
        """Write a little-endian binary PLY file with the columns that are needed."""
        columns, names = [self.points], ["x", "y", "z"]
        if normals:
            columns.append(self.normals)
            names += ["nx", "ny", "nz"]
        if uvs:
            columns.append(self.uvs)
            names += ["u", "v"]
        rows = np.hstack(columns).astype("<f4")
        faces = np.empty(len(self.faces), dtype=[("n", "u1"), ("i", "<i4", (3,))])
        faces["n"] = 3
        faces["i"] = self.faces
        fields = "".join(f"property float {f}\n" for f in names)
        header = (
            "ply\nformat binary_little_endian 1.0\n"
            f"element vertex {len(rows)}\n{fields}"
            f"element face {len(faces)}\nproperty list uchar int vertex_indices\n"
            "end_header\n"
        )
        data = header.encode("ascii") + rows.tobytes() + faces.tobytes()
        (HERE / f"{name}.ply").write_bytes(data)


def merged(meshes: Sequence[Mesh]) -> Mesh:
    """Join meshes into one."""
    starts = np.cumsum([0] + [len(m.points) for m in meshes[:-1]])
    return Mesh(
        np.vstack([m.points for m in meshes]),
        np.vstack([m.normals for m in meshes]),
        np.vstack([m.uvs for m in meshes]),
        np.vstack([m.faces + s for m, s in zip(meshes, starts, strict=True)]).astype(np.int32),
    )


def rotation(axis: str, degrees: float) -> Array:
    """Return the matrix of a turn about the x, y or z axis."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    i, j = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix = np.eye(3)
    matrix[i, i] = matrix[j, j] = c
    matrix[i, j], matrix[j, i] = -s, s
    return matrix


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


# --- Furniture ------------------------------------------------------------


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


def glassware() -> None:
    """Carafe, tumbler, fluted vase, bottle vase and pendant globe."""
    vessel(
        [
            (0.0, 0.0),
            (0.048, 0.001),
            (0.058, 0.01),
            (0.060, 0.06),
            (0.055, 0.12),
            (0.032, 0.18),
            (0.022, 0.215),
            (0.024, 0.25),
            (0.033, 0.272),
        ],
        0.003,
        32,
        2,
    ).save("carafe")
    vessel([(0.0, 0.0), (0.030, 0.001), (0.035, 0.008), (0.037, 0.05), (0.039, 0.092)], 0.0025, 28, 2).save("tumbler")
    vessel(
        [
            (0.0, 0.0),
            (0.055, 0.001),
            (0.07, 0.015),
            (0.10, 0.09),
            (0.105, 0.15),
            (0.075, 0.24),
            (0.055, 0.28),
            (0.065, 0.33),
        ],
        0.005,
        56,
        2,
        ribs=14,
        depth=0.025,
    ).save("fluted_vase")
    vessel(
        [
            (0.0, 0.0),
            (0.11, 0.002),
            (0.145, 0.02),
            (0.165, 0.12),
            (0.155, 0.22),
            (0.10, 0.31),
            (0.048, 0.36),
            (0.042, 0.43),
            (0.052, 0.46),
        ],
        0.006,
        36,
        2,
    ).save("demijohn")
    a = np.linspace(0.0, np.pi - 0.22, 17)
    globe = [(0.135 * np.sin(x), -0.135 * np.cos(x)) for x in a]
    lathe(np.asarray(globe), 40).save("globe")
    pot = [
        (0.0, 0.0),
        (0.12, 0.0),
        (0.14, 0.01),
        (0.175, 0.16),
        (0.185, 0.30),
        (0.188, 0.345),
        (0.18, 0.352),
        (0.172, 0.345),
        (0.168, 0.31),
        (0.1, 0.305),
        (0.0, 0.305),
    ]
    lathe(spline(pot, 2), 32).save("pot")
    jar = [
        (0.0, 0.0),
        (0.05, 0.0),
        (0.07, 0.012),
        (0.09, 0.08),
        (0.08, 0.15),
        (0.04, 0.20),
        (0.032, 0.225),
        (0.042, 0.245),
        (0.034, 0.243),
        (0.026, 0.22),
        (0.02, 0.15),
    ]
    lathe(spline(jar, 2), 28).save("jar")
    shade = [(0.215, 0.0), (0.165, 0.30)]
    lathe(np.asarray(shade), 40).save("shade", uvs=True)


def plants() -> None:
    """A rubber plant for the corner and dry branches for the tall glass."""
    rng = np.random.default_rng(7)
    leaves, stems = [], []
    for stem in range(4):
        lean = rotation("y", 90 * stem + 20) @ np.array([1.0, 0.0, 0.0])
        height = (1.35, 1.1, 1.22, 0.9)[stem]
        t = np.linspace(0, 1, 8)[:, None]
        path = np.array([0, 0.29, 0]) + lean * (0.05 + 0.20 * t**1.6) + np.array([0, height, 0]) * t
        stems.append(tube(path, np.linspace(0.011, 0.005, 8), 6))
        count = 15
        for k in range(count):
            f = 0.28 + 0.72 * k / (count - 1)
            base = np.array([np.interp(f, t[:, 0], path[:, i]) for i in range(3)])
            length = rng.uniform(0.25, 0.34) * (1.1 - 0.3 * f)
            blade = leaf(length, length * 0.52, rng.uniform(0.1, 0.45))
            pose = rotation("y", 137.5 * k + 40 * stem) @ rotation("z", rng.uniform(5, 35) + 38 * f**3)
            leaves.append(blade.transformed(pose, base))
    merged(leaves).save("plant_leaves")

    twigs, buds = [], []
    for branch in range(5):
        turn = rotation("y", 72 * branch + 15)
        t = np.linspace(0, 1, 9)[:, None]
        height = rng.uniform(0.62, 0.92)
        out = turn @ np.array([1.0, 0.0, 0.0])
        path = out * (0.012 - 0.05 * (1 - t) + 0.26 * t**2.2) + np.array([0, height, 0]) * t
        path += np.array([0.0, 0.02, 0.0])
        twigs.append(tube(path, np.linspace(0.004, 0.0015, 9), 5))
        for k in range(14):
            f = 0.55 + 0.45 * k / 13
            base = np.array([np.interp(f, t[:, 0], path[:, i]) for i in range(3)])
            blade = leaf(rng.uniform(0.07, 0.10), 0.034, 0.15, 3)
            pose = rotation("y", 180.0 * k + 30 * branch + rng.uniform(-30, 30)) @ rotation("z", 35)
            buds.append(blade.transformed(pose, base))
    merged(stems).save("plant_stems")
    merged(twigs).save("twigs")
    merged(buds).save("twig_leaves")


def shelf() -> None:
    """Open bookcase (origin at its left rear foot), its books, and two more for the table."""
    width, depth, height, board = 1.0, 0.32, 2.06, 0.026
    boards = [box((0, 0, 0), (board, height, depth)), box((width - board, 0, 0), (width, height, depth))]
    levels = (0.10, 0.50, 0.88, 1.26, 1.64, height - board)
    for y in levels:
        boards.append(box((board, y, 0.004), (width - board, y + board, depth - 0.006)))
    merged(boards).save("shelf", uvs=True)

    rng = np.random.default_rng(21)
    books: list[Mesh] = []
    paper = (15.5 / 16, 0.5)

    def book(origin: Array, size: Array, colour: int, matrix: Array) -> None:
        cover = ((colour + 0.5) / 16, 0.5)
        thick, tall, deep = size
        parts = [
            brick((0, 0, 0.004), (thick, tall, deep), cover),
            brick((0.0025, 0.003, 0), (thick - 0.0025, tall + 0.0005, deep - 0.003), paper),
        ]
        books.append(merged(parts).transformed(matrix, origin))

    runs = ((1, 0.04, 0.42), (2, 0.40, 0.95), (3, 0.04, 0.55), (4, 0.34, 0.92))
    for level, start, stop in runs:
        x = start
        while x < stop:
            thick = rng.uniform(0.020, 0.048)
            tall = rng.uniform(0.19, 0.27)
            deep = rng.uniform(0.15, 0.2)
            z = 0.275 - deep
            book(
                np.array([x, levels[level] + board, z]),
                np.array([thick, tall, deep]),
                int(rng.integers(0, 14)),
                np.eye(3),
            )
            x += thick + 0.0012
    # A lying pile on the shelf; below, one for the coffee table, centred on the origin.
    y = levels[1] + board
    for thick, colour in ((0.035, 3), (0.026, 9), (0.03, 1)):
        lying = rotation("z", 90)
        book(np.array([0.84, y, 0.06]), np.array([thick, 0.26, 0.2]), colour, lying)
        y += thick
    merged(books).save("books", normals=False, uvs=True)
    books.clear()
    y = 0.0
    for thick, colour, turn in ((0.032, 4, 0.0), (0.024, 0, 11.0)):
        matrix = rotation("y", turn) @ rotation("z", 90)
        book(
            matrix @ np.array([0.0, -0.14, -0.1]) + np.array([0, y, 0]),
            np.array([thick, 0.28, 0.2]),
            colour,
            matrix,
        )
        y += thick
    merged(books).save("book_pile", normals=False, uvs=True)


# --- Textures -------------------------------------------------------------


def to_srgb(linear: Array) -> NDArray[np.uint8]:
    """Encode linear values for an 8-bit image file."""
    x = np.clip(linear, 0, 1)
    x = np.where(x <= 0.0031308, 12.92 * x, 1.055 * x ** (1 / 2.4) - 0.055)
    return np.round(255 * x).astype(np.uint8)


def save_image(name: str, linear: Array, quality: int = 84) -> None:
    """Write a JPEG or PNG file from linear colour."""
    Image.fromarray(to_srgb(linear)).save(HERE / name, quality=quality, optimize=True)


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


MAKERS: tuple[Callable[[], None], ...] = (
    room_shell,
    curtain,
    sofa,
    tables,
    glassware,
    plants,
    shelf,
    planks,
    walnut,
    rug,
    cloth,
    painting,
    small_maps,
)


def main() -> None:
    """Write every file."""
    for make in MAKERS:
        make()


if __name__ == "__main__":
    main()
