"""Blender scenes of all kinds of objects, materials, lights, animation and simulations. Runs inside Blender.

One file over 300 lines: it is a list of scenes.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import bpy

from tests.scenes.blender_stage import (
    BLUE,
    GREEN,
    RED,
    ball,
    cube,
    glow,
    keyed,
    light,
    node,
    plane,
    save,
    studio,
    surface,
    world,
)
from tests.scenes.case import Recipes

if TYPE_CHECKING:
    from pathlib import Path

RECIPES = Recipes("blender")


@RECIPES.add("hair")
def hair_particles(folder: Path) -> Path:
    scene = studio()
    made = ball(scene, surface("Skin", Base_Color=(0.7, 0.4, 0.3, 1)))
    made.modifiers.new("Hair", "PARTICLE_SYSTEM")
    settings = made.particle_systems[0].settings
    settings.type, settings.count, settings.hair_length = "HAIR", 60, 0.8
    return save(folder / "shot.blend")


@RECIPES.add("hair")
def hair_curves(folder: Path) -> Path:
    scene = studio()
    data = bpy.data.hair_curves.new("Curves")
    data.add_curves([4] * 12)
    data.position_data.foreach_set(
        "vector", [value for c in range(12) for p in range(4) for value in (c / 4 - 1.4, 0.0, p / 2 - 0.8)]
    )
    data.materials.append(glow(GREEN))
    scene.collection.objects.link(bpy.data.objects.new("Curves", data))
    return save(folder / "shot.blend")


@RECIPES.add("volume", said="volumes|", quick=True)
def fog_in_a_cube(folder: Path) -> Path:
    cube(studio(samples=8), surface("Fog", "ShaderNodeVolumePrincipled", Density=0.7))
    return save(folder / "shot.blend")


@RECIPES.add("metaballs")
def metaballs(folder: Path) -> Path:
    scene = studio()
    bpy.ops.object.metaball_add(type="BALL", location=(-0.5, 0, 0))
    bpy.context.object.data.materials.append(glow(BLUE))
    bpy.ops.object.metaball_add(type="BALL", location=(0.8, 0, 0))
    assert scene
    return save(folder / "shot.blend")


@RECIPES.add("text")
def text_in_the_own_font(folder: Path) -> Path:
    studio()
    bpy.ops.object.text_add(rotation=(1.57, 0, 0), location=(-1.5, 0, 0))
    made = bpy.context.object
    made.data.body, made.data.extrude = "Öl & 3", 0.1
    made.data.materials.append(glow())
    return save(folder / "shot.blend")


@RECIPES.add("curves")
def curve_with_a_bevel(folder: Path) -> Path:
    studio()
    bpy.ops.curve.primitive_bezier_circle_add(radius=1.2, rotation=(1.2, 0, 0))
    data = bpy.context.object.data
    data.bevel_depth = 0.2
    data.materials.append(surface("Tube", Base_Color=(0.9, 0.6, 0.1, 1)))
    return save(folder / "shot.blend")


@RECIPES.add("grease pencil", said="grease pencil", direct={"hide": "Drawing"})
def grease_pencil(folder: Path) -> Path:
    scene = studio()
    bpy.ops.object.grease_pencil_add(type="STROKE")
    bpy.context.object.name = "Drawing"
    cube(scene, glow(BLUE), size=0.7)
    return save(folder / "shot.blend")


@RECIPES.add("instances")
def collection_instances(folder: Path) -> Path:
    scene = studio()
    group = bpy.data.collections.new("Group")
    made = ball(scene, glow(GREEN), size=0.8)
    scene.collection.objects.unlink(made)
    group.objects.link(made)
    for x in (-1.5, 0.0, 1.5):
        instance = bpy.data.objects.new("Instance", None)
        instance.instance_type, instance.instance_collection, instance.location = "COLLECTION", group, (x, 0, 0)
        scene.collection.objects.link(instance)
    return save(folder / "shot.blend")


@RECIPES.add("instances")
def instances_on_vertices(folder: Path) -> Path:
    scene = studio()
    parent, child = plane(scene, at=(0, 0, 0), size=2), ball(scene, glow(), size=0.4)
    child.parent, parent.instance_type = parent, "VERTS"
    return save(folder / "shot.blend")


def geometry(made: Any, name: str, *kinds: str) -> list[Any]:
    """Give an object geometry nodes in a row; returns them, the group's input first and its output last."""
    group = bpy.data.node_groups.new(name, "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    nodes = [group.nodes.new(kind) for kind in ("NodeGroupInput", *kinds, "NodeGroupOutput")]
    made.modifiers.new(name, "NODES").node_group = group
    return nodes


def chain(nodes: list[Any]) -> None:
    """Link each node's first output to the next one's first input."""
    for before, after in itertools.pairwise(nodes):
        before.id_data.links.new(before.outputs[0], after.inputs[0])


@RECIPES.add("geometry nodes", quick=True)
def scattered_by_geometry_nodes(folder: Path) -> Path:
    scene = studio()
    small = ball(scene, glow(), size=0.3, at=(0, 60, 0))
    made = plane(scene, at=(0, 0, 0), size=3)
    nodes = geometry(made, "Scatter", "GeometryNodeDistributePointsOnFaces", "GeometryNodeInstanceOnPoints")
    chain(nodes)
    nodes[1].inputs["Density"].default_value = 4.0
    links = nodes[0].id_data
    source = links.nodes.new("GeometryNodeObjectInfo")
    source.inputs["Object"].default_value = small
    links.links.new(source.outputs["Geometry"], nodes[2].inputs["Instance"])
    return save(folder / "shot.blend")


@RECIPES.add("geometry nodes", job={"frames": "1,7"}, frames=(1, 7))
def geometry_nodes_by_time(folder: Path) -> Path:
    made = cube(studio(), glow(), size=1)
    nodes = geometry(made, "Time", "GeometryNodeTransform")
    chain(nodes)
    tree = nodes[0].id_data
    clock, vector = tree.nodes.new("GeometryNodeInputSceneTime"), tree.nodes.new("ShaderNodeCombineXYZ")
    tree.links.new(clock.outputs["Seconds"], vector.inputs["X"])
    tree.links.new(vector.outputs[0], nodes[1].inputs["Translation"])
    return save(folder / "shot.blend")


@RECIPES.add("geometry nodes")
def point_cloud(folder: Path) -> Path:
    made = ball(studio(), glow(BLUE))
    nodes = geometry(made, "Points", "GeometryNodeMeshToPoints", "GeometryNodeSetMaterial")
    chain(nodes)
    nodes[1].inputs["Radius"].default_value = 0.1
    nodes[2].inputs["Material"].default_value = bpy.data.materials["Glow"]
    return save(folder / "shot.blend")


@RECIPES.add("modifiers")
def many_modifiers(folder: Path) -> Path:
    scene = studio()
    made = cube(scene, surface("Clay", Base_Color=(0.7, 0.5, 0.4, 1)), size=1)
    hole = ball(scene, size=1.1)
    hole.hide_render = True
    boolean = made.modifiers.new("Hole", "BOOLEAN")
    boolean.object = hole
    for kind in ("BEVEL", "ARRAY", "SUBSURF", "WIREFRAME"):
        made.modifiers.new(kind, kind)
    return save(folder / "shot.blend")


@RECIPES.add("modifiers", job={"frames": "1,9"}, frames=(1, 9))
def waves(folder: Path) -> Path:
    scene = studio()
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=20, y_subdivisions=20, size=4)
    bpy.context.object.modifiers.new("Wave", "WAVE").time_offset = -10
    assert scene
    return save(folder / "shot.blend")


