"""The camera and the light of an imported scene that has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from mathutils import Vector

if TYPE_CHECKING:
    from collections.abc import Iterator

SUNLIGHT = 3.0
SKY = (0.05, 0.06, 0.08, 1.0)
FITTED = "frontburner_fitted"
"""Marks a camera that shows all of the scene in a square, and should do so along the shorter side of any picture."""
CAMERA_DIRECTION = Vector((0.7, -1.0, 0.6))
"""Direction of a default camera from the middle of the scene."""
SOLID = ("MESH", "CURVE", "CURVES", "SURFACE", "META", "FONT", "VOLUME", "POINTCLOUD", "GPENCIL", "GREASEPENCIL")
"""Types of objects that can be seen."""
_MOMENTS = 5
"""So many frames of a moving scene are looked at."""


def complete(scene: Any, boxes: list[Vector]) -> Iterator[str]:
    """Add a camera that shows these corners, and a light, to an imported scene that has none; says which."""
    if scene.camera is None:
        cameras = sorted((o for o in scene.objects if o.type == "CAMERA"), key=lambda o: o.name)
        scene.camera = cameras[0] if cameras else _add_camera(scene, boxes)
        if not cameras:
            yield "It has no camera: one is added that shows all of it."
    emits = any(node.type == "EMISSION" for m in bpy.data.materials if m.node_tree for node in m.node_tree.nodes)
    if not (emits or scene.world or any(o.type == "LIGHT" for o in scene.objects)):
        _add_light(scene)
        yield "It has no light: a sun and a faint sky are added."


def corners(scene: Any, frames: list[int]) -> list[Vector]:
    """Return the corners of the boxes around all that can be seen, instances too, in a few frames from these bounds."""
    first, end = frames
    if first >= end:
        return _corners_now()
    found = []
    for frame in sorted({round(first + part * (end - 1 - first) / (_MOMENTS - 1)) for part in range(_MOMENTS)}):
        scene.frame_set(frame)
        found += _corners_now()
    scene.frame_set(first)
    return found


def _corners_now() -> list[Vector]:
    bpy.context.view_layer.update()
    return [
        instance.matrix_world @ Vector(corner)
        for instance in bpy.context.evaluated_depsgraph_get().object_instances
        if instance.object.type in SOLID and not instance.object.hide_render and _is_solid(instance.object)
        for corner in instance.object.bound_box
    ]


def _is_solid(thing: Any) -> bool:
    """Whether an object has anything to be seen: a mesh that has points alone hasn't."""
    if thing.type != "MESH":
        return any(corner[:] != thing.bound_box[0][:] for corner in thing.bound_box)
    return len(thing.data.polygons) > 0


def _add_camera(scene: Any, boxes: list[Vector]) -> Any:
    """Add a camera that shows all of the scene."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.sensor_height = camera.data.sensor_width
    camera[FITTED] = True
    scene.collection.objects.link(camera)
    camera.rotation_euler = CAMERA_DIRECTION.to_track_quat("Z", "Y").to_euler()
    bpy.context.view_layer.update()
    coordinates = [value for corner in boxes for value in corner]
    size = scene.render.resolution_x, scene.render.resolution_y
    scene.render.resolution_x = scene.render.resolution_y
    position, _ = camera.camera_fit_coords(bpy.context.evaluated_depsgraph_get(), coordinates)
    scene.render.resolution_x, scene.render.resolution_y = size
    distance = max((corner - position).length for corner in boxes)
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
