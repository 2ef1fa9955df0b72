"""Mitsuba scenes as strangers make them: the files they use, what their cameras ask for, and Mitsuba's own picture.

One file over 300 lines: each scene is a text beside what it must show.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
import time
import zlib
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import SceneError
from tasks.renderers.sent_scenes import in_tree, tree_name
from tasks.spec import Aov, Region, Size
from tests.renderers import stock
from tests.renderers.conftest import Bench, inspect, start
from tests.scenes.opened_files import STRACE, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

VIEW = '<transform name="to_world"><lookat origin="0,0,4" target="0,0,0" up="0,1,0"/></transform>'
PATH = '<integrator type="path"/>'
BOX = '<rfilter type="box"/>'


@pytest.fixture
def scalar(benches: Callable[[str], Bench]) -> Bench:
    return benches("scalar")


SKY_OF_A_TEMPERATURE = (
    '<emitter type="constant"><spectrum type="blackbody" name="radiance"><float name="temperature" value="4000"/>'
    "</spectrum></emitter>"
)


def film(pixel_format: str = "rgba", width: int = 16, height: int = 12, more: str = "") -> str:
    return (
        f'<film type="hdrfilm"><integer name="width" value="{width}"/><integer name="height" value="{height}"/>'
        f'<string name="pixel_format" value="{pixel_format}"/>{BOX}{more}</film>'
    )


def sensor(inside: str = "", name: str = "") -> str:
    return f'<sensor type="perspective" id="{name or "view"}">{VIEW}{inside or film()}</sensor>'


def sampler(kind: str, samples: int) -> str:
    return f'<sampler type="{kind}"><integer name="sample_count" value="{samples}"/></sampler>'


def glowing(texture: str, at: str = "") -> str:
    """A rectangle that fills the view with a texture's light: a picture without noise."""
    place = f'<transform name="to_world"><scale value="4"/>{at}</transform>'
    return f'<shape type="rectangle">{place}<emitter type="area">{texture}</emitter></shape>'


def bitmap(name: str) -> str:
    return f'<texture type="bitmap" name="radiance"><string name="filename" value="{name}"/></texture>'


def write(path: Path, body: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'<scene version="3.0.0">{body}</scene>')
    return path


def write_picture(path: Path, colour: tuple[float, float, float]) -> None:
    from storage.image_files import write_image

    path.parent.mkdir(parents=True, exist_ok=True)
    kind = path.suffix.lstrip(".")
    pixels = np.full((4, 4, 3), colour, np.float32)
    if kind == "png":
        pixels = (pixels * 255).astype(np.uint8)
    formats, channels = ("uint8",) if kind == "png" else ("float",), ("R", "G", "B") if kind == "exr" else ()
    path.write_bytes(write_image(kind, pixels, formats=formats, channels=channels, attributes={}))


def files_of(bench: Bench, folder: Path) -> set[str]:
    return {str(Path(file).relative_to(folder)) for file in inspect(bench.process, bench.frame).files}


def stocks(bench: Bench, samples: int = 4) -> npt.NDArray[np.float32]:
    pictures = bench.process.call(stock.renders, bench.frame.scene, samples, (0,), dict(bench.frame.parameters))
    return pictures.reshape(pictures.shape[1:])


def assert_stocks_picture(bench: Bench) -> None:
    """Hold a picture without noise against Mitsuba's own."""
    np.testing.assert_allclose(bench.means()[..., :3], stocks(bench), rtol=1e-5, atol=1e-6)


def sent(scene: Path, files: set[str], folder: Path, tmp_path: Path) -> Path:
    """Send a scene's files to another machine, and take the folder away; returns the scene's copy."""
    tree = tmp_path / "far" / tree_name("0" * 64)
    for name in files:
        target = in_tree(tree, str(folder / name))
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / name, target)
    folder.rename(tmp_path / "gone")
    return in_tree(tree, str(scene))


