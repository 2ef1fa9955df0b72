"""Make ``room.blend``: a small room for the contract suite. Run by the Python that has ``bpy``."""

import sys

import bpy

bpy.ops.wm.read_factory_settings(use_empty=True)
scene = bpy.context.scene
scene.render.engine = "CYCLES"
scene.render.resolution_x, scene.render.resolution_y = 48, 40
scene.cycles.samples = 8
scene.cycles.use_adaptive_sampling = False
scene.cycles.use_denoising = False
scene.frame_start, scene.frame_end = 1, 4


def material(
    name: str, colour: tuple[float, float, float], *, roughness: float, metal: float = 0.0
) -> bpy.types.Material:
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    shader = made.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness
    shader.inputs["Metallic"].default_value = metal
    return made


def give(made: bpy.types.Material) -> None:
    bpy.context.object.data.materials.append(made)


bpy.ops.mesh.primitive_plane_add(size=8)
give(material("floor", (0.6, 0.5, 0.4), roughness=0.8))
bpy.ops.mesh.primitive_uv_sphere_add(radius=0.8, location=(-0.9, 0.2, 0.8))
give(material("ball", (0.8, 0.2, 0.1), roughness=0.2))
bpy.ops.mesh.primitive_cube_add(size=1.2, location=(0.9, 0.4, 0.6))
give(material("box", (0.9, 0.9, 0.9), roughness=0.1, metal=1.0))
box = bpy.context.object
for frame, angle in ((1, 0.0), (4, 0.6)):
    box.rotation_euler.z = angle
    box.keyframe_insert("rotation_euler", frame=frame)
bpy.ops.object.light_add(type="AREA", location=(1.5, -1.5, 3.0))
bpy.context.object.data.energy, bpy.context.object.data.size = 120.0, 1.5
for name, at in (("Front", (0.0, -4.2, 1.8)), ("Side", (4.0, -1.5, 2.0))):
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    camera.location = at
    camera.rotation_euler = (-camera.location).to_track_quat("-Z", "Y").to_euler()
    scene.collection.objects.link(camera)
    scene.camera = scene.camera or camera
bpy.ops.wm.save_as_mainfile(filepath=sys.argv[-1], compress=True)
