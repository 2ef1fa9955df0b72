"""A small scene whose picture is known in closed form: a diffuse plane under a uniform sky."""

from __future__ import annotations

from typing import Any

import bpy

from .stage import Stage

ALBEDO = (0.25, 0.5, 0.75)
"""Of the plane. The sky's brightness is one, so this is the picture's colour."""


def build_scene() -> tuple[Stage, dict[str, Any]]:
    """Build the scene; returns its stage and its frame."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_plane_add(size=1000)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (0, 0, 5)
    scene.collection.objects.link(camera)
    scene.camera = camera
    material = bpy.data.materials.new("Diffuse")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    diffuse, output = nodes.new("ShaderNodeBsdfDiffuse"), nodes.new("ShaderNodeOutputMaterial")
    diffuse.inputs["Color"].default_value = (*ALBEDO, 1.0)
    material.node_tree.links.new(diffuse.outputs[0], output.inputs["Surface"])
    bpy.context.object.data.materials.append(material)
    world = bpy.data.worlds.new("World")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 1.0
    scene.world = world
    stage = Stage()
    stage.adopt("canary", "")
    return stage, {
        "scene": "canary", "content": "", "tree": "", "source": "", "frame": 1, "size": [16, 16], "samples": 4,
        "seed": 0, "camera": None, "parameters": {}, "aovs": [], "allow_scripts": False,
    }  # fmt: skip