@RECIPES.add("ocean", job={"frames": "1,3"}, frames=(1, 3))
def ocean(folder: Path) -> Path:
    made = plane(studio(), surface("Water", Roughness=0.1), at=(0, 0, 0))
    modifier = made.modifiers.new("Ocean", "OCEAN")
    modifier.viewport_resolution = modifier.resolution = 4
    keyed(modifier, "time", {1: 0.0, 3: 4.0})
    return save(folder / "shot.blend")


@RECIPES.add("multiresolution")
def multires(folder: Path) -> Path:
    made = cube(studio())
    bpy.context.view_layer.objects.active = made
    made.modifiers.new("Multires", "MULTIRES")
    bpy.ops.object.multires_subdivide(modifier="Multires")
    return save(folder / "shot.blend")


@RECIPES.add("animation", job={"frames": "1,5"}, frames=(1, 5))
def shape_keys(folder: Path) -> Path:
    made = cube(studio(), glow(), size=1)
    made.shape_key_add(name="Basis")
    key = made.shape_key_add(name="Tall")
    for point in key.data:
        point.co[2] *= 2.5
    keyed(key, "value", {1: 0.0, 5: 1.0})
    return save(folder / "shot.blend")


@RECIPES.add("animation", job={"frames": "1,5"}, frames=(1, 5))
def armature(folder: Path) -> Path:
    scene = studio()
    made = cube(scene, glow(), size=1)
    bpy.ops.object.armature_add()
    rig = bpy.context.object
    made.modifiers.new("Rig", "ARMATURE").object = rig
    made.vertex_groups.new(name="Bone").add(range(8), 1.0, "REPLACE")
    bone = rig.pose.bones[0]
    bone.rotation_mode = "XYZ"
    keyed(bone, "rotation_euler", {1: (0, 0, 0), 5: (0, 0.9, 0.4)})
    return save(folder / "shot.blend")


