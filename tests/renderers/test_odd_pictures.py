"""Blender's pictures that are black, of one colour or magenta are known as such, and negative frames are its own."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest

from frontburner.jobs.job import make_job
from frontburner.jobs.layout import lay_out
from frontburner.jobs.scenes import frame_scenes
from tasks.picture.figures import figures
from tasks.picture.inspection import Fault, fault_of
from tasks.renderers import RENDERERS
from tasks.spec import Size
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.conftest import Bench, inspect

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SMALL = {"size": Size(width=32, height=24), "samples": 4}
SCRIPT = """
import sys
import bpy

folder = sys.argv[-1]


def scene(name, colour, world):
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.camera.location.z = 4
    scene.collection.objects.link(scene.camera)
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    scene.world.node_tree.nodes["Background"].inputs[0].default_value = (*world, 1)
    bpy.ops.mesh.primitive_plane_add(size=2)
    material = bpy.data.materials.new("Material")
    material.use_nodes = True
    bpy.context.object.data.materials.append(material)
    colour(material.node_tree, material.node_tree.nodes["Principled BSDF"])
    bpy.ops.wm.save_as_mainfile(filepath=f"{folder}/{name}.blend", compress=False)


def oak(tree, shader):
    image = bpy.data.images.new("oak", 4, 4)
    image.source, image.filepath = "FILE", f"{folder}/oak.png"
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    tree.links.new(texture.outputs[0], shader.inputs["Base Color"])


def brighter(tree, shader):
    emission = tree.nodes.new("ShaderNodeEmission")
    for frame, strength in ((-3, 1.0), (1, 5.0)):
        emission.inputs[1].default_value = strength
        emission.inputs[1].keyframe_insert("default_value", frame=frame)
    for curve in curves(tree.animation_data.action):
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
    tree.links.new(emission.outputs[0], tree.nodes["Material Output"].inputs[0])


def curves(action):
    return action.layers[0].strips[0].channelbags[0].fcurves if hasattr(action, "layers") else action.fcurves


scene("oak", oak, (1, 1, 1))
scene("brighter", brighter, (0, 0, 0))
scene("dark", lambda tree, shader: None, (0, 0, 0))
scene("hidden", lambda tree, shader: setattr(bpy.context.object, "hide_render", True), (0.2, 0.3, 0.4))
"""


@pytest.fixture(scope="module")
def bpy(benches: Callable[[str], Bench]) -> Bench:
    return benches("bpy")


@pytest.fixture(scope="module")
def folder(bpy: Bench, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("odd")
    (folder / "oak.png").write_text("an error page, saved as a picture")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, folder], capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return folder


def test_an_image_that_cannot_be_read_is_seen_by_its_magenta_and_named(bpy: Bench, folder: Path) -> None:
    bench = bpy.with_(folder / "oak.blend", **SMALL)
    job = make_job({"scene": bench.frame.scene})
    layout = lay_out(
        job,
        build=bench.frame.build,
        capabilities=RENDERERS["blender"].capabilities(bench.frame.build),
        scenes=frame_scenes(job),
        infos={1: inspect(bench.process, bench.frame)},
    )
    assert layout.images == ("oak.png",)
    fault = fault_of(figures(bench.means().astype(np.float32)), layout.images)
    assert fault is not None
    assert fault[0] is Fault.MAGENTA
    assert fault[1].endswith("magenta, as an image that can't be read is drawn; its image is oak.png")


@pytest.mark.parametrize(("name", "fault"), [("dark", Fault.BLACK), ("hidden", Fault.ONE_COLOUR)])
def test_nothing_to_see_is_known_as_such(bpy: Bench, folder: Path, name: str, fault: Fault) -> None:
    found = fault_of(figures(bpy.with_(folder / f"{name}.blend", **SMALL).means().astype(np.float32)))
    assert found is not None
    assert found[0] is fault


def test_frames_before_the_first_are_rendered(bpy: Bench, folder: Path) -> None:
    for frame, strength in ((-3, 1.0), (-2, 2.0), (0, 4.0)):
        bench = bpy.with_(folder / "brighter.blend", frame=frame, **SMALL)
        assert bench.means()[12, 16].tolist() == [strength, strength, strength, 1]
