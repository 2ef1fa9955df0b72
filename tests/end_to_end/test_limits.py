"""A still that ends by its noise or by its time, with the real renderer and the real farm; looked at as a picture."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest

from storage.image_files import read_image
from storage.images import decode_exr
from tests.end_to_end.conftest import ROOT, until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from tests.end_to_end.conftest import Studio

INTERIOR = ROOT / "scenes" / "interior.xml"
SMALL = ("--size", "96x54", "--exr", "float")


def error(picture: npt.NDArray[np.float32], truth: npt.NDArray[np.float32]) -> float:
    """Error of a picture against a better one, in the measure of `tasks.picture.noise`."""
    brightness = picture[..., :3].mean(-1, dtype=np.float64)
    reference = np.maximum(brightness, np.median(brightness[brightness > 0]))
    off = ((picture[..., :3].astype(np.float64) - truth[..., :3]) ** 2).mean(-1)
    return float(np.sqrt((off / reference**2)[brightness > 0].mean()))


@pytest.mark.slow
def test_a_still_ends_at_its_noise_at_the_same_pass_on_any_nodes_and_its_noise_is_true(studio: Studio) -> None:
    limit = 0.2
    runs = {}
    for nodes in (1, 2):
        out = studio.folder / f"noise-{nodes}"
        report = studio.render(INTERIOR, *SMALL, "--noise", limit, "--nodes", nodes, "--out", out)
        reached = report["reached"]["1"]
        pixels, _, facts = decode_exr((out / "interior.exr").read_bytes())
        runs[nodes] = pixels, reached["samples_mean"], reached["noise"]
        assert reached["ended_by"] == facts["ended_by"] == "noise"
        assert str(reached["samples_mean"]) == facts["samples"]
        assert 0.6 * limit < reached["noise"] <= limit
    assert runs[1][1:] == runs[2][1:]
    np.testing.assert_array_equal(runs[1][0], runs[2][0])
    samples = runs[1][1]
    truth_at = studio.folder / "truth"
    studio.render(INTERIOR, *SMALL, "--samples", 16 * samples, "--seed", 99, "--out", truth_at)
    truth = decode_exr((truth_at / "interior.exr").read_bytes())[0]
    true = error(runs[1][0], truth)
    assert abs(true - runs[1][2]) < 0.25 * true
    again = studio.render(INTERIOR, *SMALL, "--noise", limit, "--nodes", 1, "--out", studio.folder / "noise-1")
    assert (again["reused_frames"], again["units"]) == (1, 0)
    assert again["reached"]["1"]["samples_mean"] == samples


def test_a_still_ends_when_its_time_is_up_and_is_whole(served: Studio) -> None:
    out = served.folder / "timed"
    report = served.render(
        INTERIOR, "--size", "320x180", "--exr", "float", "--time-limit", "8s", "--finish-by", "23:59", "--out", out
    )
    reached = report["reached"]["1"]
    assert reached["ended_by"] == "time"
    assert reached["seconds"] >= 8
    assert reached["samples_min"] >= 16
    assert reached["samples_min"] <= reached["samples_mean"] <= reached["samples_max"]
    assert report["made_it"] in (True, False)
    assert report["finish_by"].partition("T")[2].startswith("23:59")
    pixels, channels, facts = decode_exr((out / "interior.exr").read_bytes())
    assert facts["ended_by"] == "time"
    assert pixels.shape == (180, 320, len(channels))
    assert np.isfinite(pixels).all()
    lit = pixels[..., :3].sum(-1) > 0
    assert lit.mean() > 0.98, "with few samples, light misses a pixel here and there"
    assert lit.reshape(45, 4, 80, 4).any((1, 3)).all(), "and no region at all"
    shown, _ = read_image("png", (out / "interior.png").read_bytes())
    blocks = shown[:176, :320, :3].reshape(11, 16, 20, 16, 3).mean((1, 3, 4))
    assert blocks.std() > 0.05 * shown.max(), "a room, not a grey sheet"
    until(lambda: not served.processes())


@pytest.mark.slow
def test_each_frame_of_a_sequence_ends_by_its_noise(studio: Studio, null_scene: Callable[..., Path]) -> None:
    scene = null_scene(size="64x36", samples=64)
    report = studio.render(scene, "--frames", "1-3", "--noise", "0.01", "--out", studio.folder / "out")
    assert {frame: reached["samples_mean"] for frame, reached in report["reached"].items()} == {
        "1": 32, "2": 32, "3": 32,
    }, "pictures without noise are known to be so after two passes"  # fmt: skip
    assert len(report["outputs"]) == 6


def test_a_time_is_refused_for_a_sequence_before_anything_starts(
    studio: Studio, null_scene: Callable[..., Path]
) -> None:
    done = studio.run("render", null_scene(), "--frames", "1-3", "--time-limit", "5s", "--json")
    assert done.returncode == 2
    assert "not a sequence" in done.stderr
    assert json.dumps("Traceback") not in done.stderr
    until(lambda: not studio.processes())
