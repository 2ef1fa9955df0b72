"""Imports files in other formats than Blender's own; they get a camera and a light if they have none."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import addon_utils
import bpy
from mathutils import Vector

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SUNLIGHT = 3.0
SKY = (0.05, 0.06, 0.08, 1.0)
FITTED = "frontburner_fitted"
"""Marks a camera that shows all of the scene in a square, and should do so along the shorter side of any picture."""
CAMERA_DIRECTION = Vector((0.7, -1.0, 0.6))
"""Direction of a default camera from the middle of the scene."""
_SOLID = ("MESH", "CURVE", "CURVES", "SURFACE", "META", "FONT", "VOLUME", "POINTCLOUD", "GPENCIL", "GREASEPENCIL")
"""Types of objects that can be seen."""


def import_file(path: str) -> dict[str, Any]:
    """Import a file into an empty scene; returns what became of it, as plain values."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 128
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    scene.world = _dark_world()
    _IMPORTERS[Path(path).suffix.lower()](path)
    lit = bool(scene.world.node_tree.nodes)
    if not lit:
        bpy.data.worlds.remove(scene.world)
    notes = [*_unknown_extensions(path), *_add_missing(scene)] if _corners() else []
    return {
        "objects": Counter(name for o in bpy.data.objects if o.type != "EMPTY" for name in _names_of(o)),
        "lit": lit,
        "empty": not _corners(),
        "notes": notes,
    }


def _dark_world() -> Any:
    """Return a world without nodes. An importer puts the file's surrounding light into it: it makes no world."""
    world = bpy.data.worlds.new("World")
    world.use_nodes = True
    world.node_tree.nodes.clear()
    return world


def pictures() -> list[str]:
    """List the pictures that were read or are missing, also those that Blender packed while it read them."""
    named = [image for image in bpy.data.images if image.filepath]
    return sorted({name for image in named for name in _tiles(image, bpy.path.abspath(image.filepath))})


def _tiles(image: Any, path: str) -> list[str]:
    return [path.replace("<UDIM>", str(tile.number)) for tile in image.tiles] if image.source == "TILED" else [path]


def _names_of(thing: Any) -> set[str]:
    """Return the names that the file may have for what became this object."""
    return {re.sub(r"\.\d{3,}$", "", name) for name in (thing.name, thing.data.name if thing.data else "") if name}


def _gltf(path: str) -> None:
    addon_utils.enable("io_scene_gltf2")
    bpy.ops.import_scene.gltf(filepath=path)


def _fbx(path: str) -> None:
    if hasattr(bpy.ops.wm, "fbx_import"):
        bpy.ops.wm.fbx_import(filepath=path)
        return
    addon_utils.enable("io_scene_fbx")
    bpy.ops.import_scene.fbx(filepath=path)


def _usd(path: str) -> None:
    bpy.ops.wm.usd_import(filepath=path)


_IMPORTERS: dict[str, Callable[[str], object]] = {
    ".glb": _gltf,
    ".gltf": _gltf,
    ".fbx": _fbx,
    ".usd": _usd,
    ".usda": _usd,
    ".usdc": _usd,
    ".usdz": _usd,
    ".obj": lambda path: bpy.ops.wm.obj_import(filepath=path),
}


def _unknown_extensions(path: str) -> Iterator[str]:
    """Name the extensions of a glTF that this Blender doesn't know."""
    if Path(path).suffix.lower() not in (".glb", ".gltf"):
        return
    from io_scene_gltf2.io.imp.gltf2_io_gltf import glTFImporter

    importer = glTFImporter(path, {"import_user_extensions": [], "loglevel": 50})
    importer.read()
    unknown = sorted({*(importer.data.extensions_used or ())} - {*importer.extensions_managed})
    if unknown:
        yield f"Blender doesn't know what it uses of glTF's extensions: {', '.join(unknown)}."


def _add_missing(scene: Any) -> Iterator[str]:
    """Add a camera and a light to an imported scene that has none."""
    if scene.camera is None:
        cameras = sorted((o for o in scene.objects if o.type == "CAMERA"), key=lambda o: o.name)
        scene.camera = cameras[0] if cameras else _add_camera(scene)
        if not cameras:
            yield "It has no camera: one is added that shows all of it."
    emits = any(node.type == "EMISSION" for m in bpy.data.materials if m.node_tree for node in m.node_tree.nodes)
    if not (emits or scene.world or any(o.type == "LIGHT" for o in scene.objects)):
        _add_light(scene)
        yield "It has no light: a sun and a faint sky are added."


def _corners() -> list[Vector]:
    """Return the corners of the boxes around all that can be seen, instances too."""
    bpy.context.view_layer.update()
    return [
        instance.matrix_world @ Vector(corner)
        for instance in bpy.context.evaluated_depsgraph_get().object_instances
        if instance.object.type in _SOLID and not instance.object.hide_render and _is_solid(instance.object)
        for corner in instance.object.bound_box
    ]


def _is_solid(thing: Any) -> bool:
    """Whether an object has anything to be seen: a mesh that has points alone hasn't."""
    if thing.type != "MESH":
        return any(corner[:] != thing.bound_box[0][:] for corner in thing.bound_box)
    return len(thing.data.polygons) > 0


def _add_camera(scene: Any) -> Any:
    """Add a camera that shows all of the scene."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.sensor_height = camera.data.sensor_width
    camera[FITTED] = True
    scene.collection.objects.link(camera)
    corners = _corners()
    camera.rotation_euler = CAMERA_DIRECTION.to_track_quat("Z", "Y").to_euler()
    bpy.context.view_layer.update()
    coordinates = [value for corner in corners for value in corner]
    size = scene.render.resolution_x, scene.render.resolution_y
    scene.render.resolution_x = scene.render.resolution_y
    position, _ = camera.camera_fit_coords(bpy.context.evaluated_depsgraph_get(), coordinates)
    scene.render.resolution_x, scene.render.resolution_y = size
    distance = max((corner - position).length for corner in corners)
    camera.location = position + CAMERA_DIRECTION.normalized() * 0.1 * distance
    camera.data.clip_start, camera.data.clip_end = distance / 1e4, distance * 10
    return camera


def _add_light(scene: Any) -> None:
    """Add a sun and a faint sky."""
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = SUNLIGHT, 0.1
    sun.rotation_euler = (0.7, 0.2, 0.6)
    scene.collection.objects.link(sun)
    world = bpy.data.worlds.new("World")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = SKY
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 4.0
    scene.world = world
