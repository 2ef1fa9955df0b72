"""Finds what makes regions or ranges of samples differ from the whole picture, so that only whole frames are right.

The file is looked at once, for all frames: what is animated or driven counts as being on.
"""

from __future__ import annotations

from typing import Any

import bpy

from . import animated

VOLUMES = "Its volumes are rendered as the whole picture so far suggests, so its frames can't be cut."
CATCHER = "Its shadow catcher is measured against all samples of a pixel, so its frames can't be cut."


def because(scene: Any) -> str:
    """Return why a scene can't be rendered in parts, in a sentence; empty if it can."""
    # Blender 5.0's unbiased volumes learn from the pixels around them; the biased ones march in steps.
    if _is_unbiased(scene) and _has_volumes(scene):
        return VOLUMES
    # Of a light it says that it lights catchers, and is on for all.
    return CATCHER if any(_catches(thing) for thing in bpy.data.objects if thing.type != "LIGHT") else ""


def _is_unbiased(scene: Any) -> bool:
    """Whether volumes are rendered without bias, in any frame."""
    if not hasattr(scene.cycles, "volume_biased"):
        return False
    return not scene.cycles.volume_biased or animated.has_curves(scene, "cycles.volume_biased")


def _catches(thing: Any) -> bool:
    """Whether an object catches shadows, in any frame."""
    return bool(thing.is_shadow_catcher) or animated.has_curves(thing, "is_shadow_catcher")


def _has_volumes(scene: Any) -> bool:
    """Whether there is anything that could be rendered as a volume."""
    shaders = [material for material in bpy.data.materials if material.users]
    return bool(bpy.data.volumes) or any(_is_volume(shader) for shader in [*shaders, scene.world] if shader)


def _is_volume(shader: Any) -> bool:
    """Whether something is connected to the volume of a material or world."""
    nodes = shader.node_tree.nodes if shader.node_tree else ()
    outputs = [node for node in nodes if node.type in ("OUTPUT_MATERIAL", "OUTPUT_WORLD")]
    return any(node.inputs["Volume"].is_linked for node in outputs)
