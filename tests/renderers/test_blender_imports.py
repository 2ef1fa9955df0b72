"""Scenes that Blender imports: what they refer to, what is missing, what is left out, and Blender's own picture."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenImageIO
import pytest

from tasks.errors import SceneError
from tasks.extras import NotInstalled
from tasks.renderers.blender import imports
from tasks.spec import Size
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.conftest import SCENES, Bench
from tests.renderers.test_blender import of, told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

SIZE = Size(width=32, height=24)
HEADER = '#usda 1.0\n(\n    defaultPrim = "W"\n    upAxis = "Z"\n    metersPerUnit = 1\n)\n'
CAMERA = """
    def Camera "Cam" {
        double3 xformOp:translate = (0, 0, 8)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }"""
SUN = """
    def DistantLight "Sun" {
        float inputs:intensity = 20000
    }"""


@pytest.fixture
def bpy(benches: Callable[[str], Bench]) -> Bench:
    return benches("bpy")


@pytest.fixture(params=["bpy", "blender"])
def blender(request: pytest.FixtureRequest, benches: Callable[[str], Bench]) -> Bench:
    return benches(request.param)


def usd(path: Path, *things: str, header: str = HEADER) -> Path:
    """Write a USD scene of these prims."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{header}\ndef Xform "W"\n{{{"".join(things)}\n}}\n')
    return path


def prim(kind: str, name: str, *lines: str, at: tuple[float, float, float] = (0, 0, 0), arcs: str = "") -> str:
    """Write a prim with these properties."""
    place = f"double3 xformOp:translate = {at}", 'uniform token[] xformOpOrder = ["xformOp:translate"]'
    body = "\n        ".join([*lines, *place])
    return f'\n    def {kind} "{name}" ( {arcs} ) {{\n        {body}\n    }}'


def quad(name: str = "P", *, material: str = "") -> str:
    """Write a textured square."""
    binding = f"rel material:binding = </W/{material}>" if material else ""
    return prim(
        "Mesh",
        name,
        "int[] faceVertexCounts = [4]",
        "int[] faceVertexIndices = [0, 1, 2, 3]",
        "point3f[] points = [(-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0)]",
        'texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1), (0, 1)] ( interpolation = "vertex" )',
        binding,
        arcs='prepend apiSchemas = ["MaterialBindingAPI"]' if material else "",
    )


def material(name: str, file: str) -> str:
    """Write a material that shines in the colours of a picture."""
    return f"""
    def Material "{name}" {{
        token outputs:surface.connect = </W/{name}/S.outputs:surface>
        def Shader "S" {{
            uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor = (0, 0, 0)
            color3f inputs:emissiveColor.connect = </W/{name}/T.outputs:rgb>
            token outputs:surface
        }}
        def Shader "T" {{
            uniform token info:id = "UsdUVTexture"
            asset inputs:file = @{file}@
            float3 outputs:rgb
        }}
    }}"""


