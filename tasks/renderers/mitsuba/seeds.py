"""Numbers that seed a frame's randomness, from its job seed and frame number alone."""

from __future__ import annotations

import hashlib
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tasks.spec import FrameSpec


def keys(frame: FrameSpec) -> tuple[int, int]:
    """Two 32-bit keys for the frame's random streams."""
    digest = hashlib.sha256(f"{frame.seed} {frame.frame}".encode()).digest()
    first, second = struct.unpack("<II", digest[:8])
    return first, second
