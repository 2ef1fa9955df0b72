"""Make the sample room a Blender file: ``python scenes/room_to_blend.py scenes/interior.blend``, where ``bpy`` is.

Reads what Mitsuba reads: shapes, materials, lights and the camera's walk. Mitsuba's room is y up, Blender's z up.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import bpy
from mathutils import Matrix, Vector

SCENES = Path(__file__).resolve().parent
UPRIGHT = Matrix.Rotation(math.pi / 2, 4, "X")
Element = ET.Element


def numbers(element: Element, default: float) -> Vector:
    """x, y and z of an element; ``value`` stands for all three."""
    if "value" in element.attrib:
        parts = [float(part) for part in element.attrib["value"].split(",")]
        return Vector(parts * 3 if len(parts) == 1 else parts)
    return Vector([float(element.attrib.get(axis, default)) for axis in "xyz"])


def placed(shape: Element) -> Matrix:
    """Where a shape stands."""
    matrix = Matrix.Identity(4)
    for step in shape.find("transform") or ():
        if step.tag == "scale":
            matrix = Matrix.Diagonal((*numbers(step, 1.0), 1.0)) @ matrix
        elif step.tag == "rotate":
            matrix = Matrix.Rotation(math.radians(float(step.attrib["angle"])), 4, numbers(step, 0.0)) @ matrix
        elif step.tag == "translate":
            matrix = Matrix.Translation(numbers(step, 0.0)) @ matrix
    return matrix


def value(bsdf: Element, name: str, default: float) -> float:
    """A number of a material."""
    found = bsdf.find(f"float[@name='{name}']")
    return default if found is None else float(found.attrib["value"])


def colour(bsdf: Element, name: str) -> tuple[float, ...] | None:
    """A colour of a material."""
    found = bsdf.find(f"rgb[@name='{name}']")
    return None if found is None else (*numbers(found, 0.0), 1.0)


class Materials:
    """Materials by the name they have in the room."""

    def __init__(self, root: Element) -> None:
        self._made = {bsdf.attrib["id"]: self.make(bsdf) for bsdf in root.findall("bsdf")}

    def of(self, shape: Element) -> Any:
        """The material of a shape: a light's, its own, or one it refers to."""
        emitter, own, ref = shape.find("emitter"), shape.find("bsdf"), shape.find("ref")
        if emitter is not None:
            return self.glow(emitter)
        return self.make(own) if own is not None else self._made[ref.attrib["id"]]  # type: ignore[union-attr]

    def make(self, bsdf: Element) -> Any:
        """Make a principled material like one of Mitsuba's."""
        kind, name = bsdf.attrib["type"], bsdf.attrib.get("id", "own")
        if kind == "twosided":
            inner = bsdf.find("bsdf")
            assert inner is not None
            made = self.make(inner)
            made.name = name
            return made
        material, shader = empty(name)
        base = next(
            filter(None, (colour(bsdf, own) for own in ("base_color", "reflectance", "diffuse_reflectance"))), None
        )
        if base:
            shader.inputs["Base Color"].default_value = base
        texture = bsdf.find("texture")
        if texture is not None:
            material.node_tree.links.new(image(material, texture).outputs["Color"], shader.inputs["Base Color"])
        shader.inputs["Roughness"].default_value = value(bsdf, "roughness", 1.0 if kind == "diffuse" else 0.5)
        shader.inputs["Metallic"].default_value = value(bsdf, "metallic", 0.0)
        shader.inputs["Specular IOR Level"].default_value = 0.0 if kind == "diffuse" else value(bsdf, "specular", 0.5)
        shader.inputs["Sheen Weight"].default_value = 0.4 * value(bsdf, "sheen", 0.0)
        if kind == "roughplastic":
            shader.inputs["Roughness"].default_value = math.sqrt(value(bsdf, "alpha", 0.1))
        elif kind == "conductor":
            shader.inputs["Metallic"].default_value, shader.inputs["Roughness"].default_value = 1.0, 0.02
            shader.inputs["Base Color"].default_value = (0.93, 0.93, 0.93, 1.0)
        elif kind.endswith("dielectric"):
            glass(
                material, shader, colour(bsdf, "specular_transmittance") or (1, 1, 1, 1), thin=kind.startswith("thin")
            )
        elif kind == "principledthin":
            sheet(material, shader, value(bsdf, "diff_trans", 0.5) / 2)
        return material

    @staticmethod
    def glow(emitter: Element) -> Any:
        """Make a material that shines."""
        material, shader = empty("light")
        nodes, links = material.node_tree.nodes, material.node_tree.links
        shine = nodes.new("ShaderNodeEmission")
        texture = emitter.find("texture")
        if texture is not None:
            links.new(image(material, texture).outputs["Color"], shine.inputs["Color"])
        else:
            shine.inputs["Color"].default_value = colour(emitter, "radiance")
        nodes.remove(shader)
        # Only the front shines, as in Mitsuba.
        side, dark, mix = (
            nodes.new("ShaderNodeNewGeometry"),
            nodes.new("ShaderNodeBsdfDiffuse"),
            nodes.new("ShaderNodeMixShader"),
        )
        dark.inputs["Color"].default_value = (0, 0, 0, 1)
        links.new(side.outputs["Backfacing"], mix.inputs["Fac"])
        links.new(shine.outputs[0], mix.inputs[1])
        links.new(dark.outputs[0], mix.inputs[2])
        links.new(mix.outputs[0], nodes["Material Output"].inputs["Surface"])
        return material


