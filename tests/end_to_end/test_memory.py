"""A job's own process holds little of a frame that is in place, however many it has."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from tasks.picture.figures import GRID
from tests.end_to_end.conftest import ROOT, TIMEOUT_S
from tests.end_to_end.test_sharing import running_farm

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Studio

FRAMES = 16


def test_of_a_frame_that_is_in_place_only_its_figures_are_held(
    studio: Studio, prefect: dict[str, str], null_scene: Callable[..., Path]
) -> None:
    told = studio.folder / "held.json"
    scene = null_scene(size="64x36", samples=4, cost_s=0.05)
    with running_farm(studio, 2) as address:
        subprocess.run(
            [sys.executable, "-m", "tests.end_to_end.held",
             "render", scene, "--frames", f"1-{FRAMES}", "--formats", "png", "--out", studio.folder / "out"],
            env={**studio.environment, **prefect, "FRONTBURNER_SCHEDULER": address, "HELD": str(told),
                 "PYTHONPATH": str(ROOT)},
            cwd=studio.folder, stdin=subprocess.DEVNULL, check=True, timeout=TIMEOUT_S,
        )  # fmt: skip
    assert len(list((studio.folder / "out").glob("*.png"))) == FRAMES
    rows, columns = GRID
    held = json.loads(told.read_text())
    assert held == {
        "records": FRAMES,
        "bytes of previews": 0,
        "bytes of figures": 4 * rows * columns * FRAMES,
        "futures": held["futures"],
        "messages": 0,
        "tiles": 0,
        "reports": 1,
    }
    assert held["futures"] < FRAMES / 8, "those of finished frames are let go"
