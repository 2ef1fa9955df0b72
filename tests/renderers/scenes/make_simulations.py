"""Make Blender files whose simulations aren't baked, and Blender's own pictures of them, played in order."""

import shutil
import sys
import zlib
from pathlib import Path
from typing import Any

import bpy

LAST = 12


def empty() -> Any:
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.resolution_x, scene.render.resolution_y = 32, 24
    scene.cycles.samples = 2
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    scene.frame_start, scene.frame_end = 1, LAST
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler = (0, -9, 5), (1.1, 0, 0)
    scene.collection.objects.link(camera)
    scene.camera = camera
    sun = bpy.data.objects.new("Sun", bpy.data.lights.new("Sun", "SUN"))
    sun.data.energy, sun.rotation_euler = 3.0, (0.7, 0.2, 0.3)
    scene.collection.objects.link(sun)
    return scene


def cube(z: float = 0.0, size: float = 1.5) -> Any:
    bpy.ops.mesh.primitive_cube_add(size=size, location=(0, 0, z))
    return bpy.context.object


def sheet(z: float = 1.5) -> Any:
    bpy.ops.mesh.primitive_grid_add(x_subdivisions=6, y_subdivisions=6, size=3, location=(0, 0, z))
    return bpy.context.object


def rigid_bodies() -> None:
    """A cube that falls onto a plane."""
    empty()
    bpy.ops.rigidbody.world_add()
    cube(2)
    bpy.ops.rigidbody.object_add()
    bpy.ops.mesh.primitive_plane_add(size=8, location=(0, 0, -1))
    bpy.ops.rigidbody.object_add()
    bpy.context.object.rigid_body.type = "PASSIVE"


def cloth() -> None:
    """A sheet that falls, and that is hidden on the screen and finer when it is rendered."""
    empty()
    made = sheet()
    levels = made.modifiers.new("Subdivision", "SUBSURF")
    levels.levels, levels.render_levels = 0, 1
    made.modifiers.new("Cloth", "CLOTH").show_viewport = False
    made.hide_viewport = True


def soft_body() -> None:
    empty()
    cube(1.5).modifiers.new("Softbody", "SOFT_BODY").settings.use_goal = False


def particles() -> None:
    """Particles that fall onto a plane and bounce off it."""
    empty()
    ball = cube(size=0.5)
    ball.location = (0, 50, 0)
    emitter = sheet()
    emitter.modifiers.new("Particles", "PARTICLE_SYSTEM")
    settings = emitter.particle_systems[0].settings
    settings.count, settings.frame_end, settings.render_type, settings.instance_object = 20, 6, "OBJECT", ball
    settings.particle_size = 0.5
    bpy.ops.mesh.primitive_plane_add(size=8, location=(0, 0, 0.5))
    bpy.context.object.modifiers.new("Collision", "COLLISION")


def hair() -> None:
    empty()
    bpy.ops.mesh.primitive_plane_add(size=2, rotation=(1.57, 0, 0))
    made = bpy.context.object
    made.modifiers.new("Hair", "PARTICLE_SYSTEM")
    system = made.particle_systems[0]
    system.settings.type, system.settings.count, system.settings.root_radius = "HAIR", 30, 8
    system.use_hair_dynamics = True


def paint() -> None:
    """A cube that dents a sheet where it passes."""
    scene = empty()
    canvas = sheet(0)
    canvas.modifiers.new("Paint", "DYNAMIC_PAINT").ui_type = "CANVAS"
    with bpy.context.temp_override(object=canvas, active_object=canvas):
        bpy.ops.dpaint.type_toggle(type="CANVAS")
    surface = canvas.modifiers[0].canvas_settings.canvas_surfaces[0]
    surface.surface_type, surface.frame_end = "DISPLACE", LAST
    brush = cube(0, 0.9)
    brush.modifiers.new("Brush", "DYNAMIC_PAINT").ui_type = "BRUSH"
    with bpy.context.temp_override(object=brush, active_object=brush):
        bpy.ops.dpaint.type_toggle(type="BRUSH")
    for frame, x in ((1, -2.0), (LAST, 2.0)):
        brush.location.x = x
        brush.keyframe_insert("location", frame=frame)
    brush.hide_render = True
    scene.frame_set(1)


def zone() -> None:
    """A cube that geometry nodes move by a step each frame, in a group within a group."""
    empty()
    inner, outer = (bpy.data.node_groups.new(name, "GeometryNodeTree") for name in ("Inner", "Outer"))
    for group in (inner, outer):
        for side in ("INPUT", "OUTPUT"):
            group.interface.new_socket("Geometry", in_out=side, socket_type="NodeSocketGeometry")
    names = ("NodeGroupInput", "GeometryNodeSimulationInput", "GeometryNodeTransform",
             "GeometryNodeSimulationOutput", "NodeGroupOutput")  # fmt: skip
    source, before, move, after, result = (inner.nodes.new(name) for name in names)
    before.pair_with_output(after)
    move.inputs["Translation"].default_value = (0.2, 0, 0)
    inner.links.new(source.outputs[0], before.inputs["Geometry"])
    inner.links.new(before.outputs["Geometry"], move.inputs[0])
    inner.links.new(move.outputs[0], after.inputs["Geometry"])
    inner.links.new(after.outputs["Geometry"], result.inputs[0])
    source, nested = outer.nodes.new("NodeGroupInput"), outer.nodes.new("GeometryNodeGroup")
    result = outer.nodes.new("NodeGroupOutput")
    nested.node_tree = inner
    outer.links.new(source.outputs[0], nested.inputs[0])
    outer.links.new(nested.outputs[0], result.inputs[0])
    cube().modifiers.new("Steps", "NODES").node_group = outer