def empty(name: str) -> tuple[Any, Any]:
    """A material with Blender's principled shader."""
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    return material, material.node_tree.nodes["Principled BSDF"]


def image(material: Any, texture: Element) -> Any:
    """A node with a picture, repeated as the room says."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    name = next(own.attrib["value"] for own in texture.findall("string") if own.attrib["name"] == "filename")
    node = nodes.new("ShaderNodeTexImage")
    node.image = bpy.data.images.load(str(SCENES / name), check_existing=True)
    scale = texture.find("transform/scale")
    across, up, _ = (1.0, 1.0, 1.0) if scale is None else numbers(scale, 1.0)
    mapping, places = nodes.new("ShaderNodeMapping"), nodes.new("ShaderNodeTexCoord")
    mapping.inputs["Scale"].default_value = (across, -up, 1.0)  # Mitsuba's pictures begin at the top
    mapping.inputs["Location"].default_value = (0.0, 1.0, 0.0)
    links.new(places.outputs["UV"], mapping.inputs["Vector"])
    links.new(mapping.outputs["Vector"], node.inputs["Vector"])
    return node


def glass(material: Any, shader: Any, tint: tuple[float, ...], *, thin: bool) -> None:
    """Glass that casts no hard shadow: light passes it as it would through a thin pane."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    shader.inputs["Base Color"].default_value = tint
    shader.inputs["Roughness"].default_value, shader.inputs["Transmission Weight"].default_value = 0.0, 1.0
    shader.inputs["IOR"].default_value = 1.02 if thin else 1.5
    path, clear, mix = (
        nodes.new("ShaderNodeLightPath"),
        nodes.new("ShaderNodeBsdfTransparent"),
        nodes.new("ShaderNodeMixShader"),
    )
    clear.inputs["Color"].default_value = tint
    links.new(path.outputs["Is Shadow Ray"], mix.inputs["Fac"])
    links.new(shader.outputs[0], mix.inputs[1])
    links.new(clear.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], nodes["Material Output"].inputs["Surface"])


def sheet(material: Any, shader: Any, part: float) -> None:
    """A thin sheet that lets part of the light through."""
    nodes, links = material.node_tree.nodes, material.node_tree.links
    through, mix = nodes.new("ShaderNodeBsdfTranslucent"), nodes.new("ShaderNodeMixShader")
    through.inputs["Color"].default_value = shader.inputs["Base Color"].default_value
    mix.inputs["Fac"].default_value = part
    links.new(shader.outputs[0], mix.inputs[1])
    links.new(through.outputs[0], mix.inputs[2])
    links.new(mix.outputs[0], nodes["Material Output"].inputs["Surface"])


def form(shape: Element) -> Any:
    """Make a shape's mesh, before it is placed."""
    kind, mesh = shape.attrib["type"], bpy.ops.mesh
    if kind == "ply":
        name = next(own.attrib["value"] for own in shape.findall("string") if own.attrib["name"] == "filename")
        bpy.ops.wm.ply_import(filepath=str(SCENES / name), forward_axis="Y", up_axis="Z")
        made = bpy.context.object
        flat = shape.find("boolean[@name='face_normals']")
        if flat is None:
            made.data.shade_smooth()
        return made
    if kind == "cube":
        mesh.primitive_cube_add(size=2)
    elif kind == "rectangle":
        mesh.primitive_plane_add(size=2)
    elif kind == "disk":
        mesh.primitive_circle_add(radius=1, vertices=64, fill_type="NGON")
    elif kind == "sphere":
        mesh.primitive_uv_sphere_add(radius=1, segments=64, ring_count=32)
        bpy.context.object.data.shade_smooth()
    else:
        mesh.primitive_cylinder_add(radius=1, depth=2, vertices=48, end_fill_type="NOTHING")
        bpy.context.object.data.shade_smooth_by_angle() if hasattr(
            bpy.context.object.data, "shade_smooth_by_angle"
        ) else None
    return bpy.context.object


