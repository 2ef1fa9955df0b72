"""Mitsuba against itself: our noise and filters against stock's, moving over frames, and scenes with trouble."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import SceneError
from tasks.spec import Aov, Region, Size
from tests.renderers import stock
from tests.renderers.conftest import SCENES, Bench, inspect, start

if TYPE_CHECKING:
    import numpy.typing as npt

SAMPLES, SEEDS = 16, 12


def ours(bench: Bench) -> npt.NDArray[np.float64]:
    return np.stack([bench.with_(seed=seed).means()[..., :3] for seed in range(SEEDS)])


def stocks(bench: Bench) -> npt.NDArray[np.float64]:
    scene, parameters = bench.frame.scene, dict(bench.frame.parameters)
    return bench.process.call(stock.renders, scene, SAMPLES, tuple(range(SEEDS)), parameters).astype(np.float64)


def test_noise_and_mean_are_stocks(mitsuba: Bench) -> None:
    bench = mitsuba.with_(samples=SAMPLES)
    a, b = ours(bench), stocks(bench)
    ratio = np.median(a.var(0, ddof=1)) / np.median(b.var(0, ddof=1))
    assert 0.8 < ratio < 1.25
    assert_same_mean(a, b)


@pytest.mark.parametrize("name", ["gaussian", "tent", "mitchell", "lanczos"])
def test_filters_agree_with_stock(llvm: Bench, name: str) -> None:
    bench = llvm.with_(samples=SAMPLES, parameters=(("filter", name),))
    a, b = ours(bench), stocks(bench)
    # Stock's filter has nothing to gather beyond the frame's edge; ours does.
    assert_same_mean(a[:, 3:-3, 3:-3], b[:, 3:-3, 3:-3])


def test_ranges_of_a_rich_scene_add_up_though_rays_near_edges_depend_on_their_packets(tmp_path: Path) -> None:
    own = start("llvm", tmp_path)  # a large scene leaves traces in a process that others count kernels in
    interior = Path(__file__).parents[2] / "scenes" / "interior.xml"
    region = Region(x0=0, y0=216, x1=640, y1=248)
    with own.process:
        bench = own.with_(interior, size=Size(width=640, height=360), samples=136)
        whole = bench.render(region).sums
        ranges = [(0, 16), (16, 136)]
        total = np.sum([bench.render(region, samples).sums.astype(np.float64) for samples in ranges], axis=0)
    np.testing.assert_allclose(total, whole, rtol=1e-6, atol=1e-4)


def assert_same_mean(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64]) -> None:
    error = np.sqrt((a.var(0, ddof=1) + b.var(0, ddof=1)) / SEEDS)
    lit = error > 1e-3
    z = (a.mean(0) - b.mean(0))[lit] / error[lit]
    assert abs(z.mean()) < 0.15
    assert 0.7 < z.std() < 1.25
    assert abs(a.mean() / b.mean() - 1) < 0.01


def test_regions_meet_with_a_wide_filter(llvm: Bench) -> None:
    bench = llvm.with_(parameters=(("filter", "mitchell"),))
    whole = bench.render().sums
    part = bench.render(Region(x0=7, y0=9, x1=30, y1=33)).sums
    np.testing.assert_array_equal(part, whole[9:33, 7:30])


def test_one_kernel_renders_all_units(llvm: Bench) -> None:
    bench = llvm.with_(aovs=(Aov.NORMAL,))
    bench.render()
    llvm.process.call(stock.kernels)
    for change in ({}, {"seed": 3}, {"frame": 5}, {"parameters": (("eye", "0.5"),)}, {"samples": 21}):
        moved = bench.with_(**change)
        moved.render(Region(x0=5, y0=4, x1=6, y1=5), (0, 1))
        moved.render(Region(x0=0, y0=4, x1=46, y1=25), (2, 7))
    assert llvm.process.call(stock.kernels) == 0


def test_extra_channels_are_what_they_say(mitsuba: Bench) -> None:
    bench = mitsuba.with_(aovs=(Aov.ALBEDO, Aov.DEPTH, Aov.NORMAL))
    means = dict(zip(bench.frame.channels, np.moveaxis(bench.means(), -1, 0), strict=True))
    assert 0.3 < (means["depth.Z"] > 1).mean() < 1
    assert means["A"].min() == 1  # the film asks for no alpha
    assert means["normal.Y"][-1, 24] == pytest.approx(1, abs=1e-3)
    assert means["albedo.R"].max() == pytest.approx(0.7, abs=0.2)
    np.testing.assert_allclose(means["R"], mitsuba.with_().means()[..., 0], rtol=1e-3, atol=1e-3)


def test_a_moved_camera_keeps_the_scene(mitsuba: Bench) -> None:
    bench = mitsuba.with_(SCENES / "turning.xml", size=Size(width=16, height=12))
    bench.render()
    scene = mitsuba.process.call(stock.open_scene)
    moved = bench.with_(frame=40)
    rendered = mitsuba.process.render(moved.unit())
    assert mitsuba.process.call(stock.open_scene) == scene
    mitsuba.process.stop()
    np.testing.assert_array_equal(rendered.pixels.sums, moved.render().sums)
    assert not np.array_equal(rendered.pixels.sums, bench.render().sums)


def test_every_process_builds_the_same_scene(mitsuba: Bench) -> None:
    bench = mitsuba.with_(SCENES / "lamps.xml")
    first = bench.render().sums
    for _ in range(3):
        mitsuba.process.stop()
        np.testing.assert_array_equal(bench.render().sums, first)


def test_cameras_are_found_by_name_and_number(mitsuba: Bench) -> None:
    assert inspect(mitsuba.process, mitsuba.frame).cameras == ("front", "side")
    by_name, by_number = (mitsuba.with_(camera=camera).means() for camera in ("side", "1"))
    np.testing.assert_array_equal(by_name, by_number)
    assert not np.array_equal(by_name, mitsuba.means())
    with pytest.raises(SceneError, match=r"has no camera 'top'.*front, side"):
        mitsuba.with_(camera="top").render()


def test_a_scene_is_inspected(mitsuba: Bench) -> None:
    info = inspect(mitsuba.process, mitsuba.frame)
    assert (info.size, info.samples, info.whole_frames_because) == (Size(width=48, height=40), 16, "")
    assert {Path(file).name for file in info.files} == {"room.xml", "things.xml", "tiles.png"}
    filtered = mitsuba.with_(parameters=(("filter", "gaussian"),)).frame
    noted = any("gaussian" in note for note in inspect(mitsuba.process, filtered).notes)
    assert noted == ("scalar" in mitsuba.frame.build)


def test_the_digest_follows_content_and_not_place(mitsuba: Bench, tmp_path: Path) -> None:
    for name in ("room.xml", "things.xml", "tiles.png"):
        shutil.copy(SCENES / name, tmp_path)
    copy = mitsuba.with_(tmp_path / "room.xml")
    assert copy.frame.scene_digest == mitsuba.frame.scene_digest
    shutil.copy(SCENES / "tiles.png", tmp_path / "other.png")
    (tmp_path / "things.xml").write_text((SCENES / "things.xml").read_text().replace("tiles", "other"))
    assert mitsuba.with_(tmp_path / "room.xml").frame.scene_digest != mitsuba.frame.scene_digest


def test_a_changed_scene_is_refused(mitsuba: Bench, tmp_path: Path) -> None:
    for name in ("room.xml", "things.xml", "tiles.png"):
        shutil.copy(SCENES / name, tmp_path)
    bench = mitsuba.with_(tmp_path / "room.xml")
    bench.render()
    (tmp_path / "tiles.png").write_bytes((SCENES / "tiles.png").read_bytes() + b" ")
    with pytest.raises(SceneError, match="changed while the job ran"):
        bench.render()
    (tmp_path / "tiles.png").unlink()
    with pytest.raises(SceneError, match=r"tiles\.png"):
        bench.render()


def test_a_particle_tracer_renders_whole_frames_only(mitsuba: Bench) -> None:
    bench = mitsuba.with_(SCENES / "particles.xml", size=Size(width=24, height=20))
    info = inspect(mitsuba.process, bench.frame)
    assert "sends light" in info.whole_frames_because
    assert bench.means()[..., :3].mean() > 0.01
    with pytest.raises(SceneError, match="can't be rendered in parts"):
        bench.render(Region(x0=0, y0=0, x1=5, y1=5))
    with pytest.raises(SceneError, match="can't be rendered in parts"):
        bench.render(samples=(0, 4))


SPHERE = '<shape type="sphere"/>'


@pytest.mark.parametrize(
    ("text", "parameters", "says"),
    [
        ("<scene", (), "can't be read"),
        (SPHERE.replace("sphere", "spheer"), (), "unknown plugin 'spheer'"),
        ('<shape type="obj"><string name="filename" value="gone.obj"/></shape>', (), r"don't exist: gone\.obj"),
        ('<include filename="gone.xml"/>', (), "gone.xml"),
        ('<shape type="sphere"><float name="radius" value="$r"/></shape>', (), "undefined parameter: [$]r"),
        (SPHERE, (("size", "2"),), r"has no parameter [$]size"),
        ("", (), "has no camera"),
    ],
)
def test_trouble_with_a_scene_is_one_sentence(
    mitsuba: Bench, tmp_path: Path, text: str, parameters: tuple[tuple[str, str], ...], says: str
) -> None:
    scene = tmp_path / "bad.xml"
    camera = '<sensor type="perspective"/>' if text else ""
    scene.write_text(text if text == "<scene" else f'<scene version="3.0.0">{camera}{text}</scene>')
    with pytest.raises(SceneError, match=says) as caught:
        mitsuba.with_(scene, parameters=parameters)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_property_that_nothing_reads_is_refused(mitsuba: Bench, tmp_path: Path) -> None:
    scene = tmp_path / "bad.xml"
    scene.write_text(
        '<scene version="3.0.0"><sensor type="perspective"/>'
        '<shape type="sphere"><float name="radus" value="1"/></shape></scene>'
    )
    with pytest.raises(SceneError, match="radus"):
        mitsuba.with_(scene).render()


def test_a_missing_scene_is_named(mitsuba: Bench, tmp_path: Path) -> None:
    with pytest.raises(SceneError, match=r"gone\.xml doesn't exist"):
        mitsuba.with_(tmp_path / "gone.xml")
