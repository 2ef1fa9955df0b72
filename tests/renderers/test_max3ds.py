"""3ds Max's adapter against a stand-in that knows its flags and plays what its users report."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import NodeNotReady, ProgramFailed, SceneError
from tasks.renderers import RENDERERS
from tasks.spec import FrameSpec, Region, SampleRange, Size, UnitSpec
from tests.renderers.test_vray import plays, stand_in

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["plays"]

SIZE = Size(width=12, height=8)
MAX = RENDERERS["max3ds"]


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A scene, on a node where the stand-in is 3ds Max."""
    folder = tmp_path / "3ds Max 2025"
    for made in (folder, tmp_path / "notes", tmp_path / "local/Autodesk/3dsMax/2025 - 64bit/ENU"):
        made.mkdir(parents=True)
    (tmp_path / "local/Autodesk/3dsMax/2025 - 64bit/ENU/Max.log").write_text("Missing external file: old.png\n")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    monkeypatch.setenv("FRONTBURNER_3DSMAX", str(stand_in("max3ds", folder)))
    monkeypatch.setenv("STAND_IN_NOTES", str(tmp_path / "notes"))
    (tmp_path / "room.max").write_bytes(b"\xd0\xcf\x11\xe0 a scene")
    return tmp_path / "room.max"


def frame_of(scene: Path) -> FrameSpec:
    (build,) = MAX.builds()
    info = MAX.inspect(scene, build=build, frame=7, parameters=())
    return FrameSpec(
        renderer="max3ds", build=build, scene=str(scene), scene_digest=info.digest, frame=7, size=SIZE, samples=1
    )  # fmt: skip


def render(frame: FrameSpec, region: Region | None = None) -> np.ndarray:
    unit = UnitSpec(frame=frame, region=region or frame.size.whole, samples=SampleRange(start=0, stop=1))
    return MAX.open(frame, threads=1).render(unit).sums


def test_a_frame_is_rendered_and_found_under_its_numbered_name(scene: Path) -> None:
    frame = frame_of(scene)
    assert frame.build == "2025 max3ds"
    picture = render(frame)
    np.testing.assert_array_equal(picture[..., 0], np.tile(np.arange(12) / 256, (8, 1)))
    assert (picture[..., 2] == 7 / 16).all()


def test_regions_are_refused_and_jobs_dealt_out_by_frames(scene: Path) -> None:
    frame = frame_of(scene)
    assert not MAX.capabilities(frame.build).exact_regions
    assert "no flag for a region" in MAX.inspect(scene, build="", frame=1, parameters=()).whole_frames_because
    with pytest.raises(SceneError, match="can't be rendered in parts"):
        render(frame, Region(x0=0, y0=0, x1=4, y1=4))


@pytest.mark.parametrize(
    ("part", "says"),
    [
        ("licence code", "has no licence on this node"),
        ("crash", "crashed while it closed"),
        ("adp", "never run on this node by this user"),
        ("fails", r"3ds Max failed\. The reason is often only in Max\.log"),
        ("hidden", "misses a file of the scene on this node: C:/maps/oak.png"),
    ],
)
def test_its_exit_codes_and_its_hidden_log_are_put_in_words(
    scene: Path, plays: Callable[[str], None], part: str, says: str
) -> None:
    frame = frame_of(scene)
    plays(part)
    with pytest.raises(ProgramFailed, match=says):
        render(frame)


def test_a_first_run_sets_it_up_and_the_second_renders(scene: Path, plays: Callable[[str], None]) -> None:
    frame = frame_of(scene)
    plays("adp once")
    assert render(frame).any()


def test_what_it_has_no_flag_for_is_refused(scene: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="can't be given parameters"):
        MAX.inspect(scene, build="", frame=1, parameters=(("a", "1"),))
    with pytest.raises(SceneError, match="takes no negative frames, such as -3"):
        MAX.inspect(scene, build="", frame=-3, parameters=())
    frame = frame_of(scene)
    scene.write_bytes(b"another")
    with pytest.raises(SceneError, match="changed while the job ran"):
        render(frame)
    monkeypatch.setenv("FRONTBURNER_3DSMAX", str(stand_in("max3ds", tmp_path)))
    with pytest.raises(NodeNotReady, match=r"version of 3ds Max can't be read from its path.*is_version"):
        MAX.builds()
