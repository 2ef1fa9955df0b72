"""Frontburner in Blender: a panel in the render properties that renders the open file on the farm.

For Blender 3.4 and newer; from 4.2 on it is an extension (``blender_manifest.toml``).
"""

from __future__ import annotations

import bpy

from . import operators, panel, preferences, settings

bl_info = {
    "name": "Frontburner",
    "description": "Render on Frontburner, the farm of all your machines",
    "author": "Frontburner",
    "version": (0, 1, 0),
    "blender": (3, 4, 0),
    "location": "Properties > Render > Frontburner",
    "category": "Render",
}

CLASSES = (
    preferences.FrontburnerPreferences,
    settings.FrontburnerSettings,
    operators.FRONTBURNER_OT_render,
    operators.FRONTBURNER_OT_stop,
    panel.FRONTBURNER_PT_render,
)


def register() -> None:
    """Register the panel and the classes it needs."""
    for each in CLASSES:
        bpy.utils.register_class(each)
    bpy.types.Scene.frontburner = bpy.props.PointerProperty(type=settings.FrontburnerSettings)


def unregister() -> None:
    """Unregister everything, and end a run that goes on."""
    operators.end()
    del bpy.types.Scene.frontburner
    for each in reversed(CLASSES):
        bpy.utils.unregister_class(each)
