"""Cycles under another name, whose float32 pixels are read from memory instead of a file."""

from __future__ import annotations

from array import array
from typing import Any, ClassVar

import bpy
from cycles import CyclesRender

ENGINE = "FRONTBURNER_CYCLES"


class TappedCycles(CyclesRender):
    """Keeps the passes it renders: the number of channels and the values of each, rows from the bottom."""

    bl_idname = ENGINE
    bl_label = "Frontburner Cycles"
    passes: ClassVar[dict[str, tuple[int, Any]]] = {}

    def render(self, depsgraph: Any) -> None:
        """Render as Cycles does, and keep a copy of each pass if this Blender can copy a pass in one call."""
        super().render(depsgraph)
        result = self.get_result()
        for layer in result.layers:
            if layer.name == depsgraph.view_layer.name:
                for render_pass in layer.passes:
                    values = array("f", bytes(4 * result.resolution_x * result.resolution_y * render_pass.channels))
                    try:
                        render_pass.rect.foreach_get(values)
                    except TypeError:  # older versions expect another number of values
                        return
                    TappedCycles.passes[render_pass.name] = (render_pass.channels, values)


def register() -> None:
    """Register the engine, once per process."""
    if not hasattr(bpy.types, TappedCycles.__name__):
        bpy.utils.register_class(TappedCycles)
