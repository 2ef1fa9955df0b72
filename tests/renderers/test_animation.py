"""Animated scenes: keys over frames, one file a frame, and errors that name the field."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import SceneError
from tasks.scene.animation import animation_of, frames_on_disk, interpolate, is_numbered, scene_at

SCENES = Path(__file__).parent / "scenes"

rising = st.lists(
    st.tuples(st.integers(0, 200), st.floats(-100, 100)), min_size=2, max_size=8, unique_by=lambda k: k[0]
)


def written(folder: Path, text: str) -> Path:
    (folder / "shot.keys.yaml").write_text(text)
    return folder / "shot.xml"


def test_keys_are_read_and_evaluated(tmp_path: Path) -> None:
    scene = written(
        tmp_path,
        "interpolation: linear\nframes: 1-48\nparameters:\n  eye_x: {1: -1.5, 3: 0.5}\n  a: {2: 7}\n",
    )
    animation = animation_of(scene)
    assert animation.frames == "1-48"
    assert animation.at(2) == (("a", "7.0"), ("eye_x", "-0.5"))
    assert animation.at(99) == (("a", "7.0"), ("eye_x", "0.5"))


def test_numbers_of_keys_are_decimal(tmp_path: Path) -> None:
    animation = animation_of(written(tmp_path, "frames: 0010\nparameters: {x: {0010: 1, 0020: 01.5}}\n"))
    assert animation.frames == "0010"
    assert animation.parameters == (("x", ((10.0, 1.0), (20.0, 1.5))),)


def test_a_scene_without_keys_has_no_parameters(tmp_path: Path) -> None:
    assert animation_of(tmp_path / "still.xml").at(1) == ()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("parameters: {x: {1: north}}", r"parameters\.x\.1: .*number"),
        ("parameters: {x: {}}", r"parameters\.x"),
        ("parameters: {frame: {1: 2}}", "always passed"),
        ("interpolation: wobbly", "interpolation: .*linear"),
        ("colour: red", "colour: "),
        ("a: [", "can't be read"),
        ("- 1", "the document"),
        ("parameters: {x: {1: .inf}}", r"parameters\.x\.1"),
    ],
)
def test_errors_name_the_field(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SceneError, match=says):
        animation_of(written(tmp_path, text))


@given(keys=rising, at=st.floats(-5, 205))
def test_smooth_never_leaves_its_neighbours(keys: list[tuple[int, float]], at: float) -> None:
    points = tuple((float(frame), value) for frame, value in sorted(keys))
    value = interpolate(points, at, "smooth")
    before = max((p for p in points if p[0] <= at), default=points[0])
    after = min((p for p in points if p[0] >= at), default=points[-1])
    low, high = sorted((before[1], after[1]))
    assert low - 1e-9 <= value <= high + 1e-9


@given(keys=rising, how=st.sampled_from(["linear", "smooth", "step"]))
def test_every_interpolation_meets_its_keys(keys: list[tuple[int, float]], how: str) -> None:
    points = tuple((float(frame), value) for frame, value in sorted(keys))
    values = [interpolate(points, frame, how) for frame, _ in points]  # type: ignore[arg-type]
    np.testing.assert_allclose(values, [value for _, value in points], atol=1e-12)


def test_step_holds_until_the_next_key() -> None:
    assert interpolate(((1.0, 5.0), (4.0, 6.0)), 3.9, "step") == 5.0


def test_one_file_a_frame() -> None:
    scene = SCENES / "shot.####.xml"
    assert is_numbered(scene)
    assert not is_numbered(SCENES / "room.xml")
    assert scene_at(scene, 2) == SCENES / "shot.0002.xml"
    assert scene_at(scene, 12345).name == "shot.12345.xml"
    assert scene_at(SCENES / "room.xml", 2) == SCENES / "room.xml"
    assert frames_on_disk(scene) == (1, 2)


def test_a_number_is_no_frame_number_where_a_file_has_just_this_name(tmp_path: Path) -> None:
    for name in ("a#1.pov", "a#1.keys.yaml", "b#2.-0001.xml", "b#2.0003.xml"):
        (tmp_path / name).write_text("frames: 4-5")
    assert not is_numbered(tmp_path / "a#1.pov")
    assert animation_of(tmp_path / "a#1.pov").frames == "4-5"
    # As in Blender, the last run of # is the number, and a minus sign is no digit.
    assert frames_on_disk(tmp_path / "b#2.####.xml") == (-1, 3)
    assert scene_at(tmp_path / "b#2.####.xml", -12) == tmp_path / "b#2.-0012.xml"
