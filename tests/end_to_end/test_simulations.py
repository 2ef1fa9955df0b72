"""Jobs whose scene has simulations that aren't baked: one step bakes them, once, and leaves nothing behind."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.end_to_end.test_dag import steps_of
from tests.renderers.conftest import SCENES

if TYPE_CHECKING:
    from pathlib import Path

    from tests.end_to_end.conftest import Studio

pytestmark = pytest.mark.slow

MAKE = """
import sys
sys.path.insert(0, sys.argv[1])
import bpy, make_simulations
make_simulations.rigid_bodies()
bpy.context.scene.rigidbody_world.point_cache.frame_end = int(sys.argv[3])
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[2])
"""


def falling(folder: Path, last: int = 250) -> Path:
    """A scene of a cube that falls, with so many frames."""
    if importlib.util.find_spec("bpy") is None:
        pytest.skip("there is no bpy")
    scene = folder / "falling.blend"
    command = [sys.executable, "-c", MAKE, str(SCENES), str(scene), str(last)]
    subprocess.run(command, check=True, capture_output=True, timeout=TIMEOUT_S)
    return scene


def test_one_step_bakes_and_a_resumed_job_does_not_bake_again(
    studio: Studio, prefect: dict[str, str], tmp_path: Path
) -> None:
    scene, url = falling(tmp_path), prefect["PREFECT_API_URL"]
    job = ("render", scene, "--nodes", 1, "--json", "--frames")
    done = studio.run(*job, "1,4", **prefect)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    note = "Simulations that aren't baked are baked first: rigid bodies of Scene (frames 1-5)."
    assert note in report["notes"]
    steps, bake = steps_of(url), f"bake simulations of {scene.name}"
    assert set(steps.states.values()) == {"Completed"}
    assert steps.after[bake] == {f"open {scene.name}"}
    assert all(steps.after[name] == {bake} for name in steps.named("render "))
    again = studio.run(*job, "1,4", **prefect)
    assert again.returncode == 0, again.stderr
    assert not steps_of(url).named("bake"), "all is in place"
    refused = studio.run(*job, "1,4", "--bake", "no", **prefect)
    assert refused.returncode == 2
    assert "frames 4 need simulations that aren't baked: rigid bodies of Scene" in refused.stderr


def test_a_bake_can_be_cancelled(studio: Studio, prefect: dict[str, str], tmp_path: Path) -> None:
    scene = falling(tmp_path, last=300_000)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with studio.start("render", scene, "--nodes", 1, "--frames", "299999", TMPDIR=str(scratch), **prefect) as command:
        until(lambda: list(scratch.glob("frontburner-bake-*/progress")))
        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=TIMEOUT_S)
    assert command.returncode not in (0, 2), said
    until(lambda: not list(scratch.glob("frontburner-bake-*")))
