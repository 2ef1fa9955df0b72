"""A scene in a tree that mirrors where it comes from is the same scene, whatever it names and how."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.renderers.sent_scenes import in_tree, is_sent, local_path
from tests.renderers.conftest import SCENES, Bench

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TREE = f"{'a1' * 32}.tree"
ROOM = """<scene version="3.0.0">
  <include filename="{include}"/>
  <sensor type="perspective"><transform name="to_world"><translate z="-4"/></transform></sensor>
  <emitter type="constant"/>
  <shape type="sphere"><bsdf type="diffuse"><texture type="bitmap" name="reflectance">
    <string name="filename" value="{texture}"/></texture></bsdf></shape>
</scene>
"""
PART = """<scene version="3.0.0"><shape type="disk"><bsdf type="diffuse">{reflectance}</bsdf></shape></scene>"""


def test_absolute_names_lead_into_the_tree_of_a_scene_that_travelled(tmp_path: Path) -> None:
    tree = tmp_path / TREE
    scene, texture = in_tree(tree, "/studio/shot/room.xml"), in_tree(tree, "/library/wood.png")
    texture.parent.mkdir(parents=True)
    texture.touch()
    assert scene == tree / "studio/shot/room.xml"
    assert is_sent(scene)
    assert local_path("/library/wood.png", scene=scene) == str(texture)
    assert local_path("/library/../library/wood.png", scene=scene) == str(texture)
    assert local_path("wood.png", scene=scene) == "wood.png"
    assert local_path("/usr/share/fonts/a.ttf", scene=scene) == "/usr/share/fonts/a.ttf", "what isn't the scene's stays"
    assert local_path(str(texture), scene=scene) == str(texture)


def test_names_of_a_scene_in_its_place_are_left_alone(tmp_path: Path) -> None:
    assert not is_sent(tmp_path / "room.xml")
    assert local_path("/library/wood.png", scene=tmp_path / "room.xml") == "/library/wood.png"


@pytest.fixture
def away(tmp_path: Path) -> Callable[[Path], Path]:
    """Have a scene's folder travel: a copy in a tree, and nothing left where it was."""

    def away(scene: Path) -> Path:
        copy = in_tree(tmp_path / TREE, str(scene))
        shutil.copytree(scene.parent, copy.parent)
        shutil.rmtree(scene.parent)
        return copy

    return away


def written(folder: Path, *, include: str = "part.xml", texture: str = "tiles.png", reflectance: str = "") -> Path:
    folder.mkdir()
    shutil.copy(SCENES / "tiles.png", folder)
    (folder / "part.xml").write_text(PART.format(reflectance=reflectance))
    scene = folder / "room.xml"
    scene.write_text(ROOM.format(include=include, texture=texture))
    return scene


def test_a_copy_is_the_same_scene_and_gives_the_same_pixels(
    mitsuba: Bench, tmp_path: Path, away: Callable[[Path], Path]
) -> None:
    scene = written(tmp_path / "shot", texture=str(tmp_path / "shot/tiles.png"))
    bench = mitsuba.with_(scene)
    before = bench.render().sums
    copy = mitsuba.with_(away(scene))
    assert copy.frame.scene_digest == bench.frame.scene_digest
    np.testing.assert_array_equal(copy.render().sums, before)


@pytest.mark.parametrize(
    "how",
    [
        {"include": "{folder}/part.xml"},
        {"reflectance": '<spectrum name="reflectance" filename="{folder}/green.spd"/>'},
    ],
)
def test_names_that_mitsubas_parser_follows_by_itself_lead_to_the_copy(
    mitsuba: Bench, tmp_path: Path, away: Callable[[Path], Path], how: dict[str, str]
) -> None:
    folder = tmp_path / "shot"
    scene = written(folder, **{key: value.format(folder=folder) for key, value in how.items()})
    (folder / "green.spd").write_text("400 0.1\n500 0.8\n700 0.1\n")
    bench = mitsuba.with_(scene)
    before = bench.render().sums
    copy = away(scene)
    folder.mkdir()
    for name in ("part.xml", "green.spd"):
        (folder / name).write_text("another file lies where the scene's was")
    far = mitsuba.with_(copy)
    assert far.frame.scene_digest == bench.frame.scene_digest
    np.testing.assert_array_equal(far.render().sums, before)
