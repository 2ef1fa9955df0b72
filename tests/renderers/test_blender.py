"""Blender files as they come: what is chosen in them, what is replaced, what is missing, and stock Cycles' own bits."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import OpenImageIO
import pytest

from tasks.errors import NodeNotReady, SceneError
from tasks.node.renderer_process import RendererProcess
from tasks.renderers import RENDERERS, renderer
from tasks.renderers.blender import builds
from tasks.spec import Region, Size
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.conftest import SCENES, Bench, inspect

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from tasks.renderers.base import SceneInfo
    from tasks.spec import UnitSpec

NO_LIBRARY = "blender: error while loading shared libraries: libXi.so.6: cannot open shared object file: No such file"


@pytest.fixture
def bpy(benches: Callable[[str], Bench]) -> Bench:
    return benches("bpy")


@pytest.fixture(scope="module")
def blends(benches: Callable[[str], Bench], tmp_path_factory: pytest.TempPathFactory) -> Path:
    benches("bpy")  # skips where there is none
    folder = tmp_path_factory.mktemp("blends")
    command = [sys.executable, *map(str, (SCENES / "make_blends.py", SCENES / "room.blend", folder))]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


def of(bench: Bench, scene: Path, **changes: object) -> Bench:
    """The bench with a scene at its own size."""
    info = told(bench, scene, **changes)
    return bench.with_(scene, **{"size": info.size, "samples": info.samples, **changes})


def told(bench: Bench, scene: Path, **changes: object) -> SceneInfo:
    return inspect(bench.process, replace(bench.frame, scene=str(scene), **changes))  # type: ignore[arg-type]


def differs(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> bool:
    return not np.allclose(a, b, atol=0.02)


def test_the_picture_is_blenders_own_bit_for_bit(bpy: Bench, blends: Path) -> None:
    source = OpenImageIO.ImageInput.open(str(blends / "stock.exr"))
    assert source is not None
    stock = np.asarray(source.read_image(format=OpenImageIO.FLOAT))
    source.close()
    ours = (bpy.with_(frame=2).render().sums / np.float32(8)).astype(np.float32)
    np.testing.assert_array_equal(ours, stock)


def scenes_handed_to_cycles(units: tuple[UnitSpec, ...]) -> int:
    """Render units in the renderer's process; returns how often Cycles was given the scene anew."""
    from cycles import engine

    create, created = engine.create, []

    def counted(*args: object, **options: object) -> None:
        created.append(args)
        create(*args, **options)

    engine.create = counted
    try:
        session = renderer("blender").open(units[0].frame, threads=1)
        for unit in units:
            session.render(unit)
    finally:
        engine.create = create
    return len(created)


def test_cycles_keeps_the_scene_for_all_units_of_a_frame(bpy: Bench) -> None:
    still = bpy.with_(frame=1, seed=11)
    parts = (Region(x0=0, y0=0, x1=48, y1=9), Region(x0=0, y0=9, x1=20, y1=40), Region(x0=20, y0=9, x1=48, y1=40))
    units = tuple(still.unit(part, samples) for part in parts for samples in ((0, 4), (4, 8)))
    assert bpy.process.call(scenes_handed_to_cycles, units) == 1
    other = bpy.with_(frame=2, seed=11)
    finer = replace(still, frame=replace(still.frame, size=Size(width=96, height=80)))
    assert bpy.process.call(scenes_handed_to_cycles, (still.unit(), other.unit(), still.unit(), finer.unit())) == 3


def test_a_lamp_is_no_shadow_catcher(bpy: Bench) -> None:
    assert told(bpy, SCENES / "room.blend").whole_frames_because == ""


def test_the_smallest_picture_is_rendered(bpy: Bench, blends: Path) -> None:
    least = RENDERERS["blender"].capabilities(bpy.frame.build).min_side_px
    assert bpy.with_(size=Size(width=least, height=least), samples=1).render().sums.shape == (4, 4, 4)


