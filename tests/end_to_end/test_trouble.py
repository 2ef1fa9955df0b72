"""Real nodes that fail, die and lose their store: the picture is the same, and what happened is told."""

from __future__ import annotations

import json
import shutil
import signal
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from storage.images import decode_exr
from storage.objects import INTERNAL_PREFIX
from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.faults.stage import S3
from tests.turnstile import Turnstile

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.end_to_end.conftest import Studio


def stored(out: Path) -> list[Path]:
    return sorted((out / INTERNAL_PREFIX / "units").rglob("*.unit")) if out.exists() else []


def ended(command: subprocess.Popen[str]) -> tuple[dict[str, Any], str]:
    printed, said = command.communicate(timeout=TIMEOUT_S)
    assert command.returncode == 0, said
    report: dict[str, Any] = json.loads(printed)
    return report, said


@pytest.mark.slow
def test_a_bad_node_is_set_aside_and_the_others_render_all(studio: Studio, null_scene: Callable[..., Path]) -> None:
    scene = null_scene(size="64x36", samples=8, cost_s=1.0, faults=[{"do": "crash", "node": "node-1"}])
    out = studio.folder / "out"
    with studio.start("render", scene, "--frames", "1-16", "--out", out, "--json") as command:
        report, said = ended(command)
    assert len(report["outputs"]) == 32
    assert list(report["set_aside"]) == ["node-1"]
    assert "The renderer process ended with exit code 1." in report["set_aside"]["node-1"]
    assert "node-1 gets no units for now: it is excluded" in said
    assert 2 <= report["failed_attempts"] <= 6
    assert report["per_node"]["node-1"]["units"] == 0


@pytest.mark.slow
def test_a_frame_that_crashes_everywhere_fails_with_its_last_words(
    studio: Studio, null_scene: Callable[..., Path]
) -> None:
    scene = null_scene(size="64x36", samples=8, cost_s=0.3, faults=[{"do": "segfault", "frame": 3}])
    done = studio.run("render", scene, "--frames", "1-6", "--out", studio.folder / "out", "--json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert list(report["failed_frames"]) == ["3"]
    assert "SIGSEGV" in report["failed_frames"]["3"]
    assert "Segmentation fault" in report["last_words"]["3"]
    assert len(report["outputs"]) == 10
    assert not report["set_aside"]


def test_damaged_units_are_rendered_again_and_counted(served: Studio, null_scene: Callable[..., Path]) -> None:
    picture = {"size": "320x180", "samples": 64}
    whole = served.render(null_scene(**picture), "--out", served.folder / "whole", "--exr", "float")
    assert whole["damaged_units"] == 0
    scene, out = null_scene(**picture, cost_s=12, held=True), served.folder / "out"
    turnstile = Turnstile(scene)
    with served.start("render", scene, "--out", out, "--exr", "float") as command:
        turnstile.let(4)
        until(lambda: len(stored(out)) == 4)
        turnstile.holds(1)
        command.send_signal(signal.SIGINT)
        command.communicate(timeout=TIMEOUT_S)
    first, second, third, *_ = stored(out)
    first.write_bytes(first.read_bytes()[:-5])
    data = bytearray(second.read_bytes())
    data[-9] ^= 1
    second.write_bytes(data)
    third.write_bytes(b"")
    turnstile.open()
    with served.start("render", scene, "--out", out, "--exr", "float", "--json") as command:
        report, said = ended(command)
    assert report["damaged_units"] == 3
    assert "is truncated or damaged. It is rendered again." in said
    mended, undamaged = (decode_exr((folder / "null.exr").read_bytes())[0] for folder in (out, served.folder / "whole"))
    np.testing.assert_array_equal(mended, undamaged)


def test_no_renderer_outlives_a_killed_node(served: Studio, null_scene: Callable[..., Path]) -> None:
    scene = null_scene(size="320x180", samples=64, held=True)
    turnstile = Turnstile(scene)
    with served.start("render", scene, "--out", served.folder / "out", "--json") as command:
        renderer, *_ = turnstile.holds(1)
        node = renderer.parent()
        assert node is not None
        renderers = node.children(recursive=True)
        assert renderer in renderers
        node.kill()
        _, alive = psutil.wait_procs(renderers, timeout=TIMEOUT_S)
        assert not alive
        turnstile.open()
        ended(command)
    until(lambda: not served.processes())


@pytest.fixture
def s3(tmp_path: Path) -> Iterator[S3]:
    server = S3(tmp_path / "s3")
    yield server
    server.kill()


def test_a_store_that_is_away_for_a_while_costs_no_frame(
    served: Studio, null_scene: Callable[..., Path], s3: S3
) -> None:
    scene = null_scene(size="64x36", samples=8, cost_s=0.1, journal=True, held=True)
    turnstile, journal = Turnstile(scene), scene.with_suffix(".journal")
    command_line = ("render", scene, "--frames", "1-30", "--out", "s3://farm/job", "--attempts", "1", "--json")
    with served.start(*command_line, **s3.environment) as command:
        turnstile.let(4)
        s3.kill()
        turnstile.open()
        # Nodes hold what they have rendered.
        assert command.stderr is not None
        told = next(line for line in command.stderr if s3.environment["AWS_ENDPOINT_URL"] in line)
        assert "Units are retried until it works." in told
        s3.start()
        report, _ = ended(command)
    assert report["failed_frames"] == {}
    assert len(report["outputs"]) == 60
    assert report["failed_attempts"] == 0
    assert not report["set_aside"]
    units = [json.loads(line)["unit"] + str(json.loads(line)["frame"]) for line in journal.read_text().splitlines()]
    assert len(units) - len(set(units)) <= report["taken_over"], "nothing was rendered twice but the tail"


def test_a_full_disk_is_waited_for_until_there_is_room(
    served: Studio, null_scene: Callable[..., Path], small_disk: Path
) -> None:
    scene = null_scene(size="64x36", samples=8, held=True)
    turnstile, out, filler = Turnstile(scene), small_disk / "out", small_disk / "filler"
    how = ("--mode", "frames", "--out", out, "--attempts", "1", "--json")
    with served.start("render", scene, "--frames", "1-12", *how) as command:
        turnstile.let(2)
        until(lambda: len(list(out.glob("*.png"))) == 2)
        filler.write_bytes(b"x" * (shutil.disk_usage(small_disk).free - 20_000))
        turnstile.open()
        assert command.stderr is not None
        assert next(line for line in command.stderr if "full" in line)
        filler.unlink()
        report, _ = ended(command)
    assert report["failed_frames"] == {}
    assert len(report["outputs"]) == 24
    assert all(decode_exr(picture.read_bytes()) for picture in out.glob("*.exr"))
