"""A short sequence in a store, as a job would have left it: a ball of light that moves over a gradient."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import numpy as np

from storage.images import encode_exr, encode_png
from storage.view import View
from tasks.picture.frame_output import Encoding
from tasks.picture.frame_reading import FrameFiles
from tasks.picture.output_records import record_key
from tasks.picture.products import Footage

if TYPE_CHECKING:
    from collections.abc import Iterable

    import numpy.typing as npt

    from storage.objects import ObjectStore

HOW = Encoding(exr_half=True, png_bits=8, view=View.SRGB, exposure_stops=0.0)
WIDTH, HEIGHT = 161, 91
CHANNELS = ("R", "G", "B", "A")


def picture(frame: int) -> npt.NDArray[np.float32]:
    """What the camera sees at a frame."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    pixels = np.ones((HEIGHT, WIDTH, 4), np.float32)
    pixels[..., 0] = 0.1 + 0.5 * x / WIDTH
    pixels[..., 1] = 0.1 + 0.5 * y / HEIGHT
    pixels[..., 2] = 0.2
    ball = (x - 20 - 2 * frame) ** 2 + (y - 45) ** 2 < 15**2
    pixels[ball, :3] = 0.8, 0.3, 0.1
    return pixels


def store_frame(store: ObjectStore, frame: int, pixels: npt.NDArray[np.float32], kinds: Iterable[str]) -> FrameFiles:
    """Put a frame's files in place."""
    files = []
    for kind in kinds:
        key = f"ball.{frame:04d}.{kind}"
        png = encode_png(pixels, bits=8, view=View.SRGB)
        data = png if kind == "png" else encode_exr(pixels, CHANNELS, half=True, metadata={"frame": str(frame)})
        digest = hashlib.sha256(data).hexdigest()
        store.write(key, data)
        store.write(record_key(key), json.dumps({"sha256": digest}).encode())
        files.append((key, digest))
    return FrameFiles(frame=frame, files=tuple(files))


def footage(store: ObjectStore, frames: Iterable[int] = range(1, 13), kinds: Iterable[str] = ("exr", "png")) -> Footage:
    """A sequence that is in place."""
    own = tuple(store_frame(store, frame, picture(frame), kinds) for frame in frames)
    return Footage(title="ball", frames=own, encoding=HOW)