@RECIPES.add("animation", job={"frames": "1,5"}, frames=(1, 5))
def constraints(folder: Path) -> Path:
    scene = studio()
    target = ball(scene, glow(GREEN), size=0.5)
    keyed(target, "location", {1: (-1.5, 0, 0), 5: (1.5, 0, 1)})
    follower = cube(scene, glow(), size=0.6, at=(0, 0, -0.8))
    follower.constraints.new("COPY_ROTATION").target = target
    follower.constraints.new("COPY_LOCATION").target = target
    follower.constraints[1].use_z = False
    track = scene.camera.constraints.new("TRACK_TO")
    track.target = target
    return save(folder / "shot.blend")


@RECIPES.add("animation", job={"frames": "3,8"}, frames=(3, 8))
def nonlinear_animation(folder: Path) -> Path:
    made = cube(studio(), glow(), size=1)
    keyed(made, "location", {1: (-2, 0, 0), 6: (2, 0, 0)})
    action = made.animation_data.action
    made.animation_data.action = None
    strip = made.animation_data.nla_tracks.new().strips.new("Move", 1, action)
    strip.scale, strip.repeat = 0.5, 2.0
    return save(folder / "shot.blend")


@RECIPES.add("drivers", job={"frames": "1,2"}, frames=(1, 2))
def scripted_driver(folder: Path) -> Path:
    driver = cube(studio(), glow(), size=1).driver_add("location", 0).driver
    driver.type, driver.expression = "SCRIPTED", "sin(frame) * 2"
    return save(folder / "shot.blend")


@RECIPES.add("drivers", job={"frames": "1,2"}, frames=(1, 2), said="|cript|driver")
def driver_in_full_python(folder: Path) -> Path:
    driver = cube(studio(), glow(), size=1).driver_add("location", 0).driver
    driver.type, driver.expression = "SCRIPTED", "[0, 1, 2, 3][int(frame) % 4]"
    return save(folder / "shot.blend")


def driven_by_a_text(folder: Path) -> Path:
    """A cube whose place a function tells that a text of the file registers."""
    made = cube(studio(), glow(), size=1)
    text = bpy.data.texts.new("register.py")
    text.write("import bpy\nbpy.app.driver_namespace['off'] = lambda: 2.0\n")
    text.use_module = True
    driver = made.driver_add("location", 0).driver
    driver.type, driver.expression = "SCRIPTED", "off()"
    return save(folder / "shot.blend")


@RECIPES.add("drivers", said="cript|driver")
def driver_of_a_registered_text(folder: Path) -> Path:
    return driven_by_a_text(folder)


@RECIPES.add("drivers", job={"allow_scripts": True}, direct={"scripts": True}, said="cript|driver|")
def driver_of_a_registered_text_that_may_run(folder: Path) -> Path:
    return driven_by_a_text(folder)


# Materials and lights.


def shaded(folder: Path, material: Any, samples: int = 8) -> Path:
    """Save a ball of a material on a floor."""
    scene = bpy.context.scene
    scene.cycles.samples = samples
    plane(scene, surface("Floor", Base_Color=(0.6, 0.6, 0.6, 1)))
    ball(scene, material)
    return save(folder / "shot.blend")


SHADERS: dict[str, tuple[str, dict[str, Any]]] = {
    "glass": ("ShaderNodeBsdfGlass", {"IOR": 1.4}),
    "metal": ("ShaderNodeBsdfPrincipled", {"Metallic": 1.0, "Roughness": 0.3}),
    "skin": ("ShaderNodeBsdfPrincipled", {"Subsurface_Weight": 1.0}),
    "toon": ("ShaderNodeBsdfToon", {}),
    "velvet": ("ShaderNodeBsdfSheen", {}),
    "translucent": ("ShaderNodeBsdfTranslucent", {}),
    "transparent": ("ShaderNodeBsdfTransparent", {"Color": (0.9, 0.5, 0.5, 1)}),
    "holdout": ("ShaderNodeHoldout", {}),
}


