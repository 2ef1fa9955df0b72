"""The scene file and parameters of each frame, found on disk; what is missing is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from frontburner.jobs.job import JobRefused, make_job
from frontburner.jobs.scenes import frame_scenes, scene_query
from tasks.scene.frame_scenes import FrameNumbers

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.scene.frame_scenes import FrameScene


def scenes_of(scene: Path, **fields: Any) -> tuple[FrameScene, ...]:
    return frame_scenes(make_job({"scene": str(scene), **fields}))


def test_a_scene_without_keys_is_a_still(tmp_path: Path) -> None:
    (tmp_path / "room.xml").touch()
    (scene,) = scenes_of(tmp_path / "room.xml")
    assert (scene.frame, scene.path, scene.parameters) == (1, str(tmp_path / "room.xml"), ())


def test_the_jobs_frames_win_over_the_scenes_own(tmp_path: Path) -> None:
    (tmp_path / "room.xml").touch()
    (tmp_path / "room.keys.yaml").write_text("frames: 1-4\ninterpolation: linear\nparameters: {eye: {1: 0, 5: 4}}\n")
    assert [scene.frame for scene in scenes_of(tmp_path / "room.xml")] == [1, 2, 3, 4]
    chosen = scenes_of(tmp_path / "room.xml", frames="2,9")
    assert [(scene.frame, scene.parameters) for scene in chosen] == [(2, (("eye", "1.0"),)), (9, (("eye", "4.0"),))]


def test_the_jobs_parameters_win_over_the_keys(tmp_path: Path) -> None:
    (tmp_path / "room.xml").touch()
    (tmp_path / "room.keys.yaml").write_text("parameters: {eye: {1: 0, 5: 4}, sun: {1: 2}}\n")
    for given in ("eye=7, view=left", {"eye": 7, "view": "left"}):
        (scene,) = scenes_of(tmp_path / "room.xml", frames="3", parameters=given)
        assert scene.parameters == (("eye", "7"), ("sun", "2.0"), ("view", "left"))


def test_one_file_a_frame_renders_the_files_there_are(tmp_path: Path) -> None:
    for number in (3, 1, 10):
        (tmp_path / f"shot.{number:04d}.xml").touch()
    found = scenes_of(tmp_path / "shot.####.xml")
    assert [scene.frame for scene in found] == [1, 3, 10]
    assert found[2].path == str(tmp_path / "shot.0010.xml")


def test_a_missing_frame_is_named_and_the_others_counted(tmp_path: Path) -> None:
    (tmp_path / "shot.0001.xml").touch()
    with pytest.raises(JobRefused, match=r"shot\.0002\.xml does not exist \(and 1 more\)\. Check the path\."):
        scenes_of(tmp_path / "shot.####.xml", frames="1-3")


@pytest.mark.parametrize(
    ("frames", "numbers"),
    [("", FrameNumbers.CURRENT), ("scene", FrameNumbers.OWN), ("1", FrameNumbers.NAMED)],
)
def test_a_blend_says_itself_which_frames_are_its_own(frames: str, numbers: FrameNumbers, tmp_path: Path) -> None:
    (tmp_path / "shot.blend").touch()
    job = make_job({"scene": str(tmp_path / "shot.blend"), "frames": frames, "parameters": "height=2"})
    query = scene_query(job, "5.0.1 cpu")
    assert (query.numbers, len(query.frames), query.given) == (numbers, 1, (("height", "2"),))
    (tmp_path / "shot.keys.yaml").write_text("frames: 3-4\n")
    assert scene_query(job, "5.0.1 cpu").numbers is FrameNumbers.NAMED


def test_the_frames_of_a_scene_that_names_some_may_be_asked_for(tmp_path: Path) -> None:
    (tmp_path / "room.xml").touch()
    with pytest.raises(JobRefused, match=r"frames 'scene': room\.xml doesn't say which frames it has\. Give their"):
        scenes_of(tmp_path / "room.xml", frames="scene")
    (tmp_path / "room.keys.yaml").write_text("frames: 3-4\n")
    assert [scene.frame for scene in scenes_of(tmp_path / "room.xml", frames="scene")] == [3, 4]


@pytest.mark.parametrize("name", ["gone.xml", "gone.####.xml"])
def test_a_scene_that_is_not_there_is_named(name: str, tmp_path: Path) -> None:
    with pytest.raises(JobRefused, match=r"scene: .*gone\.?(0001)?\.xml does not exist"):
        scenes_of(tmp_path / name)


def test_a_folder_is_no_scene(tmp_path: Path) -> None:
    (tmp_path / "room.xml").mkdir()
    with pytest.raises(JobRefused, match="is a folder, not a scene file"):
        scenes_of(tmp_path / "room.xml")
