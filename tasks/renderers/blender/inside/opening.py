"""Opens scene files: Blender's own, and those it imports, which get a light and a camera if they have none."""

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
"""Marks a camera that shows all of the scene in a square, and should do so along the shorter side of any picture."""
CAMERA_DIRECTION = Vector((0.7, -1.0, 0.6))
"""Direction of a default camera from the middle of the scene."""


def open_file(path: str, tree: str) -> None:
    """Open a scene without running its scripts. A sent scene finds the files it names in its tree."""
    suffix = Path(path).suffix.lower()
    if suffix == ".blend":
        bpy.ops.wm.open_mainfile(filepath=path, load_ui=False, use_scripts=False)
        if tree:
            _localise_paths(Path(tree))
        return
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 128
    scene.cycles.use_adaptive_sampling = False
    _IMPORTERS[suffix](path)
    _add_missing(scene)


def _localise_paths(tree: Path) -> None:
    """Make absolute paths of files lead into the tree, which mirrors the submitting machine's folders."""
    for kind in ("libraries", "images", "fonts", "volumes", "cache_files", "movieclips"):
        for data in getattr(bpy.data, kind, ()):
            path = Path(data.filepath)
            local = tree / path.relative_to(path.anchor) if path.is_absolute() else path
            if path.is_absolute() and not path.is_relative_to(tree) and local.exists():
                data.filepath = str(local)
                if hasattr(data, "reload"):
                    data.reload()


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


def _add_missing(scene: Any) -> None:
    """Add a camera and a light to an imported scene that has none."""
    if scene.camera is None:
        cameras = sorted((o for o in scene.objects if o.type == "CAMERA"), key=lambda o: o.name)
        scene.camera = cameras[0] if cameras else _add_camera(scene)
    emits = any(node.type == "EMISSION" for m in bpy.data.materials if m.node_tree for node in m.node_tree.nodes)
    if not emits and not any(o.type == "LIGHT" for o in scene.objects):
        _add_light(scene)


def _add_camera(scene: Any) -> Any:
    """Add a camera that shows all of the scene."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.sensor_height = camera.data.sensor_width
    camera[FITTED] = True
    scene.collection.objects.link(camera)
    corners = [
        o.matrix_world @ Vector(corner) for o in scene.objects if o.type == "MESH" for corner in o.bound_box
    ] or [Vector((-1, -1, -1)), Vector((1, 1, 1))]
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
    if scene.world is None:
        world = bpy.data.worlds.new("World")
        world.use_nodes = True
        world.node_tree.nodes["Background"].inputs["Color"].default_value = SKY
        world.node_tree.nodes["Background"].inputs["Strength"].default_value = 4.0
        scene.world = world
