"""What stand-ins share: pictures that say which pixel each is, and faults to play. They are started as programs."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

LONG_S = 600.0


class Part:
    """A fault to play, and whether it was played before: noted in a file."""

    def __init__(self) -> None:
        self.notes = Path(os.environ["STAND_IN_NOTES"])
        self.does = os.environ.get("STAND_IN_DOES", "")

    def first(self, what: str) -> bool:
        """Whether this is the first time."""
        note = self.notes / what
        there = note.exists()
        note.touch()
        return not there

    def note_call(self, given: dict[str, Any]) -> None:
        with (self.notes / "calls").open("a") as calls:
            calls.write(json.dumps(given) + "\n")


def picture(x0: int, y0: int, x1: int, y1: int, frame: int) -> Any:
    """Pixels that say where they are."""
    import numpy as np

    y, x = np.mgrid[y0:y1, x0:x1]
    return np.stack([x / 256, y / 256, np.full(x.shape, frame / 16), np.ones(x.shape)], axis=2).astype(np.float32)


def save(path: str, pixels: Any) -> None:
    import OpenImageIO as oiio  # noqa: N813

    height, width, channels = pixels.shape
    output = oiio.ImageOutput.create(path)
    assert output is not None
    output.open(path, oiio.ImageSpec(width, height, channels, "half"))
    output.write_image(pixels)
    output.close()


def hang() -> None:
    """Do nothing, as a program that waits for a person or a licence does."""
    sys.stdout.flush()
    time.sleep(LONG_S)


def refuse(what: str) -> None:
    print(f"stand-in: {what}", flush=True)
    raise SystemExit(97)
