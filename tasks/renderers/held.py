"""Units of a rehearsal that wait until they are let through, so that a job is as far as somebody wants it to be.

Each unit of a scene ``NAME.json`` has a file in the folder ``NAME.held``, called after its process, and waits until
that is taken away. A file called ``open`` there lets all through.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

OPEN = "open"
_LOOK_S = 0.02


def held_folder(scene: Path) -> Path:
    """Return the folder of a scene's units that wait."""
    return scene.with_suffix(".held")


def wait_until_released(scene: Path) -> None:
    """Wait for as long as it takes."""
    place = held_folder(scene)
    here = place / str(os.getpid())
    place.mkdir(exist_ok=True)
    here.touch()
    while here.exists() and not (place / OPEN).exists():
        time.sleep(_LOOK_S)
    here.unlink(missing_ok=True)
