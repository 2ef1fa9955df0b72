"""A small set for Blender scenes: camera, sun, sky, a few shapes and materials. Runs inside Blender."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import bpy

if TYPE_CHECKING:
    from pathlib import Path

RED, GREEN, BLUE = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)
YELLOW, CYAN = (1.0, 1.0, 0.0), (0.0, 1.0, 1.0)


def studio(size: tuple[int, int] = (48, 36), samples: int = 4) -> Any:
    """Start an empty file with a camera that looks at the origin, a sun and a blue sky, and return its scene."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = size
    scene.cycles.samples = samples
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    scene.frame_start = scene.frame_end = 1
    scene.camera = camera(scene)
    sun = light(scene, "SUN", energy=3.0)
    sun.rotation_euler = (0.6, 0.3, 0.0)
    world(scene)
    return scene


def camera(scene: Any, name: str = "Camera", back: float = 6.0) -> Any:
    made = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    made.location, made.rotation_euler = (0.0, -back, back / 3), (math.radians(72), 0.0, 0.0)
    scene.collection.objects.link(made)
    return made


def light(scene: Any, kind: str, energy: float, at: tuple[float, float, float] = (0.0, 0.0, 3.0)) -> Any:
    made = bpy.data.objects.new(kind.title(), bpy.data.lights.new(kind.title(), kind))
    made.data.energy, made.location = energy, at
    scene.collection.objects.link(made)
    return made


def world(scene: Any, colour: tuple[float, float, float] = (0.2, 0.3, 0.5)) -> Any:
    """Give the scene a sky of one colour; returns its node tree."""
    scene.world = bpy.data.worlds.new("World")
    scene.world.use_nodes = True
    tree = scene.world.node_tree
    node(tree, "BACKGROUND").inputs["Color"].default_value = (*colour, 1.0)
    return tree


def node(tree: Any, kind: str) -> Any:
    """Return the first node of a kind."""
    return next(each for each in tree.nodes if each.type == kind)


def cube(scene: Any, material: Any = None, *, at: Any = (0, 0, 0), size: float = 2.0, name: str = "Cube") -> Any:
    bpy.ops.mesh.primitive_cube_add(size=size, location=at)
    return _named(name, material)


def plane(scene: Any, material: Any = None, *, at: Any = (0, 0, -1), size: float = 8.0, name: str = "Plane") -> Any:
    bpy.ops.mesh.primitive_plane_add(size=size, location=at)
    return _named(name, material)


def ball(scene: Any, material: Any = None, *, at: Any = (0, 0, 0), size: float = 2.0, name: str = "Ball") -> Any:
    bpy.ops.mesh.primitive_uv_sphere_add(radius=size / 2, location=at, segments=16, ring_count=8)
    return _named(name, material)


def _named(name: str, material: Any) -> Any:
    made = bpy.context.object
    made.name = name
    if material:
        made.data.materials.append(material)
    return made


def surface(name: str, kind: str = "ShaderNodeBsdfPrincipled", **inputs: Any) -> Any:
    """Return a material of one shader node; inputs by name, ``_`` for a space."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree = material.node_tree
    tree.nodes.clear()
    shader, output = tree.nodes.new(kind), tree.nodes.new("ShaderNodeOutputMaterial")
    for key, value in inputs.items():
        shader.inputs[key.replace("_", " ")].default_value = value
    tree.links.new(shader.outputs[0], output.inputs["Volume" if "Volume" in kind else "Surface"])
    return material


def glow(colour: tuple[float, float, float] = RED, name: str = "Glow", strength: float = 1.0) -> Any:
    """Return a material that shines in one colour."""
    return surface(name, "ShaderNodeEmission", Color=(*colour, 1.0), Strength=strength)


def textured(image: Any, name: str = "Textured") -> tuple[Any, Any]:
    """Return a material that shines with an image, and its texture node."""
    material = glow(name=name)
    tree = material.node_tree
    texture = tree.nodes.new("ShaderNodeTexImage")
    texture.image = image
    tree.links.new(texture.outputs["Color"], node(tree, "EMISSION").inputs["Color"])
    return material, texture


def picture(path: Path, colour: tuple[float, float, float], kind: str = "PNG") -> Path:
    """Write a small picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = bpy.data.images.new("picture", 8, 8, float_buffer=kind != "PNG")
    image.pixels = [*colour, 1.0] * 64
    image.filepath_raw, image.file_format = str(path), kind
    image.save()
    bpy.data.images.remove(image)
    return path


def load(path: Path, colour: tuple[float, float, float] = GREEN) -> Any:
    """Write a picture and return the image that refers to it."""
    return bpy.data.images.load(str(picture(path, colour)))


def keyed(owner: Any, name: str, values: dict[int, Any]) -> None:
    """Animate a property: its values by frame, linear between them."""
    for frame, value in values.items():
        setattr(owner, name, value)
        owner.keyframe_insert(name, frame=frame)


def save(path: Path, *, relative: bool = True) -> Path:
    """Save the file; relative to it the names of other files, or absolute."""
    path.parent.mkdir(parents=True, exist_ok=True)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=False, relative_remap=False)
    if relative:
        bpy.ops.file.make_paths_relative()
        bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=False)
    path.with_suffix(".blend1").unlink(missing_ok=True)
    return path
