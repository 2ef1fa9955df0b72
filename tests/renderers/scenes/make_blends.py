"""Make the Blender files of ``test_blender.py`` in a folder, and stock Cycles' own picture of one of them."""

import sys
import zlib
from pathlib import Path
from typing import Any

import bpy


def empty() -> Any:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 32, 24
    scene.cycles.samples = 8
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    return scene


def furnish(scene: Any, name: str = "Camera", x: float = 0.0) -> None:
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    camera.location = (x, -5, 1)
    camera.rotation_euler = (1.4, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = scene.camera or camera
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle, sun.rotation_euler = 3.0, 0.5, (0.7, 0.2, 0.3)
    scene.collection.objects.link(sun)


def cube(scene: Any, name: str, x: float = 0.0) -> Any:
    bpy.ops.mesh.primitive_cube_add(size=1.5, location=(x, 0, 0))
    made = bpy.context.object
    made.name = name
    return made


def save(folder: Path, name: str) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / name), compress=True)


def several(folder: Path) -> None:
    """Two scenes, two cameras, two view layers, and a property that lifts a cube."""
    scene = empty()
    scene.name = "Day"
    furnish(scene)
    furnish(scene, "Beside", x=1.0)
    lifted = cube(scene, "Lifted")
    scene["height"] = 0.0
    curve = lifted.driver_add("location", 2)
    curve.driver.type = "SUM"
    variable = curve.driver.variables.new()
    variable.targets[0].id_type, variable.targets[0].id = "SCENE", scene
    variable.targets[0].data_path = '["height"]'
    layer = scene.view_layers.new("Bare")
    other = bpy.data.collections.new("Extra")
    scene.collection.children.link(other)
    extra = cube(scene, "Extra", x=1.6)
    scene.collection.objects.unlink(extra)
    other.objects.link(extra)
    layer.layer_collection.children["Extra"].exclude = True
    night = bpy.data.scenes.new("Night")
    night.render.engine = "CYCLES"
    night.cycles.samples = 4
    night.render.resolution_x, night.render.resolution_y = 16, 16
    furnish(night)
    save(folder, "several.blend")


def switched(folder: Path) -> None:
    """A switch and a whole number."""
    scene = empty()
    furnish(scene)
    scene["on"], scene["count"] = False, 1
    save(folder, "switched.blend")


def notes(folder: Path) -> None:
    """A file that asks for all that is rendered otherwise."""
    scene = empty()
    furnish(scene)
    cube(scene, "Cube")
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = True
    scene.cycles.adaptive_threshold = 0.03
    scene.render.use_border = True
    scene.render.use_freestyle = True
    scene.frame_start, scene.frame_end = 5, 30
    save(folder, "notes.blend")
    scene.render.engine = "BLENDER_WORKBENCH"
    save(folder, "workbench.blend")


def textured(folder: Path) -> None:
    """A plane with a texture beside the file."""
    scene = empty()
    furnish(scene)
    made = cube(scene, "Cube")
    image = bpy.data.images.new("paint", 8, 8)
    image.filepath_raw, image.file_format = str(folder / "paint.png"), "PNG"
    image.pixels = [0.9, 0.1, 0.1, 1.0] * 64
    image.save()
    material = bpy.data.materials.new("Paint")
    material.use_nodes = True
    texture = material.node_tree.nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.load(str(folder / "paint.png"))
    shader = material.node_tree.nodes["Principled BSDF"]
    material.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
    made.data.materials.append(material)
    save(folder, "textured.blend")
    bpy.ops.file.make_paths_relative()
    save(folder, "textured.blend")


def elsewhere(folder: Path) -> None:
    """The same cube in formats that other programs write, with neither camera nor light."""
    scene = empty()
    cube(scene, "Cube")
    bpy.ops.export_scene.gltf(filepath=str(folder / "cube.glb"), export_format="GLB")
    bpy.ops.wm.obj_export(filepath=str(folder / "cube.obj"))
    bpy.ops.wm.usd_export(filepath=str(folder / "cube.usda"))
    bpy.ops.export_scene.fbx(filepath=str(folder / "cube.fbx"))


def heavy(folder: Path) -> None:
    """A mesh that takes a moment to load."""
    scene = empty()
    furnish(scene)
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=500, y_subdivisions=500, size=3)
    save(folder, "heavy.blend")


def stock(folder: Path, room: str) -> None:
    """Cycles' own picture of the room at frame 2, by Blender's own render, with the seed ours has there."""
    bpy.ops.wm.open_mainfile(filepath=room, load_ui=False)
    scene = bpy.context.scene
    scene.cycles.seed = zlib.crc32(b"0/0/2") & 0x7FFFFFFF
    scene.frame_set(2)
    settings = scene.render.image_settings
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGBA"
    settings.exr_codec = "ZIP"
    scene.render.filepath = str(folder / "stock.exr")
    bpy.ops.render.render(write_still=True)


def main(room: str, folder: Path) -> None:
    for make in (several, switched, notes, textured, elsewhere, heavy):
        make(folder)
    empty()
    save(folder, "blind.blend")
    stock(folder, room)


if __name__ == "__main__":
    main(sys.argv[-2], Path(sys.argv[-1]))
