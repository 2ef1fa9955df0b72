"""The picture doesn't depend on the farm: same bits on any number of nodes, in any mode, whatever happens to them."""

from __future__ import annotations

import json
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from storage.images import decode_exr
from storage.objects import INTERNAL_PREFIX, open_store
from tests.end_to_end.conftest import ROOT, TIMEOUT_S, until
from tests.turnstile import Turnstile

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from tests.end_to_end.conftest import Studio

INTERIOR = ROOT / "scenes" / "interior.xml"
FIELDS = {
    "job_id", "outputs", "frames", "units", "nodes", "wall_s", "startup_s", "render_s", "busy_s", "efficiency",
    "lost_units",
}  # fmt: skip
SMALL = ("--size", "160x90", "--samples", "32", "--exr", "float", "--aovs", "depth,normal,albedo")


def pixels(path: Path) -> npt.NDArray[np.float32]:
    return decode_exr(path.read_bytes())[0]


def test_the_same_still_bit_for_bit_on_any_nodes_in_any_mode(served: Studio) -> None:
    runs = [("tiles", 1), ("tiles", 2), ("tiles", 3), ("frames", 2), ("auto", 2)]
    pictures = {}
    for mode, nodes in runs:
        out = served.folder / f"{mode}-{nodes}"
        report = served.render(INTERIOR, *SMALL, "--mode", mode, "--nodes", nodes, "--out", out)
        assert report.keys() >= FIELDS
        assert report["nodes"] == nodes
        assert report["outputs"] == [str(out / "interior.exr"), str(out / "interior.png")]
        assert 0 < report["efficiency"] <= 1
        assert report["units"] == 2 if mode == "frames" else report["units"] > 2
        until(lambda: not served.processes())
        pictures[mode, nodes] = pixels(out / "interior.exr")
    first = pictures[runs[0]]
    assert first.shape == (90, 160, 11)
    assert first[..., :3].std() > 0.05
    for run in runs[1:]:
        np.testing.assert_array_equal(pictures[run], first, err_msg=str(run))


def test_pictures_go_to_s3(studio: Studio, s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    aws = {name: value for name, value in s3_server.items() if name.startswith("AWS_")}
    report = studio.render(
        INTERIOR, "--size", "160x90", "--samples", "4", "--out", f"s3://{s3_server['bucket']}/shots/a", **aws
    )
    assert report["outputs"] == [f"s3://{s3_server['bucket']}/shots/a/interior.{kind}" for kind in ("exr", "png")]
    for name, value in aws.items():
        monkeypatch.setenv(name, value)
    store = open_store(f"s3://{s3_server['bucket']}/shots/a")
    picture, channels, metadata = decode_exr(store.read("interior.exr"))
    assert picture.shape == (90, 160, 4)
    assert channels == ("R", "G", "B", "A")
    assert metadata["samples"] == "4"
    assert store.read("interior.png").startswith(b"\x89PNG")


def stored(out: Path) -> set[str]:
    return {path.name for path in (out / INTERNAL_PREFIX / "units").rglob("*.unit")} if out.exists() else set()


def journal(scene: Path) -> list[str]:
    return [json.loads(line)["unit"] for line in scene.with_suffix(".journal").read_text().splitlines()]


def test_a_node_killed_in_the_middle_costs_nothing_that_was_finished(
    served: Studio, null_scene: Callable[..., Path]
) -> None:
    picture = {"size": "320x180", "samples": 64, "uneven": 3}
    calm = served.render(null_scene(**picture), "--out", served.folder / "calm", "--exr", "float")
    scene, out = null_scene(**picture, cost_s=12, journal=True, held=True), served.folder / "out"
    turnstile = Turnstile(scene)
    command_line = ("render", scene, "--nodes", 2, "--out", out, "--exr", "float", "--keep-units", "--json")
    with served.start(*command_line) as command:
        turnstile.let(6)
        renderer, _ = turnstile.holds(2)
        before = until(lambda: len(units := stored(out)) == 6 and units)
        node = renderer.parent()
        assert node is not None
        node.kill()
        turnstile.open()
        printed, said = command.communicate(timeout=TIMEOUT_S)
    assert command.returncode == 0, said
    report = json.loads(printed)
    assert report["lost_units"] >= 1
    assert report["units"] + report["reused_units"] == len(stored(out))
    rendered = journal(scene)
    assert [name for name in rendered if name in {Path(unit).stem for unit in before}] == sorted(
        {Path(unit).stem for unit in before}, key=rendered.index
    )
    assert calm["lost_units"] == 0
    assert "leaked" not in said
    assert "leaked semaphore" in (served.home / "logs" / "nodes.log").read_text(), "the node's log has it"
    np.testing.assert_array_equal(pixels(out / "null.exr"), pixels(served.folder / "calm" / "null.exr"))
    until(lambda: not served.processes())


def test_ctrl_c_stops_in_the_middle_and_the_same_command_goes_on(
    studio: Studio, null_scene: Callable[..., Path]
) -> None:
    scene = null_scene(size="320x180", samples=64, cost_s=12, journal=True, held=True)
    turnstile, out = Turnstile(scene), studio.folder / "out"
    with studio.start("render", scene, "--out", out, "--json") as command:
        turnstile.let(4)
        until(lambda: len(stored(out)) == 4)
        turnstile.holds(1)
        command.send_signal(signal.SIGINT)
        printed, said = command.communicate(timeout=TIMEOUT_S)
    assert command.returncode == 130, said
    assert printed == ""
    assert "run the same command" in said
    until(lambda: not studio.processes())
    assert not list(out.glob("*.*"))
    before = stored(out)
    turnstile.open()
    report: dict[str, Any] = studio.render(scene, "--out", out)
    assert report["reused_units"] == len(before)
    assert len(set(journal(scene))) == len(set(journal(scene)) | {Path(unit).stem for unit in before})
    assert (out / "null.png").exists()
    assert not stored(out), "units are let go of when their picture is in place"


def test_finished_frames_are_not_rendered_again(served: Studio, null_scene: Callable[..., Path]) -> None:
    scene = null_scene(size="64x36", samples=4)
    first = served.render(scene, "--frames", "1-5", "--out", served.folder / "out")
    assert first["frames"] == 5
    assert len(first["outputs"]) == 10
    (served.folder / "out" / "null.0003.png").unlink()
    second = served.render(scene, "--frames", "1-5", "--out", served.folder / "out")
    assert second["reused_frames"] == 4
    assert second["units"] >= 1
    assert (served.folder / "out" / "null.0003.png").exists()


@pytest.mark.skipif(not hasattr(psutil.Process, "environ"), reason="needs to see other processes' environment")
@pytest.mark.slow
def test_nothing_is_left_running_when_the_command_is_killed(studio: Studio, null_scene: Callable[..., Path]) -> None:
    scene = null_scene(held=True)
    with studio.start("render", scene, "--out", studio.folder / "out") as command:
        Turnstile(scene).holds(1)
        command.kill()
        until(lambda: not [p for p in studio.processes() if p.pid != command.pid])
