"""Open scene files: Blender's own, and those it imports, which get a light and a camera where they have none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from mathutils import Vector

if TYPE_CHECKING:
    from collections.abc import Callable

SUNLIGHT = 3.0
SKY = (0.05, 0.06, 0.08, 1.0)
FITTED = "frontburner_fitted"
"""Marks a camera that sees all of the scene in a square, and is to do so in the shorter side of any picture."""
SIDES = Vector((0.7, -1.0, 0.6))
"""Where a default camera stands, seen from the middle of the scene."""


def open_file(path: str, tree: str) -> None:
    """Open a scene without running any script of it. One that travelled finds the files it names in its tree."""
    suffix = Path(path).suffix.lower()
    if suffix == ".blend":
        bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=False)
        if tree:
            _settle(Path(tree))
        return
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 128
    scene.cycles.use_adaptive_sampling = False
    _IMPORTERS[suffix](path)
    _furnish(scene)


def _settle(tree: Path) -> None:
    """Have files that are named by absolute paths read from a tree that mirrors where they were."""
    for kind in ("libraries", "images", "fonts", "volumes", "cache_files", "movieclips"):
        for one in getattr(bpy.data, kind, ()):
            path = Path(one.filepath)
            there = tree / path.relative_to(path.anchor) if path.is_absolute() else path
            if path.is_absolute() and not path.is_relative_to(tree) and there.exists():
                one.filepath = str(there)
                if hasattr(one, "reload"):
                    one.reload()


def _gltf(path: str) -> None:
    import addon_utils

    addon_utils.enable("io_scene_gltf2")
    bpy.ops.import_scene.gltf(filepath=path)


def _fbx(path: str) -> None:
    if hasattr(bpy.ops.wm, "fbx_import"):
        bpy.ops.wm.fbx_import(filepath=path)
        return
    import addon_utils

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


def _furnish(scene: Any) -> None:
    """Give an imported scene what it lacks to be seen."""
    if scene.camera is None:
        cameras = sorted((o for o in scene.objects if o.type == "CAMERA"), key=lambda o: o.name)
        scene.camera = cameras[0] if cameras else _camera(scene)
    glows = any(node.type == "EMISSION" for m in bpy.data.materials if m.node_tree for node in m.node_tree.nodes)
    if not glows and not any(o.type == "LIGHT" for o in scene.objects):
        _light(scene)


def _camera(scene: Any) -> Any:
    """Put a camera where it sees all of the scene."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.sensor_height = camera.data.sensor_width
    camera[FITTED] = True
    scene.collection.objects.link(camera)
    corners = [
        o.matrix_world @ Vector(corner) for o in scene.objects if o.type == "MESH" for corner in o.bound_box
    ] or [Vector((-1, -1, -1)), Vector((1, 1, 1))]
    camera.rotation_euler = SIDES.to_track_quat("Z", "Y").to_euler()
    bpy.context.view_layer.update()
    flat = [value for corner in corners for value in corner]
    size = scene.render.resolution_x, scene.render.resolution_y
    scene.render.resolution_x = scene.render.resolution_y
    at, _ = camera.camera_fit_coords(bpy.context.evaluated_depsgraph_get(), flat)
    scene.render.resolution_x, scene.render.resolution_y = size
    reach = max((corner - at).length for corner in corners)
    camera.location = at + SIDES.normalized() * 0.1 * reach
    camera.data.clip_start, camera.data.clip_end = reach / 1e4, reach * 10
    return camera


def _light(scene: Any) -> None:
    """Let a sun and a little sky shine."""
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.data.angle = SUNLIGHT, 0.1
    sun.rotation_euler = (0.7, 0.2, 0.6)
    scene.collection.objects.link(sun)
    if scene.world is None:
        world = bpy.data.worlds.new("World")
        world.use_nodes = True
        world.node_tree.nodes["Background"].inputs["Color"].default_value = SKY
        world.node_tree.nodes["Background"].inputs["Strength"].default_value = 4.0
        scene.world = world