def own_place(shape: Element) -> Matrix:
    """Where spheres and cylinders say they are by themselves."""
    kind = shape.attrib["type"]
    if kind == "sphere":
        centre = shape.find("point[@name='center']")
        at = Vector() if centre is None else numbers(centre, 0.0)
        return Matrix.Translation(at) @ Matrix.Scale(value(shape, "radius", 1.0), 4)
    if kind == "cylinder":
        ends = [shape.find(f"point[@name='{name}']") for name in ("p0", "p1")]
        first, last = (
            Vector(default) if end is None else numbers(end, 0.0)
            for end, default in zip(ends, ((0, 0, 0), (0, 0, 1)), strict=True)
        )
        along, radius = last - first, value(shape, "radius", 1.0)
        turn = along.to_track_quat("Z", "Y").to_matrix().to_4x4()
        return Matrix.Translation((first + last) / 2) @ turn @ Matrix.Diagonal((radius, radius, along.length / 2, 1.0))
    return Matrix.Identity(4)


def lights(root: Element, scene: Any) -> None:
    """The sun, and what is seen beyond the room."""
    for emitter in root.findall("emitter"):
        if emitter.attrib["type"] == "directional":
            sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
            light = colour(emitter, "irradiance") or (1, 1, 1, 1)
            sun.data.energy, sun.data.angle = max(light[:3]), 0.0
            sun.data.color = [part / max(light[:3]) for part in light[:3]]
            towards = UPRIGHT.to_3x3() @ numbers(emitter.find("vector"), 0.0)  # type: ignore[arg-type]
            sun.rotation_euler = towards.to_track_quat("-Z", "Y").to_euler()
            scene.collection.objects.link(sun)
        else:
            world = bpy.data.worlds.new("World")
            world.use_nodes = True
            world.node_tree.nodes["Background"].inputs["Color"].default_value = colour(emitter, "radiance")
            scene.world = world


def camera(scene: Any, name: str, views: dict[int, tuple[Vector, Vector]]) -> None:
    """A camera that looks from one place to another, at each frame that is given."""
    data = bpy.data.cameras.new(name)
    data.angle, data.sensor_fit = math.radians(57), "HORIZONTAL"
    made = bpy.data.objects.new(name, data)
    made.rotation_mode = "QUATERNION"
    scene.collection.objects.link(made)
    scene.camera = scene.camera or made
    for frame, (eye, aim) in views.items():
        made.location = UPRIGHT @ eye
        made.rotation_quaternion = (UPRIGHT.to_3x3() @ (aim - eye)).to_track_quat("-Z", "Y")
        if len(views) > 1:
            made.keyframe_insert("location", frame=frame)
            made.keyframe_insert("rotation_quaternion", frame=frame)


def walk() -> dict[int, tuple[Vector, Vector]]:
    """The walk of ``walk.keys.yaml``, at each of its 48 frames."""
    from tasks.scene.animation import animation_of

    keys = animation_of(SCENES / "walk.xml")
    views = {}
    for frame in range(1, 49):
        at = {name: float(text) for name, text in keys.at(frame)}
        views[frame] = tuple(Vector([at[f"{end}_{axis}"] for axis in "xyz"]) for end in ("eye", "aim"))
    return views


def main(path: Path) -> None:
    """Make the room and save it."""
    root = ET.parse(SCENES / "interior" / "room.xml").getroot()
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    materials = Materials(root)
    for number, shape in enumerate(root.findall("shape")):
        made = form(shape)
        made.name = f"{shape.attrib['type']} {number}"
        made.matrix_world = UPRIGHT @ placed(shape) @ own_place(shape)
        made.data.materials.clear()
        made.data.materials.append(materials.of(shape))
    lights(root, scene)
    camera(scene, "Still", {1: (Vector((1.10, 1.30, 5.25)), Vector((-0.44, 0.98, 0.6)))})
    camera(scene, "Walk", walk())
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 960, 540
    scene.cycles.samples = 256
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    scene.cycles.max_bounces = 12
    scene.frame_start, scene.frame_end = 1, 48
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True, relative_remap=True)


if __name__ == "__main__":
    sys.path.insert(0, str(SCENES.parent))
    main(Path(sys.argv[-1]).absolute())
