"""Cycles under another name, whose pixels are read from memory: float32, and without any file."""

from __future__ import annotations

from array import array
from typing import Any, ClassVar

import bpy
from cycles import CyclesRender

ENGINE = "FRONTBURNER_CYCLES"


class TappedCycles(CyclesRender):
    """Keeps the passes of what it renders: of each its number of channels and its values, rows from the bottom."""

    bl_idname = ENGINE
    bl_label = "Frontburner Cycles"
    passes: ClassVar[dict[str, tuple[int, Any]]] = {}

    def render(self, depsgraph: Any) -> None:
        """Render as Cycles does, and keep a copy of each pass, if this Blender can copy them at once."""
        super().render(depsgraph)
        result = self.get_result()
        for layer in result.layers:
            if layer.name == depsgraph.view_layer.name:
                for one in layer.passes:
                    values = array("f", bytes(4 * result.resolution_x * result.resolution_y * one.channels))
                    try:
                        one.rect.foreach_get(values)
                    except TypeError:  # older ones take a row of pixels for a row of values
                        return
                    TappedCycles.passes[one.name] = (one.channels, values)


def register() -> None:
    """Make the engine known; once a process."""
    if not hasattr(bpy.types, TappedCycles.__name__):
        bpy.utils.register_class(TappedCycles)
