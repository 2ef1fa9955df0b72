"""An imported scene in a tree that mirrors where it comes from is the same scene, whatever it names and how."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.renderers.sent_scenes import in_tree
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.conftest import SCENES
from tests.renderers.imported import CAMERA, material, ours, paint, prim, quad, usd
from tests.renderers.test_blender import told
from tests.renderers.test_blender_imports import gltf, obj

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.renderers.conftest import Bench

TILED = (
    "int[] faceVertexCounts = [3]",
    "int[] faceVertexIndices = [0, 1, 2]",
    "point3f[] points = [(-3, -1, 0), (-1, -1, 0), (-1, 1, 0)]",
    'texCoord2f[] primvars:st = [(0, 0), (1, 0), (1, 1)] ( interpolation = "vertex" )',
    "rel material:binding = </W/N>",
)
TREE = f"{'a1' * 32}.tree"


def make_usd(shot: Path, library: Path) -> Path:
    """A scene that reaches a layer, another layer, value clips and a picture by absolute paths."""
    clips = "\n".join(
        [
            "clips = { dictionary default = {",
            f'string templateAssetPath = "{library}/clip.#.usda"',
            'string primPath = "/Clip"',
            "double templateStartTime = 1",
            "double templateEndTime = 2",
            "double templateStride = 1",
            "} }",
        ]
    )
    for number in (1, 2):
        paint(library / f"tile.{1000 + number}.png")
        sizes = f"\n    double size.timeSamples = {{ {number}: {number} }}\n"
        (library / f"clip.{number}.usda").write_text(f'#usda 1.0\ndef "Clip" {{{sizes}}}\n')
    tiles = prim("Mesh", "T", *TILED, arcs='prepend apiSchemas = ["MaterialBindingAPI"]')
    usd(
        library / "leaf.usda",
        quad(material="M"),
        material("M", str(library / "red.png")),
        tiles,
        material("N", f"{library}/tile.<UDIM>.png"),
    )
    usd(
        library / "middle.usda",
        prim("", "R", arcs=f"references = @{library}/leaf.usda@"),
        prim("Cube", "K", arcs=clips, at=(3, 0, 0)),
    )
    return usd(shot / "t.usda", prim("", "M", arcs="references = @../library/middle.usda@"), CAMERA)


def make_gltf(shot: Path, library: Path) -> Path:
    scene = gltf(shot / "t.gltf", buffer="data.bin", picture=str(library / "red.png"))
    shutil.move(shot / "data.bin", library / "data.bin")
    scene.write_text(scene.read_text().replace('"data.bin"', f'"{library}/data.bin"'))
    return scene


def make_obj(shot: Path, library: Path) -> Path:
    return obj(shot / "t.obj", "mtllib m.mtl", m=f"map_Kd {library}/red.png")


def make_fbx(shot: Path, library: Path) -> Path:
    command = [sys.executable, str(SCENES / "make_fbx.py"), str(library / "red.png"), str(shot)]
    assert subprocess.run(command, capture_output=True, check=False, timeout=TIMEOUT_S).returncode == 0
    return shot / "absolute.fbx"


@pytest.mark.parametrize("make", [make_usd, make_gltf, make_obj, make_fbx])
def test_absolute_paths_lead_to_the_files_that_were_sent(
    benches: Callable[[str], Bench], tmp_path: Path, make: Callable[[Path, Path], Path]
) -> None:
    bpy = benches("bpy")  # skips where there is none
    studio = tmp_path / "studio"
    for name in ("shot", "library"):
        (studio / name).mkdir(parents=True)
    paint(studio / "library" / "red.png")
    scene = make(studio / "shot", studio / "library")
    before, picture = told(bpy, scene), ours(bpy, scene)
    tree = tmp_path / TREE
    for file in before.files:
        copy = in_tree(tree, file)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, copy)
    shutil.rmtree(studio)
    sent = in_tree(tree, str(scene))
    after = told(bpy, sent)
    assert after.files == tuple(str(in_tree(tree, file)) for file in before.files)
    assert after.digest == before.digest
    assert after.notes == before.notes
    np.testing.assert_array_equal(ours(bpy, sent), picture)
