"""How long it takes to find the files of a large Blender scene, beyond opening it.

python -m benchmarks.discovery --objects 2000 --images 500
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from pathlib import Path

from tasks.node.renderer_process import RendererProcess
from tasks.renderers import renderer

ROUNDS = 3


def make(folder: Path, objects: int, images: int) -> None:
    """Write a scene of cubes, each with one of the pictures, and an empty one. Runs inside Blender."""
    import bpy

    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(scene.camera)
    scene.render.engine = "CYCLES"
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "empty.blend"))
    bpy.ops.mesh.primitive_cube_add()
    mesh, picture = bpy.context.object.data, bpy.data.images.new("picture", 64, 64)
    for number in range(images):
        path = folder / f"{number:04d}.png"
        picture.pixels[0] = number / images
        picture.save(filepath=str(path))
        material = bpy.data.materials.new(path.stem)
        material.use_nodes = True
        tree = material.node_tree
        texture = tree.nodes.new("ShaderNodeTexImage")
        texture.image = bpy.data.images.load(str(path))
        tree.links.new(texture.outputs[0], tree.nodes["Principled BSDF"].inputs["Base Color"])
    for number in range(objects):
        copy = mesh.copy()
        copy.materials.append(bpy.data.materials[number % images])
        made = bpy.data.objects.new(f"Cube {number}", copy)
        made.location = (3.0 * (number % 50), 3.0 * (number // 50), 0.0)
        scene.collection.objects.link(made)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "large.blend"))


def measure(folder: Path) -> dict[str, float]:
    """Inspect the large scene and open it, in turn, each from the empty one. Runs inside Blender."""
    import bpy

    adapter = renderer("blender")
    build = adapter.builds()[0]

    def inspect(name: str) -> int:
        return len(adapter.inspect(folder / name, build=build, frame=1, parameters=()).files)

    inspecting, opening, files = [], [], 0
    bpy.ops.wm.open_mainfile(filepath=str(folder / "large.blend"), load_ui=False)
    for _ in range(ROUNDS):
        inspect("empty.blend")
        began_s = time.perf_counter()
        files = inspect("large.blend")
        inspecting.append(time.perf_counter() - began_s)
        bpy.ops.wm.read_factory_settings(use_empty=True)
        began_s = time.perf_counter()
        bpy.ops.wm.open_mainfile(filepath=str(folder / "large.blend"), load_ui=False)
        opening.append(time.perf_counter() - began_s)
    open_s, inspect_s = statistics.median(opening), statistics.median(inspecting)
    return {"files": files, "opening_s": open_s, "inspection_s": inspect_s, "beyond_opening_s": inspect_s - open_s}


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--images", type=int, default=500)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, RendererProcess(node="benchmark", threads=1) as process:
        process.call(make, Path(name), given.objects, given.images)
        print(json.dumps({key: round(value, 3) for key, value in process.call(measure, Path(name)).items()}))


if __name__ == "__main__":
    main()
