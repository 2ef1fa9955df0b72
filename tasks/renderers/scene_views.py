"""Finds what a scene's own colours are made with on this machine: the configuration of the program it was made in."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.renderers.blender.builds import colour_config

if TYPE_CHECKING:
    from storage.scene_view import SceneView


def view_here(scene: SceneView | None) -> SceneView | None:
    """Return a scene's colour management with the path of its configuration on this machine, if it is here."""
    if scene is None:
        return None
    _, _, build = scene.program.partition(" ")
    return replace(scene, config=colour_config(build))
