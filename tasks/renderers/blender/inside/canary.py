"""A small scene whose picture is known by closed form: a matt plane that sees nothing but an even sky."""

from __future__ import annotations

from typing import Any

import bpy

from .stage import Stage

ALBEDO = (0.25, 0.5, 0.75)
"""Of the plane; the sky's brightness is one, so this is what comes back."""


def made() -> tuple[Stage, dict[str, Any]]:
    """Return the scene and its frame."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    bpy.ops.mesh.primitive_plane_add(size=1000)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (0, 0, 5)
    scene.collection.objects.link(camera)
    scene.camera = camera
    material = bpy.data.materials.new("Matt")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes.clear()
    matt, output = nodes.new("ShaderNodeBsdfDiffuse"), nodes.new("ShaderNodeOutputMaterial")
    matt.inputs["Color"].default_value = (*ALBEDO, 1.0)
    material.node_tree.links.new(matt.outputs[0], output.inputs["Surface"])
    bpy.context.object.data.materials.append(material)
    world = bpy.data.worlds.new("World")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 1.0
    scene.world = world
    stage = Stage()
    stage.take("canary", "")
    return stage, {
        "scene": "canary", "scene_digest": "", "tree": "", "frame": 1, "size": [16, 16], "samples": 4,
        "seed": 0, "camera": None, "parameters": {}, "aovs": [],
    }  # fmt: skip
