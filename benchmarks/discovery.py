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
from typing import TYPE_CHECKING

from tasks.node.renderer_process import RendererProcess
from tasks.renderers import renderer

if TYPE_CHECKING:
    from collections.abc import Callable

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

    def open_it() -> None:
        bpy.ops.wm.open_mainfile(filepath=str(folder / "large.blend"), load_ui=False)

    open_it()
    inspecting, opening = [], []
    for _ in range(ROUNDS):
        inspect("empty.blend")
        inspecting.append(timed(lambda: inspect("large.blend")))
        bpy.ops.wm.read_factory_settings(use_empty=True)
        opening.append(timed(open_it))
    (opening_s, opening_cpu_s), (inspection_s, inspection_cpu_s) = (
        map(statistics.median, zip(*each, strict=True)) for each in (opening, inspecting)
    )
    inspect("empty.blend")
    return {
        "files": inspect("large.blend"),
        "opening_s": opening_s,
        "beyond_opening_s": inspection_s - opening_s,
        "beyond_opening_cpu_s": inspection_cpu_s - opening_cpu_s,
    }


def timed(act: Callable[[], object]) -> tuple[float, float]:
    """Return the seconds, and the processor's seconds, that something takes."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    act()
    return time.perf_counter() - wall_s, time.process_time() - cpu_s


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