def smoke() -> None:
    """Smoke that rises from a ball, and is kept in a folder."""
    scene = empty()
    scene.cycles.volume_bounces = 0
    domain = cube(0, 3)
    domain.modifiers.new("Fluid", "FLUID").fluid_type = "DOMAIN"
    settings = domain.modifiers[0].domain_settings
    settings.domain_type, settings.resolution_max, settings.cache_frame_end = "GAS", 16, LAST
    settings.cache_directory, settings.openvdb_data_depth = "//cache_fluid", "32"
    material = bpy.data.materials.new("Smoke")
    material.use_nodes = True
    volume = material.node_tree.nodes.new("ShaderNodeVolumePrincipled")
    output = next(node for node in material.node_tree.nodes if node.type == "OUTPUT_MATERIAL")
    material.node_tree.links.new(volume.outputs[0], output.inputs["Volume"])
    for link in list(output.inputs["Surface"].links):
        material.node_tree.links.remove(link)
    domain.data.materials.append(material)
    source = cube(-0.8, 0.8)
    source.modifiers.new("Fluid", "FLUID").fluid_type = "FLOW"
    flow = source.modifiers[0].flow_settings
    flow.flow_type, flow.flow_behavior = "SMOKE", "INFLOW"
    source.hide_render = True


def linked(folder: Path) -> None:
    """A cloth that lies in another file."""
    scene = empty()
    with bpy.data.libraries.load(str(folder / "cloth.blend"), link=True) as (there, here):
        here.objects = [name for name in there.objects if name == "Grid"]
    scene.collection.objects.link(here.objects[0])


def still_things() -> None:
    """Particles that don't move, hair without dynamics, and a cloth that isn't rendered."""
    empty()
    emitter = sheet()
    for kind, physics in (("HAIR", "NEWTON"), ("EMITTER", "NO"), ("EMITTER", "KEYED")):
        emitter.modifiers.new("Particles", "PARTICLE_SYSTEM")
        settings = emitter.particle_systems[-1].settings
        settings.type, settings.physics_type, settings.count = kind, physics, 5
    emitter.modifiers.new("Cloth", "CLOTH").show_render = False


def baked() -> None:
    rigid_bodies()
    bpy.context.scene.rigidbody_world.point_cache.frame_end = LAST
    bpy.ops.ptcache.bake_all(bake=True)


def play(folder: Path, name: str) -> None:
    """Save Blender's own picture of the last frame, reached from the first one."""
    bpy.ops.wm.open_mainfile(filepath=str(folder / f"{name}.blend"))
    scene, settings = bpy.context.scene, bpy.context.scene.render.image_settings
    if hasattr(settings, "media_type"):
        settings.media_type = "IMAGE"
    settings.file_format, settings.color_depth, settings.color_mode = "OPEN_EXR", "32", "RGBA"
    scene.render.use_compositing = scene.render.use_sequencer = False
    for each in scene.objects if name in ("cloth", "linked") else ():  # what is played is what is rendered
        each.hide_viewport = False
        for modifier in each.modifiers:
            modifier.show_viewport = modifier.show_render
            if modifier.type == "SUBSURF":
                modifier.levels = modifier.render_levels
    for frame in range(1, LAST + 1):
        scene.frame_set(frame)
    scene.cycles.seed = zlib.crc32(f"{scene.cycles.seed}/0/{LAST}".encode()) & 0x7FFFFFFF
    scene.render.filepath = str(folder / f"{name}.exr")
    bpy.ops.render.render(write_still=True)


MOVING = (rigid_bodies, cloth, soft_body, particles, hair, paint)

if __name__ == "__main__":
    place = Path(sys.argv[-1])
    newer = bpy.app.version >= (4, 3, 0)
    for make in (*MOVING, *([zone] if newer else [smoke]), still_things, baked):
        make()
        bpy.ops.wm.save_as_mainfile(filepath=str(place / f"{make.__name__}.blend"))
        if make not in (still_things, baked):
            play(place, make.__name__)
    linked(place)
    bpy.ops.wm.save_as_mainfile(filepath=str(place / "linked.blend"))
    play(place, "linked")
    for cache in (place / "blendcache_paint", place / "cache_fluid"):
        shutil.rmtree(cache, ignore_errors=True)  # what was played, not baked
