"""USD scenes: all that they are composed of, what is missing, what Blender leaves out, and its own picture."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import SceneError
from tasks.extras import NotInstalled
from tasks.renderers.blender import imports
from tests.renderers.imported import CAMERA, HEADER, SUN, directly, material, names, ours, paint, prim, quad, usd
from tests.renderers.test_blender import told

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.renderers.conftest import Bench


@pytest.fixture
def bpy(benches: Callable[[str], Bench]) -> Bench:
    return benches("bpy")


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
        ((quad(material="M"), material("M", "maps/gone.png")), "maps/gone.png"),
        ((prim("", "R", arcs="references = @gone.usda@"), quad()), "gone.usda"),
        ((quad(), prim("DomeLight", "D", "asset inputs:texture:file = @./gone.exr@")), "gone.exr"),
        ((quad(material="M"), material("M", "./gone.<UDIM>.png")), "gone.<UDIM>.png"),
    ],
)
def test_what_a_usd_scene_lacks_is_named(bpy: Bench, tmp_path: Path, things: tuple[str, ...], missing: str) -> None:
    with pytest.raises(SceneError) as refused:
        told(bpy, usd(tmp_path / "scene.usda", *things))
    assert f"refers to files that don't exist: {tmp_path / missing}." in str(refused.value)


def test_what_a_usd_package_lacks_is_named(bpy: Bench, tmp_path: Path) -> None:
    pytest.importorskip("pxr")
    from pxr import Sdf

    part = usd(tmp_path / "part.usda", quad(material="M"), material("M", "./red.png"))
    with Sdf.ZipFileWriter.CreateNew(str(tmp_path / "scene.usdz")) as package:
        package.AddFile(str(part), "part.usda")
    with pytest.raises(SceneError, match=r"don't exist: .*scene\.usdz\[red\.png\]"):
        told(bpy, tmp_path / "scene.usdz")
    paint(tmp_path / "red.png")
    with Sdf.ZipFileWriter.CreateNew(str(tmp_path / "scene.usdz")) as package:
        package.AddFile(str(part), "part.usda")
        package.AddFile(str(tmp_path / "red.png"), "red.png")
    assert names(bpy, tmp_path / "scene.usdz") == ["scene.usdz"]


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


def test_what_moves_stays_in_view(bpy: Bench, tmp_path: Path) -> None:
    header = HEADER.replace("metersPerUnit = 1\n", "metersPerUnit = 1\n    startTimeCode = 1\n    endTimeCode = 9\n")
    cube = prim("Cube", "C").replace(
        "double3 xformOp:translate = (0, 0, 0)",
        "double3 xformOp:translate.timeSamples = { 1: (0, 0, 0), 9: (12, 0, 0) }",
    )
    scene = usd(tmp_path / "scene.usda", cube, header=header)
    for frame in (1, 9):
        picture = ours(bpy, scene, frame=frame)[..., :3].mean(axis=2)
        seen = np.abs(picture - picture[0, 0]) > 0.03
        edge = np.concatenate([seen[0], seen[-1], seen[:, 0], seen[:, -1]])
        assert seen.any()
        assert not edge.any(), f"frame {frame}"


def test_a_usd_scene_needs_usd_core(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pxr", None)
    with pytest.raises(NotInstalled, match=r"pip install 'frontburner\[usd\]'"):
        imports.read(usd(tmp_path / "scene.usda", quad()), tmp_path)


def test_a_usd_file_that_is_cut_off_is_said_with_its_line(tmp_path: Path) -> None:
    pytest.importorskip("pxr")
    scene = usd(tmp_path / "scene.usda", quad())
    scene.write_text(scene.read_text()[:200])
    with pytest.raises(SceneError, match=r"scene\.usda can't be opened: \S*scene\.usda:\d+:\d+: Expected"):
        imports.read(scene, tmp_path)


def test_what_blender_leaves_out_of_a_usd_scene_is_said(bpy: Bench, tmp_path: Path) -> None:
    painted = prim(
        "Cube", "Painted", "rel material:binding = </W/Y>", arcs='prepend apiSchemas = ["MaterialBindingAPI"]'
    )
    x = '\ndef Material "X" {\ntoken outputs:surface.connect = </W/X/S.outputs:out>\ndef Shader "S" {\n'
    x += 'uniform token info:id = "ND_standard_surface_surfaceshader"\ntoken outputs:out\n}\n}'
    scene = usd(
        tmp_path / "scene.usda",
        quad(material="X"),
        painted,
        material("Y", "./gone.png"),
        x,
        prim("NurbsPatch", "Patch"),
        prim("CylinderLight", "Tube"),
        prim("RectLight", "Slide", "asset inputs:texture:file = @./slide.png@"),
        prim("Cube", "Helper", 'uniform token purpose = "guide"'),
        prim("Cube", "Blink", 'token visibility.timeSamples = { 1: "inherited", 2: "invisible" }'),
        prim("Cube", "Hidden", 'token visibility = "invisible"'),
        prim("Sphere", "Grows", "double radius.timeSamples = { 1: 1, 2: 2 }"),
        prim("RenderSettings", "Settings"),
        prim("Cube", "Tinted", "color3f[] primvars:displayColor = [(1, 0, 0)]"),
        CAMERA,
    )
    assert told(bpy, scene).notes == (
        "Blender's importer converts UsdPreviewSurface only, and leaves other materials plain: X.",
        "Blender's importer doesn't animate visibility; always seen: Blink.",
        "Blender's importer doesn't animate lights, materials and the sizes of shapes: Grows.",
        "Blender's importer leaves out render settings: Settings.",
        "Blender's importer makes points of the lights: Tube.",
        "Blender's importer leaves out the pictures and profiles of lights: Slide.",
        "What is there for viewports only, of the purposes guide and proxy, is left out: Helper.",
        "Blender's importer leaves out: Patch.",
        "Blender's importer gives materials to meshes only, not to: Painted.",
        "Blender's importer doesn't render the colours of vertices: Tinted.",
    )
    np.testing.assert_array_equal(ours(bpy, scene), directly(tmp_path, scene))


def test_a_materialx_file_is_part_of_the_scene_and_its_pictures_are_not(bpy: Bench, tmp_path: Path) -> None:
    shader = '<standard_surface name="S" type="surfaceshader"><input name="base_color" type="color3" nodename="I"/>'
    picture = '<image name="I" type="color3"><input name="file" type="filename" value="gone.png"/></image>'
    surface = (
        '<surfacematerial name="M" type="material"><input name="surfaceshader" type="surfaceshader" nodename="S"/>'
    )
    (tmp_path / "m.mtlx").write_text(
        f'<materialx version="1.38">{shader}</standard_surface>{picture}{surface}</surfacematerial></materialx>'
    )
    scene = usd(
        tmp_path / "scene.usda", quad(), prim("", "Mtl", arcs="references = @./m.mtlx@</MaterialX>"), CAMERA, SUN
    )
    assert names(bpy, scene) == ["m.mtlx", "scene.usda"]
    assert told(bpy, scene).notes == ("Blender's importer leaves the materials of MaterialX files plain: m.mtlx.",)


def test_a_usd_picture_that_changes_over_time_is_refused(bpy: Bench, tmp_path: Path) -> None:
    paint(tmp_path / "a.png")
    shines = material("M", "a.png").replace("file = @a.png@", "file.timeSamples = { 1: @a.png@, 2: @b.png@ }")
    with pytest.raises(SceneError, match="the picture of /W/M/T changes over time"):
        told(bpy, usd(tmp_path / "scene.usda", quad(material="M"), shines))


def test_a_usd_scene_moves_in_its_own_frames_and_units(bpy: Bench, tmp_path: Path) -> None:
    header = HEADER.replace(
        "metersPerUnit = 1\n", "metersPerUnit = 0.01\n    startTimeCode = 1001\n    endTimeCode = 1010\n"
    )
    cube = prim("Cube", "C", "double size = 100").replace(
        "double3 xformOp:translate = (0, 0, 0)",
        "double3 xformOp:translate.timeSamples = { 1001: (-200, 0, 0), 1010: (200, 0, 0) }",
    )
    scene = usd(tmp_path / "scene.usda", cube, CAMERA.replace("(0, 0, 8)", "(0, 0, 800)"), SUN, header=header)
    assert told(bpy, scene).frames == range(1001, 1011)
    assert told(bpy, scene).current_frame == 1001
    np.testing.assert_array_equal(ours(bpy, scene, frame=1009), directly(tmp_path, scene, 1009))


def test_a_usd_layer_that_is_broken_is_named(tmp_path: Path) -> None:
    pytest.importorskip("pxr")
    (tmp_path / "part.usda").write_text("#usda 1.0\ndef Xform {\n")
    with pytest.raises(SceneError, match=r"scene\.usda can't be opened: \S*part\.usda:2:\d+: "):
        imports.read(usd(tmp_path / "scene.usda", quad(), prim("", "R", arcs="references = @./part.usda@")), tmp_path)
