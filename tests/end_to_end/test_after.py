"""What follows the frames, in a real job: one that came out black is rendered again, then all become a movie."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import av
import numpy as np
import pytest

from storage.images import decode_exr
from tasks.picture.movie import facts

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.end_to_end.conftest import Studio

FRAMES = 6


@pytest.mark.slow
def test_a_frame_that_came_out_black_is_rendered_again_before_the_movie_is_made(
    studio: Studio, null_scene: Callable[..., Path]
) -> None:
    scene = null_scene(size="96x64", faults=[{"do": "blank", "frame": 3, "times": 1}])
    out = studio.folder / "out"
    asked = (scene, "--frames", f"1-{FRAMES}", "--mode", "frames", "--nodes", 1, "--out", out)
    after = ("--checks", "rerender", "--movie", "h264", "--fps", "23.976", "--contact-sheet")
    report = studio.render(*asked, *after)
    assert report["frames"] == FRAMES
    assert report["units"] == FRAMES + 1, "one of them twice"
    assert (report["checked_frames"], report["flagged_frames"], report["failed_products"]) == (FRAMES, {}, {})
    assert report["products"] == {"contact sheet": str(out / "null.sheet.jpg"), "h264 movie": str(out / "null.mp4")}
    lights = [decode_exr((out / f"null.{frame:04d}.exr").read_bytes())[0][..., :3].mean() for frame in range(1, 7)]
    assert min(lights) > 0.1
    told = facts(out / "null.mp4")
    assert (told.frames, float(told.fps), told.tagged) == (FRAMES, 24000 / 1001, True)
    with av.open(str(out / "null.mp4")) as movie:
        means = [frame.to_ndarray(format="rgb24").mean() for frame in movie.decode(video=0)]
    assert len(means) == FRAMES
    assert np.min(means) > 25, "no frame of it is black"
    job = json.loads(studio.run("job", "show", report["job_id"], "--json").stdout)
    assert (job["state"], job["written"], job["flagged"]) == ("completed", FRAMES, {})
    assert job["products"] == report["products"]


@pytest.mark.slow
def test_what_is_black_from_the_first_frame_on_is_told_while_it_is_rendered(
    studio: Studio, null_scene: Callable[..., Path]
) -> None:
    scene = null_scene(size="96x64", faults=[{"do": "blank", "frame": frame} for frame in range(1, FRAMES + 1)])
    asked = (scene, "--frames", f"1-{FRAMES}", "--mode", "frames", "--nodes", 1, "--out", studio.folder / "out")
    report = studio.render(*asked)
    assert list(report["flagged_frames"]) == ["1"], "once, not for each frame"
    assert report["flagged_frames"]["1"]["sentence"].endswith("all other frames are like this")
    log = studio.run("job", "log", report["job_id"], "--json").stdout
    flagged, written = log.index('"frame flagged"'), log.rindex('"frame written"')
    assert flagged < written, "before the rest was rendered"