def _add(name: str, kind: str, inputs: dict[str, Any]) -> None:
    def make(folder: Path) -> Path:
        studio()
        return shaded(folder, surface("Ball", kind, **inputs))

    make.__name__ = f"material_{name}"
    RECIPES.add("material")(make)


for _name, (_kind, _inputs) in SHADERS.items():
    _add(_name, _kind, _inputs)


@RECIPES.add("material")
def procedural_textures(folder: Path) -> Path:
    studio()
    material = surface("Ball", Base_Color=(1, 1, 1, 1))
    tree = material.node_tree
    shader = node(tree, "BSDF_PRINCIPLED")
    noise, bump, dark = (tree.nodes.new(f"ShaderNode{kind}") for kind in ("TexNoise", "Bump", "AmbientOcclusion"))
    tree.links.new(noise.outputs[0], bump.inputs["Height"])
    tree.links.new(bump.outputs[0], shader.inputs["Normal"])
    tree.links.new(dark.outputs[0], shader.inputs["Base Color"])
    return shaded(folder, material)


@RECIPES.add("OSL")
def shader_in_a_text(folder: Path) -> Path:
    scene = studio()
    scene.cycles.shading_system = True
    text = bpy.data.texts.new("stripes.osl")
    text.write("shader stripes(output color Colour = 0) { Colour = color(mod(P[0] * 4, 1), 0.3, 0.1); }\n")
    material = glow()
    script = material.node_tree.nodes.new("ShaderNodeScript")
    script.script = text
    if script.outputs:
        material.node_tree.links.new(script.outputs[0], node(material.node_tree, "EMISSION").inputs["Color"])
    return shaded(folder, material)


@RECIPES.add("lights")
def lights_of_all_kinds(folder: Path) -> Path:
    scene = studio(samples=8)
    light(scene, "POINT", 200.0, at=(-2, -1, 2)).data.color = (1, 0.4, 0.3)
    spot = light(scene, "SPOT", 600.0, at=(0, 0, 4))
    spot.data.spot_size, spot.data.spot_blend = 0.6, 0.4
    area = light(scene, "AREA", 150.0, at=(2, 0, 3))
    area.data.shape, area.data.size = "DISK", 2.0
    cube(scene, glow((1, 1, 0.6), strength=5), size=0.3, at=(1.5, -1, 0))
    return shaded(folder, surface("Grey", Base_Color=(0.7, 0.7, 0.7, 1)))


@RECIPES.add("lights")
def emission_only(folder: Path) -> Path:
    scene = studio()
    bpy.data.objects.remove(bpy.data.objects["Sun"])
    scene.world = None
    cube(scene, glow(strength=3), at=(1.5, 0, 0), size=1)
    return shaded(folder, surface("Grey", Base_Color=(0.7, 0.7, 0.7, 1)))


@RECIPES.add("lights")
def light_linking(folder: Path) -> Path:
    scene = studio()
    lamp = light(scene, "POINT", 500.0, at=(0, -2, 3))
    made = cube(scene, size=1, at=(-1.5, 0, 0))
    receivers = bpy.data.collections.new("Lit")
    receivers.objects.link(made)
    lamp.light_linking.receiver_collection = receivers
    return shaded(folder, surface("Grey", Base_Color=(0.7, 0.7, 0.7, 1)))


@RECIPES.add("sky")
def sky_texture(folder: Path) -> Path:
    scene = studio()
    tree = world(scene)
    sky = tree.nodes.new("ShaderNodeTexSky")
    tree.links.new(sky.outputs[0], node(tree, "BACKGROUND").inputs["Color"])
    node(tree, "BACKGROUND").inputs["Strength"].default_value = 0.1
    return shaded(folder, surface("Grey", Base_Color=(0.7, 0.7, 0.7, 1)))


@RECIPES.add("sky", said="volumes|")
def world_with_a_volume(folder: Path) -> Path:
    scene = studio()
    tree = scene.world.node_tree
    fog = tree.nodes.new("ShaderNodeVolumeScatter")
    fog.inputs["Density"].default_value = 0.05
    tree.links.new(fog.outputs[0], node(tree, "OUTPUT_WORLD").inputs["Volume"])
    light(scene, "POINT", 500.0)
    return shaded(folder, surface("Grey", Base_Color=(0.7, 0.7, 0.7, 1)))


