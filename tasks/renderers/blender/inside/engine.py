"""Cycles under another name, whose pixels are read from memory: float32, and without any file."""

from __future__ import annotations

from array import array
from itertools import chain
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
        """Render as Cycles does, and keep a copy of each pass."""
        super().render(depsgraph)
        for layer in self.get_result().layers:
            if layer.name == depsgraph.view_layer.name:
                for one in layer.passes:
                    TappedCycles.passes[one.name] = (one.channels, _values(one))


def _values(one: Any) -> array[float]:
    """Copy a pass. Of one that is an array of arrays, an older Blender copies past the end: it is walked through."""
    if isinstance(one.rect[0], float):
        values = array("f", bytes(4 * len(one.rect)))
        one.rect.foreach_get(values)
        return values
    return array("f", chain.from_iterable(one.rect[:]))


def register() -> None:
    """Make the engine known; once a process."""
    if not hasattr(bpy.types, TappedCycles.__name__):
        bpy.utils.register_class(TappedCycles)
