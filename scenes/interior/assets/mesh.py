"""Triangle meshes: joined, turned, moved, and written as PLY files beside the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Vec = Sequence[float] | Array

FOLDER = Path(__file__).resolve().parents[1]


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
        (FOLDER / f"{name}.ply").write_bytes(data)


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