def test_a_camera_is_chosen_by_name_or_number(bpy: Bench, blends: Path) -> None:
    scene = blends / "several.blend"
    assert told(bpy, scene).cameras == ("Camera", "Beside")
    first, named, numbered, again = (of(bpy, scene, camera=camera).means() for camera in (None, "Beside", "1", None))
    assert differs(first, named)
    np.testing.assert_array_equal(named, numbered)
    np.testing.assert_array_equal(first, again)


def test_scene_view_layer_and_properties_are_parameters(bpy: Bench, blends: Path) -> None:
    scene = blends / "several.blend"
    plain, bare, lifted, again = (
        of(bpy, scene, parameters=parameters).means()
        for parameters in ((), (("view_layer", "Bare"),), (("height", "0.5"),), ())
    )
    assert differs(plain, bare)
    assert differs(plain, lifted)
    np.testing.assert_array_equal(plain, again)
    night = told(bpy, scene, parameters=(("scene", "Night"),))
    assert (night.size, night.samples) == (Size(width=16, height=16), 4)
    notes = told(bpy, scene).notes
    assert "Only its view layer ViewLayer is rendered; it also has Bare: name one in the parameter view_layer." in notes
    assert "Its scene Day is rendered, of Day, Night: name another in the parameter scene." in notes


@pytest.mark.parametrize(
    ("parameter", "sentence"),
    [
        (("scene", "Dusk"), "has no scene 'Dusk'. It has Day, Night"),
        (("view_layer", "All"), "has no view layer 'All'. It has ViewLayer, Bare"),
        (("width", "2"), "has no parameter 'width'. It has scene, view_layer, height"),
        (("height", "high"), "can't set its parameter 'height' to 'high': it is a number"),
    ],
)
def test_what_is_not_there_is_named_with_what_is(
    bpy: Bench, blends: Path, parameter: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(SceneError, match=r"several\.blend") as refused:
        told(bpy, blends / "several.blend", parameters=(parameter,))
    assert sentence in str(refused.value)


@pytest.mark.parametrize("word", ["true", "no", "Yes", "1", "0.0"])
def test_a_switch_takes_words_and_numbers(bpy: Bench, blends: Path, word: str) -> None:
    of(bpy, blends / "switched.blend", parameters=(("on", word),), samples=1).render()


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [("on", "maybe", "true or false"), ("count", "true", "a whole number"), ("count", "1e12", "a whole number")],
)
def test_a_value_of_another_kind_is_refused_before_anything_starts(
    bpy: Bench, blends: Path, name: str, value: str, kind: str
) -> None:
    with pytest.raises(SceneError, match=rf"switched\.blend can't set .*'{name}' to '{value}': it is {kind}"):
        told(bpy, blends / "switched.blend", parameters=((name, value),))


def test_what_is_rendered_otherwise_is_said(bpy: Bench, blends: Path) -> None:
    info = told(bpy, blends / "notes.blend")
    assert info.frames == range(5, 31)
    assert info.noise == pytest.approx(0.03)
    assert info.notes == (
        "Its own denoising isn't used; with --denoise finished pictures are denoised.",
        "Its render region is ignored: the job's region counts.",
        "Its Freestyle lines are left out.",
        "Its adaptive sampling is replaced: unless samples are given, it ends at noise 3% or its last sample.",
    )
    assert "It is made for Workbench; it is rendered with Cycles." in told(bpy, blends / "workbench.blend").notes


def test_what_a_file_says_outlives_its_rendering(bpy: Bench, blends: Path) -> None:
    scene = blends / "notes.blend"
    before = told(bpy, scene)
    bpy.with_(scene, size=Size(width=9, height=7), samples=2).render(Region(x0=1, y0=1, x1=5, y1=5), (1, 2))
    assert told(bpy, scene) == before


