"""Writes a small OpenVDB file: one grid, one leaf of 8 x 8 x 8 voxels, uncompressed."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_VERSION, _ALL_VALUES = 224, 6


def write_volume(path: Path, density: float) -> None:
    """Write a file whose grid ``density`` has this value in all voxels of its leaf, and zero elsewhere."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = b" BDV" + struct.pack("<IIIIB", 0, _VERSION, 8, 1, 0) + b"0" * 36 + struct.pack("<II", 0, 1)
    head += _text("density") + _text("Tree_float_5_4_3") + _text("")
    head += struct.pack("<QQQ", len(head) + 24, 0, 0)
    metadata = struct.pack("<II", 0, 1) + _text("name") + _text("string") + _text("density")
    transform = _text("AffineMap") + struct.pack("<16d", *(float(i % 5 == 0) for i in range(16)))
    root = struct.pack("<IfII", 1, 0.0, 0, 1) + struct.pack("<3i", 0, 0, 0)
    nodes = _node(32) + _node(16)
    voxels = b"\xff" * 64
    values = voxels + bytes([_ALL_VALUES]) + struct.pack("<f", density) * 512
    path.write_bytes(head + metadata + transform + root + nodes + voxels + values)


def _text(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode()


def _node(side: int) -> bytes:
    """Return an inner node whose first child exists."""
    bits = side**3 // 8
    return b"\x01" + bytes(bits - 1) + bytes(bits) + bytes([_ALL_VALUES]) + bytes(4 * side**3)