def test_folders_to_search_includes_and_spectra_are_found_as_mitsuba_finds_them(scalar: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "shot"
    write(folder / "defaults.xml", '<default name="lib" value="lib"/><path value="unused"/>')
    write(folder / "sub" / "things.xml", '<include filename="deep/more.xml"/>' + glowing(bitmap("t.png")))
    lamp = '<emitter type="constant"><spectrum name="radiance" filename="white.spd"/></emitter>'
    write(folder / "sub" / "deep" / "more.xml", lamp)
    write_picture(folder / "lib" / "t.png", (1, 0.5, 0))
    write_picture(folder / "t.png", (0, 0, 1))
    write_picture(folder / "lib" / "not used.png", (0, 0, 1))
    (folder / "sub" / "white.spd").write_text("400 1\n700 1\n")
    (folder / "rgb").write_text("not a file of the scene, though its name is a word in it")
    (folder / "sub" / "unused").mkdir()
    (folder / "unused").mkdir()
    scene = write(
        folder / "s.xml",
        f'<include filename="defaults.xml"/><path value="$lib"/><include filename="sub/things.xml"/>{PATH}{sensor()}',
    )
    bench = scalar.with_(scene, size=Size(width=16, height=12))
    files = {"s.xml", "defaults.xml", "sub/things.xml", "sub/deep/more.xml", "sub/white.spd", "lib/t.png"}
    assert files_of(bench, folder) == files
    assert_stocks_picture(bench)
    first = bench.means()
    far = bench.with_(sent(scene, files, folder, tmp_path))
    assert far.frame.scene_digest == bench.frame.scene_digest
    np.testing.assert_array_equal(far.means(), first)


def test_a_sent_scene_finds_what_it_names_absolutely(scalar: Bench, tmp_path: Path) -> None:
    folder, library = tmp_path / "shot", tmp_path / "shot" / "library of ümlauts #1"
    write_picture(library / "t.png", (0.2, 0.5, 0))
    write(library / "things.xml", glowing(bitmap("t.png")) + f'<include filename="{folder}/lamp.xml"/>')
    lamp = f'<emitter type="constant"><spectrum name="radiance" filename="{library}/white.spd"/></emitter>'
    write(folder / "lamp.xml", lamp)
    (library / "white.spd").write_text("400 1\n700 1\n")
    scene = write(folder / "s.xml", f'<path value="{library}"/><include filename="{library}/things.xml"/>{sensor()}')
    bench = scalar.with_(scene, size=Size(width=16, height=12))
    first, files = bench.means(), files_of(bench, folder)
    assert len(files) == 5
    far = bench.with_(sent(scene, files, folder, tmp_path))
    assert far.frame.scene_digest == bench.frame.scene_digest
    np.testing.assert_array_equal(far.means(), first)


def test_a_scene_may_have_another_encoding(scalar: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "Größe"
    write_picture(folder / "weiß.png", (0.2, 0.5, 0))
    write(folder / "für.xml", glowing(bitmap("weiß.png")))
    scene, parts = folder / "s.xml", f'<include filename="{folder}/für.xml"/>{PATH}{sensor()}'
    scene.write_text(f'<?xml version="1.0" encoding="iso-8859-1"?><scene version="3.0.0">{parts}</scene>', "latin-1")
    bench = scalar.with_(scene, size=Size(width=16, height=12))
    files = {"s.xml", "für.xml", "weiß.png"}
    assert files_of(bench, folder) == files
    first = bench.means()
    far = bench.with_(sent(scene, files, folder, tmp_path))
    np.testing.assert_array_equal(far.means(), first)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('<include filename="gone.xml"/>', r"don't exist: gone\.xml \(named in s\.xml\)"),
        ('<include filename="."/>', r"don't exist: \. \(named in s\.xml\)"),
        ('<path value="gone"/>', r"don't exist: gone \(named in s\.xml\)"),
        (
            '<emitter type="constant"><spectrum name="radiance" filename="gone.spd"/></emitter>',
            r"don't exist: gone\.spd \(named in s\.xml\)",
        ),
        (glowing(bitmap("gone.png")), r"don't exist: gone\.png \(named in s\.xml \(line 1"),
        (
            '<shape type="sphere"><bsdf type="conductor"><string name="material" value="Kryptonite"/></bsdf></shape>',
            r"don't exist: data/ior/Kryptonite\.eta\.spd",
        ),
        ('<shape type="sphere"><float name="radius" value="$spp"/></shape>', "--parameters spp=16"),
        (sensor(sampler("multijitter", 0)), "asks for 0 samples"),
        (sensor(film(width=0)), "a film without pixels"),
        (sensor(film(width=-4)), r"-4 is out of bounds"),
        (sensor(film("cmyk")), "cmyk"),
        ('<shape type="sphere"><ref id="nope"/></shape>', 'unresolved reference to "nope"'),
        (SKY_OF_A_TEMPERATURE, "needs Mitsuba's variant scalar_spectral or llvm_ad_spectral, this is scalar_rgb"),
        ('<integrator type="prb"/>', "needs Mitsuba's variant llvm_ad_rgb"),
        (sensor('<film type="specfilm"/>'), "needs Mitsuba's variant scalar_spectral or llvm_ad_spectral"),
        (f'<integrator type="stokes">{PATH}</integrator>', "llvm_ad_spectral_polarized, this is .*polarized"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_before_it_renders(scalar: Bench, tmp_path: Path, text: str, says: str) -> None:
    scene = write(tmp_path / "s.xml", f"{text}{'' if '<sensor' in text else sensor()}")
    with pytest.raises(SceneError, match=says) as caught:
        scalar.with_(scene)
    assert "\n" not in str(caught.value)


def test_an_exr_opens_on_a_node_of_one_thread(tmp_path: Path) -> None:
    for number in range(3):
        write_picture(tmp_path / f"{number}.exr", (0.5, number, 0.25))
    rectangles = "".join(glowing(bitmap(f"{number}.exr"), f'<translate z="{-number}"/>') for number in range(3))
    sky = '<emitter type="envmap"><string name="filename" value="0.exr"/></emitter>'
    scene = write(tmp_path / "s.xml", rectangles + sky + sensor())
    own = start("scalar", tmp_path, threads=1)
    with own.process:
        bench = own.with_(scene, size=Size(width=16, height=12))
        end_s = time.monotonic() + 60
        one = own.process.render(bench.unit(), cancelled=lambda: time.monotonic() > end_s).pixels.sums
        assert files_of(bench, tmp_path) == {"s.xml", "0.exr", "1.exr", "2.exr"}
    two = start("scalar", tmp_path, threads=2)
    with two.process:
        np.testing.assert_array_equal(two.with_(scene, size=Size(width=16, height=12)).render().sums, one)


def test_each_camera_has_its_own_film_and_sampler(scalar: Bench, tmp_path: Path) -> None:
    crop = '<integer name="crop_width" value="8"/><integer name="crop_height" value="6"/>'
    scene = write(
        tmp_path / "s.xml",
        PATH
        + sensor(film(more=crop) + sampler("stratified", 5), "A")
        + sensor(film(width=9, height=16), "B")
        + sensor(film(width=10), "C"),
    )
    info = inspect(scalar.process, scalar.with_(scene).frame)
    assert info.seen_by(None) == info
    assert (info.size, info.samples) == (Size(width=16, height=12), 9)  # stratified samples are squares
    assert info.region == Region(x0=0, y0=0, x1=8, y1=6)
    assert info.seen_by("B").region is None
    assert any("stratified" in note for note in info.notes)
    for camera, size in (
        ("B", Size(width=9, height=16)),
        ("1", Size(width=9, height=16)),
        ("2", Size(width=10, height=12)),
    ):
        seen = info.seen_by(camera)
        assert (seen.size, seen.samples, seen.notes) == (size, 4, ())


def test_a_camera_that_is_part_of_a_shape_renders(scalar: Bench, tmp_path: Path) -> None:
    meter = (
        f'<shape type="rectangle"><sensor type="irradiancemeter" id="meter">{film(width=1, height=1)}</sensor></shape>'
    )
    scene = write(tmp_path / "s.xml", meter + '<emitter type="constant"/>' + sensor(film(), "view"))
    one = Size(width=1, height=1)
    bench = scalar.with_(scene, size=one)
    assert inspect(scalar.process, bench.frame).cameras == ("meter", "view")
    np.testing.assert_allclose(bench.means()[0, 0, :3], np.pi, rtol=0.2)
    assert bench.with_(camera="view").means()[0, 0, 0] < 1


def test_a_film_without_alpha_is_opaque_and_one_of_luminance_is_grey(scalar: Bench, tmp_path: Path) -> None:
    lamp = '<emitter type="constant"><rgb name="radiance" value="0.1,0.3,0.8"/></emitter>'
    sky = f'<integrator type="direct"/>{lamp}'  # path takes the sky for opaque
    grey = 0.1 * 0.212671 + 0.3 * 0.715160 + 0.8 * 0.072169
    wanted = {
        "rgba": (0.1, 0.3, 0.8, 0),
        "rgb": (0.1, 0.3, 0.8, 1),
        "luminance": (grey, grey, grey, 1),
        "luminance_alpha": (grey, grey, grey, 0),
        "xyz": (0.1, 0.3, 0.8, 1),
    }
    digests = set()
    for pixel_format, colour in wanted.items():
        scene = write(tmp_path / "s.xml", sky + sensor(film(pixel_format)))
        bench = scalar.with_(scene, size=Size(width=16, height=12))
        np.testing.assert_allclose(bench.means()[0, 0], colour, rtol=1e-6)
        assert any("XYZ" in note for note in inspect(scalar.process, bench.frame).notes) == (pixel_format == "xyz")
        digests.add(bench.frame.scene_digest)
    assert len(digests) == len(wanted)
    without = write(tmp_path / "s.xml", sky + '<sensor type="perspective"/>')
    assert scalar.with_(without, size=Size(width=4, height=4)).means()[0, 0, 3] == 1  # Mitsuba's default is rgb


AOV = (
    '<integrator type="aov"><string name="aovs" value="n:sh_normal,d:depth,i:shape_index"/>'
    '<integrator type="path" name="img"/></integrator>'
)
MOMENT = '<integrator type="moment"><integrator type="path" name="img"/></integrator>'
BALL = '<shape type="sphere"/><emitter type="constant"/>'


@pytest.fixture(scope="module", params=["llvm", "scalar"])
def apart(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """A renderer of its own: what is compiled in a process depends on the scenes it had before, and others count it."""
    own = start(request.param, tmp_path_factory.mktemp("apart"))
    with own.process:
        yield own


@pytest.mark.parametrize("integrator", [AOV, MOMENT])
def test_channels_that_the_scene_asks_for_are_mitsubas_own(apart: Bench, tmp_path: Path, integrator: str) -> None:
    scene = write(tmp_path / "s.xml", integrator + BALL + sensor())
    frame = replace(apart.frame, scene=str(scene), size=Size(width=16, height=12), samples=64)
    info = inspect(apart.process, frame)
    bench = apart.with_(scene, size=frame.size, samples=64, scene_channels=info.channels)
    wanted = apart.process.call(stock.channels, str(scene), 256)
    numbered = {"i.I"} if "llvm" in bench.frame.build and "i.I" in wanted else set()
    assert {*bench.frame.channels} == wanted.keys() - numbered
    assert any("AOV i" in note for note in info.notes) == bool(numbered)
    means = dict(zip(bench.frame.channels, np.moveaxis(bench.means(), -1, 0), strict=True))
    for name, channel in means.items():  # of 64 and of 256 samples; edges of the ball have noise
        np.testing.assert_allclose(channel.mean(), wanted[name].mean(), rtol=0.02, atol=0.01, err_msg=name)
    sums = bench.render().sums
    part = bench.render(Region(x0=3, y0=2, x1=9, y1=11)).sums
    np.testing.assert_array_equal(part, sums[2:11, 3:9])
    ranges = [bench.render(samples=each).sums.astype(np.float64) for each in ((0, 16), (16, 64))]
    np.testing.assert_allclose(np.sum(ranges, axis=0), sums, rtol=1e-5, atol=1e-4)
    both = bench.with_(aovs=(Aov.NORMAL,)).means()  # the job's own come before the scene's
    np.testing.assert_allclose(both[..., 7:], bench.means()[..., 4:], rtol=1e-4, atol=1e-4)


def test_a_crop_is_the_picture(scalar: Bench, tmp_path: Path) -> None:
    numbers = {"crop_offset_x": 4, "crop_offset_y": 3, "crop_width": 8, "crop_height": 6}
    crop = "".join(f'<integer name="{name}" value="{number}"/>' for name, number in numbers.items())
    lamp = glowing('<texture type="checkerboard" name="radiance"/>')
    scene = write(tmp_path / "s.xml", PATH + lamp + sensor(film(more=crop)))
    bench = scalar.with_(scene, size=Size(width=16, height=12), samples=1024)
    region = inspect(scalar.process, bench.frame).region
    assert region == Region(x0=4, y0=3, x1=12, y1=9)
    picture = bench.render(region).sums[..., :3] / 1024
    assert picture.shape == stocks(bench).shape
    np.testing.assert_allclose(picture, stocks(bench, 1024), atol=0.06)  # of edges within pixels
    tracer = write(tmp_path / "s.xml", '<integrator type="ptracer"/>' + BALL + sensor(film(more=crop)))
    info = inspect(scalar.process, scalar.with_(tracer).frame)
    assert info.region is None
    assert any("crop" in note for note in info.notes)


def test_a_samplers_seed_is_the_jobs_and_that_is_said(scalar: Bench, tmp_path: Path) -> None:
    seeded = '<sampler type="independent"><integer name="seed" value="7"/></sampler>'
    bench = scalar.with_(write(tmp_path / "s.xml", PATH + BALL + sensor(film() + seeded)))
    assert any("seed" in note for note in inspect(scalar.process, bench.frame).notes)


def test_what_an_integrator_does_otherwise_is_said(scalar: Bench, tmp_path: Path) -> None:
    for text, says in (
        ("", "no integrator"),
        ('<integrator type="path"><float name="timeout" value="3"/></integrator>', "timeout"),
    ):
        bench = scalar.with_(write(tmp_path / "s.xml", text + BALL + sensor()))
        assert any(says in note for note in inspect(scalar.process, bench.frame).notes)


@pytest.mark.parametrize("light", ["inf", "nan"])
def test_a_pixel_that_is_no_number_is_the_scenes(scalar: Bench, tmp_path: Path, light: str) -> None:
    lamp = f'<emitter type="constant"><float name="radiance" value="{light}"/></emitter>'
    bench = scalar.with_(write(tmp_path / "s.xml", PATH + lamp + sensor()))
    with pytest.raises(
        SceneError, match=r"a pixel at 0,0 whose R is(n't a number| infinite), as Mitsuba renders"
    ) as caught:
        bench.render()
    assert not caught.value.retryable


def test_what_mitsuba_only_finds_out_when_it_renders_is_the_scenes(scalar: Bench, tmp_path: Path) -> None:
    texture = '<texture type="mesh_attribute" name="reflectance"><string name="name" value="vertex_x"/></texture>'
    ball = f'<shape type="sphere"><bsdf type="diffuse">{texture}</bsdf></shape><emitter type="constant"/>'
    bad = scalar.with_(write(tmp_path / "bad.xml", PATH + ball + sensor()))
    with pytest.raises(SceneError, match=r"can't be rendered: \[Shape\] Invalid attribute requested vertex_x"):
        bad.render()
    scalar.render(Region(x0=0, y0=0, x1=4, y1=4))


def test_a_scene_that_cannot_be_compiled_is_said_and_spoils_no_other(
    benches: Callable[[str], Bench], tmp_path: Path
) -> None:
    scene = write(tmp_path / "bad.xml", f'{PATH}<emitter type="timed_sunsky"/>' + sensor())
    size = Size(width=16, height=12)
    llvm, scalar = (benches(kind) for kind in ("llvm", "scalar"))
    before = llvm.means()
    bad = llvm.with_(scene, size=size)
    with pytest.raises(SceneError, match=r"bad\.xml can't be rendered by Mitsuba's llvm_ad_rgb: one of its plugins"):
        bad.render()
    np.testing.assert_array_equal(llvm.means(), before)
    assert scalar.with_(scene, size=size).means().mean() > 0, "as the remedy says"


def all_kinds_of_files(folder: Path) -> Path:
    """A scene with a file of each kind that Mitsuba opens, and beside them some that it doesn't."""
    for name in ("rough wall ä.png", "100 %.jpg", "cost $5.exr", "shot#2.exr", "sky.exr", "weight.png", "not used.png"):
        write_picture(folder / name, (0.5, 0.5, 0.5))
    (folder / "tri.obj").write_text("mtllib tri.mtl\nv -1 -1 0\nv 1 -1 0\nv 0 1 0\nusemtl a\nf 1 2 3\n")
    (folder / "tri.mtl").write_text("newmtl a\nmap_Kd not used.png\n")
    ply = "element vertex 3\nproperty float x\nproperty float y\nproperty float z\nelement face 1\n"
    ply += "property list uchar int vertex_indices\nend_header\n-1 -1 0\n1 -1 0\n0 1 0\n3 0 1 2\n"
    (folder / "tri.ply").write_text(f"ply\nformat ascii 1.0\ncomment TextureFile not used.png\n{ply}")
    (folder / "hair.txt").write_text("".join(f"{x} 0 0 0.1\n" for x in range(5)))
    corners, faces = np.array([[-1, -1, 0], [1, -1, 0], [0, 1, 0]], "<f4"), np.arange(3, dtype="<u4")
    mesh = struct.pack("<I", 0x1000) + b"tri\0" + struct.pack("<QQ", 3, 1) + corners.tobytes() + faces.tobytes()
    packed = struct.pack("<HH", 0x041C, 4) + zlib.compress(mesh)
    (folder / "tri.serialized").write_bytes(packed + struct.pack("<QI", 0, 1))
    for name in ("smoke.vol", "ball.vol"):
        grid = np.linspace(-1, 1, 8, dtype="<f4")
        head = b"VOL" + struct.pack("<Biiiiiffffff", 3, 1, 2, 2, 2, 1, 0, 0, 0, 1, 1, 1)
        (folder / name).write_bytes(head + grid.tobytes())
    (folder / "white.spd").write_text("400 1\n700 1\n")
    (folder / "data" / "ior").mkdir(parents=True)
    for part in ("eta", "k"):
        (folder / "data" / "ior" / f"Mine.{part}.spd").write_text("400 1\n700 2\n")
    lamp = '<emitter type="constant"><spectrum name="radiance" filename="white.spd"/></emitter>'
    write(folder / "part.xml", lamp)
    write(folder / "settings.xml", '<default name="metal" value="Mine"/>')

    def named(name: str) -> str:
        return f'<string name="filename" value="{name}"/>'

    def diffuse(name: str) -> str:
        return f'<bsdf type="diffuse"><texture type="bitmap" name="reflectance">{named(name)}</texture></bsdf>'

    smoke = f'<volume type="gridvolume" name="sigma_t">{named("smoke.vol")}</volume>'
    metal = '<bsdf type="roughconductor"><string name="material" value="$metal"/></bsdf>'
    weight = f'<texture type="bitmap" name="weight">{named("weight.png")}</texture>'
    blend = f'<bsdf type="blendbsdf">{weight}<bsdf type="diffuse"/>{metal}</bsdf>'
    shapes = [
        f'<shape type="obj">{named("tri.obj")}{diffuse("rough wall ä.png")}</shape>',
        f'<shape type="ply">{named("tri.ply")}{diffuse("100 %.jpg")}</shape>',
        f'<shape type="serialized">{named("tri.serialized")}{diffuse(ESCAPED)}</shape>',
        f'<shape type="linearcurve">{named("hair.txt")}{diffuse("shot#2.exr")}</shape>',
        f'<shape type="sdfgrid">{named("ball.vol")}{blend}</shape>',
        f'<shape type="cube"><medium type="heterogeneous" name="interior">{smoke}</medium><bsdf type="null"/></shape>',
    ]
    parts = '<include filename="settings.xml"/><include filename="part.xml"/>'
    # A scene has one environment, so the sky is a texture.
    sky = f'<shape type="rectangle">{diffuse("sky.exr")}</shape>'
    return write(folder / "s.xml", f'{parts}<integrator type="volpath"/>{"".join(shapes)}{sky}{sensor()}')


ESCAPED = "cost \\$5.exr"
UNUSED = {"not used.png", "tri.mtl"}
OPENED_BY = """
import sys
from pathlib import Path
from tasks.renderers.mitsuba.adapter import Mitsuba
from tasks.spec import *
scene, build = Path(sys.argv[1]), sys.argv[2]
info = Mitsuba().inspect(scene, build=build, frame=1, parameters=())
frame = FrameSpec(renderer="mitsuba", build=build, scene=str(scene), scene_digest=info.digest, frame=1,
                  size=Size(width=4, height=3), samples=1)
Mitsuba().open(frame, threads=1).render(
    UnitSpec(frame=frame, region=frame.size.whole, samples=SampleRange(start=0, stop=1)))
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace isn't installed")
def test_the_files_that_are_opened_are_those_that_are_listed(scalar: Bench, tmp_path: Path) -> None:
    folder = tmp_path / "a shot with ümlauts #1, 100 %"
    scene = all_kinds_of_files(folder)
    bench = scalar.with_(scene)
    listed = files_of(bench, folder)
    there = {str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file()}
    assert listed == there - UNUSED
    trace = tmp_path / "trace"
    program = [sys.executable, "-c", OPENED_BY, str(scene), bench.frame.build]
    subprocess.run([*STRACE, str(trace), *program], check=True, timeout=120)
    seen = {Path(file) for files in opened(trace).values() for file in files}
    assert {str(file.relative_to(folder)) for file in seen if file.is_relative_to(folder)} == listed
    first = bench.with_(size=Size(width=16, height=12)).means()
    far = bench.with_(sent(scene, listed, folder, tmp_path), size=Size(width=16, height=12))
    np.testing.assert_array_equal(far.means(), first)


def test_frames_that_are_rendered_whole_have_the_scenes_own_filter(scalar: Bench, tmp_path: Path) -> None:
    size = '<integer name="width" value="8"/><integer name="height" value="8"/>'
    lamp = glowing('<rgb name="radiance" value="1"/>')
    tracer = '<integrator type="ptracer"/>'
    scene = write(tmp_path / "s.xml", tracer + lamp + sensor(f'<film type="hdrfilm">{size}</film>'))
    bench = scalar.with_(scene, size=Size(width=8, height=8), samples=256)
    assert not any("filter" in note for note in inspect(scalar.process, bench.frame).notes)
    seeds = range(6)
    own = np.stack([bench.with_(seed=seed).means()[..., :3] for seed in seeds])
    mitsubas = bench.process.call(stock.renders, str(scene), 256, tuple(seeds), {})
    corners = own.mean(0)[::7, ::7], mitsubas.mean(0)[::7, ::7]
    assert corners[1].mean() < 0.9  # the filter carries light out of the picture, and none in
    assert corners[0].mean() == pytest.approx(corners[1].mean(), abs=0.02)


def test_a_scene_of_an_old_version_is_read_as_mitsuba_reads_it(scalar: Bench, tmp_path: Path) -> None:
    lens = '<string name="fovAxis" value="y"/><float name="fov" value="30"/>'
    view = sensor(lens + film()).replace("to_world", "toWorld").replace("pixel_format", "pixelFormat")
    integrator = '<integrator type="path"><integer name="maxDepth" value="3"/></integrator>'
    lamp = glowing(bitmap("t.png")).replace("to_world", "toWorld")
    write_picture(tmp_path / "t.png", (0.2, 0.5, 0))
    (scene := tmp_path / "s.xml").write_text(f'<scene version="0.6.0">{integrator}{lamp}{view}</scene>')
    bench = scalar.with_(scene, size=Size(width=16, height=12))
    assert_stocks_picture(bench)
    assert bench.means()[..., 3].min() == 1


def test_an_old_scene_is_not_freed_while_another_is_compiled(tmp_path: Path) -> None:
    own = start("llvm", tmp_path)
    with own.process:
        mesh = '<shape type="cube"/><emitter type="constant"/>'
        old = write(tmp_path / "old.xml", PATH + mesh + sensor())
        own.process.call(stock.leave_garbage, str(old))
        bench = own.with_(write(tmp_path / "new.xml", PATH + BALL + sensor()), size=Size(width=16, height=12))
        assert bench.means()[..., 3].min() == 1


def test_samples_beyond_the_edge_count_as_with_a_sample_border(apart: Bench, tmp_path: Path) -> None:
    if apart.kind != "llvm":
        pytest.skip("with a box there are none")
    # Light ends at the picture's left edge, so that each pixel there has what the filter gathers from outside.
    lamp = glowing('<rgb name="radiance" value="1"/>').replace("</transform>", '<translate x="4"/></transform>')
    border = '<boolean name="sample_border" value="true"/>'
    size = '<integer name="width" value="17"/><integer name="height" value="12"/>'
    half = f'<film type="hdrfilm">{size}<integer name="crop_offset_x" value="8"/><integer name="crop_width" value="9"/>'
    scene = write(tmp_path / "s.xml", PATH + lamp + sensor(f"{half}{border}</film>"))
    bench = apart.with_(scene, size=Size(width=17, height=12), samples=4096)
    picture = bench.render(Region(x0=8, y0=0, x1=17, y1=12)).sums[..., :3] / 4096
    np.testing.assert_allclose(picture.mean(0), stocks(bench, 4096).mean(0), atol=0.02)  # of columns, which are alike
    without = write(tmp_path / "s.xml", PATH + lamp + sensor(f"{half}</film>"))
    assert abs(stocks(bench.with_(without), 4096).mean(0)[0] - picture.mean(0)[0]).min() > 0.05


@pytest.mark.parametrize("kind", ["llvm", "scalar"])
@pytest.mark.parametrize("integrator", ["volpath", "volpathmis"])
def test_a_camera_in_a_medium_sees_through_it(
    benches: Callable[[str], Bench], tmp_path: Path, kind: str, integrator: str
) -> None:
    """The medium takes all but exp(-0.3 * 2) of a lamp's light two units away."""
    fog = '<medium type="homogeneous"><float name="sigma_t" value="{}"/><float name="albedo" value="0"/></medium>'
    lamp = glowing('<rgb name="radiance" value="1,1,1"/>', '<translate z="2"/>')
    bench = benches(kind)
    for density in (0.3, 0.6):  # the second is the same scene with another camera
        view = sensor(film() + fog.format(density))
        scene = write(tmp_path / "s.xml", f'{lamp}<integrator type="{integrator}"/>{view}')
        seen = bench.with_(scene, size=Size(width=16, height=12), samples=1024)
        ours, mitsubas = seen.means()[..., :3].mean(), stocks(seen, samples=1024).mean()
        np.testing.assert_allclose(ours, mitsubas, rtol=0.02)
        assert ours < 0.6