def paint(path: Path, colour: tuple[float, float, float] = (1, 0, 0)) -> Path:
    """Write a picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture = OpenImageIO.ImageBuf(OpenImageIO.ImageSpec(4, 4, 3, "uint8"))
    OpenImageIO.ImageBufAlgo.fill(picture, colour)
    assert picture.write(str(path))
    return path


def directly(folder: Path, scene: Path, frame: int = 1) -> npt.NDArray[np.float32]:
    """The picture that Blender itself makes of a file that it imports."""
    picture = folder / "direct.exr"
    asked = json.dumps([[str(scene), str(picture), SIZE.width, SIZE.height, frame]])
    command = [sys.executable, str(SCENES / "import_directly.py"), asked]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    source = OpenImageIO.ImageInput.open(str(picture))
    assert source is not None
    pixels = np.asarray(source.read_image(format=OpenImageIO.FLOAT), np.float32)
    source.close()
    return pixels


def ours(bench: Bench, scene: Path, **changes: Any) -> npt.NDArray[np.float32]:
    means = of(bench, scene, size=SIZE, **{"samples": 4, **changes}).means()
    return means.astype(np.float32)


def names(bench: Bench, scene: Path) -> list[str]:
    """The files of a scene, relative to it."""
    import os

    return sorted(os.path.relpath(file, scene.parent) for file in told(bench, scene).files)


def test_a_usd_scene_names_all_it_is_composed_of(bpy: Bench, tmp_path: Path) -> None:
    usd(tmp_path / "parts" / "a.usda", prim("Cube", "C"), material("M", "./red.png"), quad(material="M"))
    paint(tmp_path / "parts" / "red.png")
    usd(tmp_path / "sub.usda")
    usd(tmp_path / "load.usda", prim("Cube", "L"))
    for number in (1, 2):
        sizes = f"\n    double size.timeSamples = {{ {number}: {number} }}\n"
        (tmp_path / f"clip.{number}.usda").write_text(f'#usda 1.0\ndef "Clip" {{{sizes}}}\n')
    clips = (
        'clips = { dictionary default = { string templateAssetPath = "./clip.#.usda" string primPath = "/Clip"'
        " double templateStartTime = 1 double templateEndTime = 2 double templateStride = 1 } }"
    )
    scene = usd(
        tmp_path / "scene.usda",
        prim("", "R", arcs="references = @./parts/a.usda@"),
        prim("", "L", arcs="payload = @./load.usda@"),
        prim("Cube", "K", arcs=clips.replace(" string", "\nstring").replace(" double", "\ndouble")),
        header=HEADER.replace("(\n", "(\n    subLayers = [@./sub.usda@]\n", 1),
    )
    expected = ["clip.1.usda", "clip.2.usda", "load.usda", "parts/a.usda", "parts/red.png", "scene.usda", "sub.usda"]
    assert names(bpy, scene) == expected


@pytest.mark.parametrize(
    ("things", "missing"),
    [
        ((prim("", "R", arcs="references = @./gone/a.usda@"), quad()), "gone/a.usda"),
        ((prim("", "R", arcs="payload = @./gone.usdc@"), quad()), "gone.usdc"),
        ((quad(material="M"), material("M", "./gone.png")), "gone.png"),
        ((quad(), prim("DomeLight", "D", "asset inputs:texture:file = @./gone.exr@")), "gone.exr"),
        ((quad(material="M"), material("M", "./gone.<UDIM>.png")), "gone.<UDIM>.png"),
    ],
)
def test_what_a_usd_scene_lacks_is_named(bpy: Bench, tmp_path: Path, things: tuple[str, ...], missing: str) -> None:
    with pytest.raises(SceneError) as refused:
        told(bpy, usd(tmp_path / "scene.usda", *things))
    assert f"refers to files that don't exist: {tmp_path / missing}." in str(refused.value)


def test_what_a_usd_scene_does_not_use_may_be_missing(bpy: Bench, tmp_path: Path) -> None:
    variants = """
    def "V" ( variants = { string v = "a" }
        prepend variantSets = "v" ) {
        variantSet "v" = {
            "a" { }
            "b" ( references = @./gone.usda@ ) { }
        }
    }"""
    scene = usd(tmp_path / "scene.usda", quad(), variants, material("Unbound", "./gone.png"))
    assert names(bpy, scene) == ["scene.usda"]


def test_a_usd_layer_that_changes_changes_the_scene(bpy: Bench, tmp_path: Path) -> None:
    part = usd(tmp_path / "a.usda", prim("Cube", "C", "double size = 2"))
    scene = usd(tmp_path / "scene.usda", prim("", "R", arcs="references = @./a.usda@"), CAMERA, SUN)
    before, small = told(bpy, scene).digest, ours(bpy, scene)
    part.write_text(part.read_text().replace("size = 2", "size = 6"))
    assert told(bpy, scene).digest != before
    large = ours(bpy, scene)
    assert not np.allclose(small, large, atol=0.02)
    np.testing.assert_array_equal(large, directly(tmp_path, scene))


def test_a_dome_light_is_the_sky(bpy: Bench, tmp_path: Path) -> None:
    red = prim("DomeLight", "D", "float inputs:intensity = 1", "color3f inputs:color = (1, 0, 0)")
    corner = ours(bpy, usd(tmp_path / "red.usda", prim("Sphere", "S"), red))[0, 0]
    np.testing.assert_allclose(corner[:3], (1, 0, 0), atol=1e-5)
    paint(tmp_path / "sky.exr", (0.2, 0.4, 0.8))
    textured = prim("DomeLight", "D", "float inputs:intensity = 1", "asset inputs:texture:file = @./sky.exr@")
    scene = usd(tmp_path / "textured.usda", prim("Sphere", "S"), textured, CAMERA)
    assert names(bpy, scene) == ["sky.exr", "textured.usda"]
    np.testing.assert_array_equal(ours(bpy, scene), directly(tmp_path, scene))


def test_instances_are_all_in_view(bpy: Bench, tmp_path: Path) -> None:
    instancer = """
    def PointInstancer "P" {
        point3f[] positions = [(0, 0, 0), (6, 0, 0), (0, 6, 0), (6, 6, 0)]
        int[] protoIndices = [0, 0, 0, 0]
        rel prototypes = </W/P/Proto/C>
        def Scope "Proto" {
            def Cube "C" {
                double size = 1
            }
        }
    }"""
    picture = ours(bpy, usd(tmp_path / "scene.usda", instancer))[..., :3].mean(axis=2)
    seen = np.abs(picture - picture[0, 0]) > 0.03
    edge = np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]])
    assert not edge.any()
    assert 0.01 < seen.mean() < 0.2, "four small cubes, not one that fills the picture"


def test_a_usd_scene_needs_usd_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(NotInstalled, match=r"pip install 'frontburner\[usd\]'"):
        imports.read(usd(tmp_path / "scene.usda", quad()))


def test_a_usd_file_that_is_cut_off_is_said_with_its_line(tmp_path: Path) -> None:
    pytest.importorskip("pxr")
    scene = usd(tmp_path / "scene.usda", quad())
    scene.write_text(scene.read_text()[:200])
    with pytest.raises(SceneError, match=r"scene\.usda can't be opened: .*scene\.usda:\d+:\d+: Expected"):
        imports.read(scene)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("t.obj", "v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n".encode("utf-16"), "has NUL bytes in it"),
        ("p.obj", b"v 0 0 0\nv 1 0 0\nv 0 1 0\n", "There is nothing to see in the scene p.obj"),
        ("e.obj", b"", "There is nothing to see in the scene e.obj"),
        ("e.gltf", b'{"asset": {"version": "2.0"}}', "There is nothing to see in the scene e.gltf"),
        ("e.usda", HEADER.encode(), "There is nothing to see in the scene e.usda"),
        ("old.gltf", b'{"asset": {"version": "1.0"}}', "is glTF 1.0; Blender reads glTF 2.0 only"),
        ("cut.glb", b"glTF\2\0\0\0\xff\0\0\0\4\0\0\0JSON{}  ", "isn't a complete glTF file: it should have 255 bytes"),
    ],
)
def test_a_file_without_anything_to_see_is_refused(
    bpy: Bench, tmp_path: Path, name: str, content: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SceneError) as refused:
        told(bpy, tmp_path / name)
    assert reason in str(refused.value)