@RECIPES.add("visibility")
def rays_see_other_things(folder: Path) -> Path:
    scene = studio()
    cube(scene, glow(strength=4), at=(1, 0, 1), size=0.8).visible_camera = False
    cube(scene, glow(BLUE), at=(-1.5, 0, 0), size=0.8).visible_shadow = False
    return shaded(folder, surface("Mirror", Metallic=1.0, Roughness=0.0))


# Simulations.


@RECIPES.add("simulation", job={"frames": "1,10,20"}, frames=(1, 10, 20), direct={"play": 1}, said="bake|simulat")
def rigid_bodies(folder: Path) -> Path:
    scene = studio()
    bpy.ops.rigidbody.world_add()
    cube(scene, glow(), at=(0, 0, 2), size=1)
    bpy.ops.rigidbody.object_add()
    floor = plane(scene, glow(BLUE))
    bpy.ops.rigidbody.object_add()
    floor.rigid_body.type = "PASSIVE"
    scene.frame_end = 20
    return save(folder / "shot.blend")


@RECIPES.add("simulation", command=True, job={"frames": "1,6"}, frames=(1, 6), direct={"play": 1}, said="bake|simulat")
def simulation_nodes(folder: Path) -> Path:
    scene = studio()
    scene.frame_end = 10
    made = cube(scene, glow(), size=1)
    nodes = geometry(
        made, "Simulate", "GeometryNodeSimulationInput", "GeometryNodeTransform", "GeometryNodeSimulationOutput"
    )
    start, begin, move, end, output = nodes
    begin.pair_with_output(end)
    move.inputs["Translation"].default_value = (0.3, 0, 0)
    links = start.id_data.links
    links.new(start.outputs[0], begin.inputs["Geometry"])
    links.new(begin.outputs["Geometry"], move.inputs[0])
    links.new(move.outputs[0], end.inputs["Geometry"])
    links.new(end.outputs["Geometry"], output.inputs[0])
    return save(folder / "shot.blend")


def cloth(folder: Path) -> tuple[Any, Any]:
    scene = studio()
    scene.frame_end = 12
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=6, y_subdivisions=6, size=2, location=(0, 0, 1.5))
    made = bpy.context.object
    made.data.materials.append(glow(GREEN))
    save(folder / "shot.blend")
    cache = made.modifiers.new("Cloth", "CLOTH").point_cache
    cache.frame_start, cache.frame_end = 1, 12
    return scene, cache


@RECIPES.add("simulation", job={"frames": "1,8"}, frames=(1, 8), direct={"play": 1}, said="bake|simulat")
def cloth_not_baked(folder: Path) -> Path:
    cloth(folder)
    return save(folder / "shot.blend")


def baked(folder: Path, *, disk: bool) -> Path:
    scene, cache = cloth(folder)
    cache.use_disk_cache = disk
    with bpy.context.temp_override(point_cache=cache, scene=scene):
        bpy.ops.ptcache.bake(bake=True)
    return save(folder / "shot.blend")


@RECIPES.add("simulation", job={"frames": "1,8,12"}, frames=(1, 8, 12))
def cloth_baked_in_the_file(folder: Path) -> Path:
    return baked(folder, disk=False)


@RECIPES.add(
    "point cache", spare=("blendcache_shot/*_000001_00.bphys",), sent=True, job={"frames": "1,8,12"}, frames=(1, 8, 12)
)
def cloth_baked_beside_the_file(folder: Path) -> Path:
    return baked(folder, disk=True)


@RECIPES.add("particles", job={"frames": "1,8"}, frames=(1, 8), direct={"play": 1}, said="|bake|simulat")
def particles(folder: Path) -> Path:
    scene = studio()
    scene.frame_end = 12
    emitter = plane(scene, glow(), at=(0, 0, 1.5), size=1)
    small = ball(scene, glow(GREEN), at=(0, 60, 0), size=0.6)
    emitter.modifiers.new("Particles", "PARTICLE_SYSTEM")
    settings = emitter.particle_systems[0].settings
    settings.count, settings.frame_start, settings.frame_end = 20, 1, 10
    settings.render_type, settings.instance_object, settings.particle_size = "OBJECT", small, 0.3
    return save(folder / "shot.blend")


@RECIPES.add("simulation", job={"frames": "1,10"}, frames=(1, 10), direct={"play": 1}, said="bake|simulat")
def dynamic_paint_or_soft_body(folder: Path) -> Path:
    scene = studio()
    scene.frame_end = 12
    made = cube(scene, glow(RED), at=(0, 0, 1), size=1)
    soft = made.modifiers.new("Soft", "SOFT_BODY")
    soft.settings.use_goal = False
    return save(folder / "shot.blend")
