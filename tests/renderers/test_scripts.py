"""Scripts in Blender files run only where the job and the node's operator allow them; what is missing is said."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import NodeNotReady
from tasks.node.node_state import local_builds
from tasks.renderers import renderer
from tasks.renderers.scripts import SCRIPTS_VARIABLE
from tasks.scene.frame_scenes import FrameScene, SceneQuery, inspect_frames
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.conftest import SCENES, Bench
from tests.renderers.test_simulations import own_picture

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from tasks.renderers.base import SceneInfo


@pytest.fixture(scope="module")
def bench(benches: Callable[[str], Bench]) -> Bench:
    return benches("bpy")


@pytest.fixture(scope="module")
def folder(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scripts")
    command = [sys.executable, str(SCENES / "make_scripts.py"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


def described(bench: Bench, scene: Path, *, allow_scripts: bool = False) -> SceneInfo:
    query = SceneQuery(
        renderer="blender", build=bench.frame.build, frames=(FrameScene(frame=1, path=str(scene)),),
        allow_scripts=allow_scripts,
    )  # fmt: skip
    return bench.process.call(inspect_frames, query, scripts_of=query.scripts_of)[1]


def picture(bench: Bench, scene: Path, *, allow_scripts: bool = False) -> npt.NDArray[np.float32]:
    info = described(bench, scene, allow_scripts=allow_scripts)
    frame = replace(
        bench.frame, scene=str(scene), scene_digest=info.digest, size=info.size, samples=info.samples,
        allow_scripts=allow_scripts,
    )  # fmt: skip
    of_scene = replace(bench, frame=frame)
    return (of_scene.render().sums / np.float32(info.samples)).astype(np.float32)


def test_a_driver_that_calls_a_registered_text_is_right_if_scripts_are_allowed(bench: Bench, folder: Path) -> None:
    scene = folder / "calling.blend"
    allowed = picture(bench, scene, allow_scripts=True)
    np.testing.assert_array_equal(allowed, own_picture(folder / "calling.exr"))
    assert (picture(bench, scene) != allowed).any()
    note = (
        "Drivers that call Python aren't run, and give 0: Driven: location (offset()). Its texts offset.py aren't run "
        "either. If you trust the file, --allow-scripts runs them."
    )
    assert note in described(bench, scene).notes
    assert not any("aren't run" in note for note in described(bench, scene, allow_scripts=True).notes)


def test_drivers_of_what_is_rendered_count_alone(bench: Bench, folder: Path) -> None:
    (note,) = [note for note in described(bench, folder / "hidden.blend").notes if "aren't run" in note]
    assert "Unseen: location (offset())" in note
    assert "Unrendered" not in note


def test_drivers_that_need_no_scripts_are_not_mentioned(bench: Bench, folder: Path) -> None:
    assert not any("run" in note for note in described(bench, folder / "simple.blend").notes)


def test_nothing_of_a_script_is_left_for_the_next_scene(bench: Bench, folder: Path) -> None:
    plain = picture(bench, folder / "handler.blend")
    lifted = picture(bench, folder / "handler.blend", allow_scripts=True)
    assert (plain != lifted).any(), "the handler runs"
    np.testing.assert_array_equal(picture(bench, folder / "handler.blend"), plain)
    (note,) = [note for note in described(bench, folder / "handler.blend").notes if "run" in note]
    assert note.startswith("Its texts lift.py would run when it is opened, and aren't run.")


def test_a_nodes_operator_may_forbid_scripts(bench: Bench, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SCRIPTS_VARIABLE, "no")
    with pytest.raises(NodeNotReady, match=r"FRONTBURNER_SCRIPTS=no\), and the job allows them"):
        local_builds("blender", allow_scripts=True)
    adapter = renderer("blender", allow_scripts=True)
    with pytest.raises(NodeNotReady, match="FRONTBURNER_SCRIPTS=no"):
        adapter.inspect(folder / "simple.blend", build=bench.frame.build, frame=1, parameters=())
    assert renderer("blender") is renderer("blender", allow_scripts=False)
    assert renderer("null", allow_scripts=True) is renderer("null"), "scenes of others have no scripts"