def test_a_texture_is_part_of_the_scene(bpy: Bench, blends: Path, tmp_path: Path) -> None:
    for name in ("textured.blend", "paint.png"):
        shutil.copy(blends / name, tmp_path)
    scene = tmp_path / "textured.blend"
    bench = of(bpy, scene)
    assert told(bpy, scene).files == (str(scene), str(tmp_path / "paint.png"))
    red = bench.means()
    shutil.copy(blends / "stock.exr", tmp_path / "paint.png")
    with pytest.raises(SceneError, match=r"textured\.blend or a file it refers to changed while the job ran"):
        bench.render()
    assert differs(of(bpy, scene).means(), red), "a new job sees the new texture"
    (tmp_path / "paint.png").unlink()
    with pytest.raises(SceneError, match=r"refers to files that don't exist: .*paint\.png"):
        told(bpy, scene)


def test_what_is_no_scene_is_said(bpy: Bench, blends: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.blend").write_bytes(b"BLENDER-v405" + bytes(40))
    with pytest.raises(SceneError, match=r"broken\.blend can't be opened"):
        told(bpy, tmp_path / "broken.blend")
    with pytest.raises(SceneError, match="has no camera"):
        told(bpy, blends / "blind.blend")


@pytest.mark.parametrize("suffix", ["glb", "obj", "usda", "fbx"])
def test_scenes_of_other_programs_get_a_camera_and_light(bpy: Bench, blends: Path, suffix: str) -> None:
    bench = of(bpy, blends / f"cube.{suffix}", size=Size(width=48, height=32), samples=8)
    picture = bench.means()[..., :3].mean(axis=2)
    sky = picture[:3].mean()
    seen = np.abs(picture - sky) > 0.05
    assert 0.1 < seen.mean() < 0.9, "the cube is in the picture, and not all of it"
    edge = np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]])
    assert edge.mean() < 0.02, "all of it is in the picture"
    assert picture[seen].mean() > 0.02, "and lit"


def test_a_scene_is_kept_open_between_units_and_frames(bpy: Bench, blends: Path, tmp_path: Path) -> None:
    unit = of(bpy, blends / "heavy.blend").unit(Region(x0=0, y0=0, x1=16, y1=12))
    with RendererProcess(node="fresh", threads=1, logs=tmp_path) as process:
        first, second = (process.render(unit) for _ in range(2))
    assert second.load_s < first.load_s / 2
    assert second.cpu_s < first.cpu_s / 2


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Have there be no Blender but one program."""

    def put(path: str) -> None:
        monkeypatch.setenv(builds.PROGRAMS_VARIABLE, path)
        builds.check_builds.cache_clear()

    monkeypatch.setattr(builds, "_module_version", str)
    yield put
    builds.check_builds.cache_clear()


def test_no_blender_is_said_with_the_remedy(alone: Callable[[str], None]) -> None:
    alone("")
    with pytest.raises(NodeNotReady, match=r"There is no Blender on this machine\. Install the bpy module"):
        RENDERERS["blender"].builds()


@pytest.mark.parametrize(
    ("script", "cause"),
    [
        (f"#!/bin/sh\necho '{NO_LIBRARY}' >&2\nexit 127\n", "the library libXi.so.6 is missing. Install it"),
        ("#!/bin/sh\nkill -ILL $$\n", "the processor is too old"),
        ("#!/nowhere/sh\n", "is to be run by /nowhere/sh, which is missing. Install /nowhere/sh."),
        ("no program", "blender isn't a program for this system"),
        ("#!/bin/sh\nexit 0\n", "ended with exit code 0 when it was asked for its version"),
        ("", "there is no program"),
    ],
)
def test_a_broken_blender_is_told_by_its_cause(
    alone: Callable[[str], None], tmp_path: Path, script: str, cause: str
) -> None:
    path = tmp_path / "blender"
    if script:
        path.write_text(script)
        path.chmod(0o755)
    alone(str(path))
    with pytest.raises(NodeNotReady) as refused:
        RENDERERS["blender"].builds()
    assert cause in str(refused.value)
