"""A small scene with a known picture: what renders it otherwise renders no job."""

from __future__ import annotations

import bpy

from .stage import Stage

SIZE = [16, 16]
_TOLERANCE = 0.02
_EXPECTED = (0.25, 0.5, 0.75)
"""Albedo of a matt plane that sees nothing but an even sky of brightness one: what it sends back, by closed form."""


def fault(device: str) -> str:
    """Say what is wrong with the canary's picture; empty if it is as it must be."""
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
    matt.inputs["Color"].default_value = (*_EXPECTED, 1.0)
    material.node_tree.links.new(matt.outputs[0], output.inputs["Surface"])
    bpy.context.object.data.materials.append(material)
    world = bpy.data.worlds.new("World")
    world.use_nodes = True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (1, 1, 1, 1)
    world.node_tree.nodes["Background"].inputs["Strength"].default_value = 1.0
    scene.world = world
    stage = Stage()
    stage.take("canary", "")
    frame = {
        "scene": "canary", "scene_digest": "", "frame": 1, "size": SIZE, "samples": 4, "seed": 0, "camera": None,
        "parameters": {}, "aovs": [],
    }  # fmt: skip
    passes, _ = stage.render(frame, [0, 0, *SIZE], [0, 4], 1, device)
    _, values = passes["Combined"]
    found = [sum(values[colour::4]) / len(values[colour::4]) for colour in range(3)]
    off = max(abs(value - expected) for value, expected in zip(found, _EXPECTED, strict=True))
    return "" if off <= _TOLERANCE else f"its small scene is {found} instead of {_EXPECTED}"
