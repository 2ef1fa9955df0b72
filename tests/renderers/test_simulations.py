"""Simulations that aren't baked are found, and baked into a copy that shows any frame as Blender does when it plays."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import OpenImageIO
import pytest

from tasks.scene.baking import BakeOrder, bake, placed
from tasks.scene.frame_scenes import FrameScene
from tasks.spec import Size
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.conftest import SCENES, Bench, inspect

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from tasks.renderers.base import SceneInfo

LAST = 12
NAMES = {
    "rigid_bodies": "rigid bodies of Scene",
    "cloth": "cloth of Grid",
    "soft_body": "soft body of Cube",
    "particles": "particles Particles of Grid",
    "paint": "dynamic paint Surface of Grid",
}
"""What the simulation of each file is called that any Blender can make and bake."""
OF_KINDS = {
    "bpy": NAMES | {"zone": "simulation Steps of Cube"},
    "blender": NAMES | {"smoke": "smoke of Cube"},
}
"""The same of the files for each kind of Blender. Fluids crash the module, and only newer ones have zones."""


@pytest.fixture(scope="module")
def folders(
    benches: Callable[[str], Bench], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Bench, Path]]:
    """The bench of a kind of Blender, and the folder of files it made."""
    made: dict[str, tuple[Bench, Path]] = {}

    def of(kind: str) -> tuple[Bench, Path]:
        if kind not in made:
            made[kind] = benches(kind), tmp_path_factory.mktemp(kind)
            program = [sys.executable] if kind == "bpy" else ["blender", "-b", "--factory-startup", "-P"]
            command = [*program, str(SCENES / "make_simulations.py"), "--", str(made[kind][1])]
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
            assert (made[kind][1] / "baked.blend").exists(), done.stdout[-2000:] + done.stderr[-2000:]
        return made[kind]

    return of


@pytest.fixture
def bench(folders: Callable[[str], tuple[Bench, Path]]) -> Bench:
    return folders("bpy")[0]


@pytest.fixture
def folder(folders: Callable[[str], tuple[Bench, Path]]) -> Path:
    return folders("bpy")[1]


def described(bench: Bench, scene: Path) -> SceneInfo:
    return inspect(bench.process, replace(bench.frame, scene=str(scene)))


def baked(bench: Bench, scene: Path, into: Path, through: int = LAST) -> Path:
    """The baked copy of a scene, which is opened from a folder of its own."""
    order = BakeOrder(
        renderer="blender", build=bench.frame.build, scene=FrameScene(frame=1, path=str(scene)), digest="",
        through=through,
    )  # fmt: skip
    scratch = into / "scratch"
    scratch.mkdir()
    files = bench.process.call(bake, order, str(scene), str(scratch))
    for file, there in zip(files, placed(files, scene=str(into / scene.name), folder=str(scratch)).files, strict=True):
        Path(there.path).parent.mkdir(parents=True, exist_ok=True)
        Path(file.path).rename(there.path)
    return into / scene.name


def picture(bench: Bench, scene: Path, frame: int = LAST) -> npt.NDArray[np.float32]:
    at = bench.with_(scene, size=Size(width=32, height=24), samples=2, frame=frame)
    return (at.render().sums / np.float32(2)).astype(np.float32)


def own_picture(path: Path) -> npt.NDArray[np.float32]:
    source = OpenImageIO.ImageInput.open(str(path))
    assert source is not None
    pixels = np.asarray(source.read_image(format=OpenImageIO.FLOAT))
    source.close()
    return pixels


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in OF_KINDS.items() for name in names])
def test_a_baked_copy_shows_what_blender_shows_when_it_plays(
    folders: Callable[[str], tuple[Bench, Path]], tmp_path: Path, kind: str, name: str
) -> None:
    bench, folder = folders(kind)
    scene = folder / f"{name}.blend"
    before, content = set(folder.iterdir()), scene.read_bytes()
    (found,) = described(bench, scene).simulations
    assert found.name == OF_KINDS[kind][name]
    assert found.first == 1
    copy = baked(bench, scene, tmp_path)
    assert not described(bench, copy).simulations
    ours, own = picture(bench, copy), own_picture(folder / f"{name}.exr")
    np.testing.assert_allclose(ours, own, rtol=0, atol=0.005 if name == "smoke" else 0)  # what is played isn't rounded
    assert (picture(bench, copy) != picture(bench, copy, 1)).any(), "something moves"
    assert scene.read_bytes() == content
    assert set(folder.iterdir()) == before, "nothing is written beside the scene"


def test_frames_of_a_baked_copy_are_right_in_any_order(bench: Bench, folder: Path, tmp_path: Path) -> None:
    copy = baked(bench, folder / "rigid_bodies.blend", tmp_path)
    forwards = [picture(bench, copy, frame) for frame in (4, 8, 12)]
    backwards = [picture(bench, copy, frame) for frame in (12, 8, 4)]
    np.testing.assert_array_equal(forwards, backwards[::-1])
    assert (forwards[0] != forwards[1]).any()


def test_a_bake_ends_at_the_last_frame_that_is_needed(bench: Bench, folder: Path, tmp_path: Path) -> None:
    early, whole = (tmp_path / name for name in ("early", "whole"))
    early.mkdir()
    whole.mkdir()
    scene = folder / "rigid_bodies.blend"
    short, full = (picture(bench, baked(bench, scene, into, to), 6) for into, to in ((early, 7), (whole, LAST)))
    np.testing.assert_array_equal(short, full)
    assert (early / "scratch" / "progress").read_text().splitlines()[1:] == ["7", "rigid bodies of Scene"]


@pytest.mark.parametrize(("name", "found"), [("hair", "hair Hair of Plane"), ("linked", "cloth of Grid")])
def test_what_no_copy_can_keep_is_played(bench: Bench, folder: Path, name: str, found: str) -> None:
    scene = folder / f"{name}.blend"
    assert [(each.name, each.played) for each in described(bench, scene).simulations] == [(found, True)]
    late = picture(bench, scene)
    np.testing.assert_array_equal(late, own_picture(folder / f"{name}.exr"))
    early = [picture(bench, scene, frame) for frame in (9, 1)]
    assert (early[0] != early[1]).any()
    np.testing.assert_array_equal(picture(bench, scene, 9), early[0])
    np.testing.assert_array_equal(picture(bench, scene), late)


def test_what_is_baked_or_follows_from_the_frame_alone_is_left_as_it_is(bench: Bench, folder: Path) -> None:
    assert described(bench, folder / "baked.blend").simulations == ()
    assert described(bench, folder / "still_things.blend").simulations == ()
