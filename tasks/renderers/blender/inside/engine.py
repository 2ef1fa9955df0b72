"""Cycles under another name, whose pixels are read from memory: float32, and without any file."""

from array import array
from itertools import chain

import bpy
from cycles import CyclesRender

ENGINE = "FRONTBURNER_CYCLES"


class TappedCycles(CyclesRender):
    """Keeps the passes of what it renders: of each its number of channels and its values, rows from the bottom."""

    bl_idname = ENGINE
    bl_label = "Frontburner Cycles"
    passes = {}

    def render(self, depsgraph):
        """Render as Cycles does, and keep a copy of each pass."""
        super().render(depsgraph)
        result = self.get_result()
        kept = {}
        for layer in result.layers:
            if layer.name == depsgraph.view_layer.name:
                for one in layer.passes:
                    kept[one.name] = (one.channels, _values(one))
        TappedCycles.passes = kept


def _values(one):
    """Copy a pass. Of one that is an array of arrays, an older Blender copies past the end: it is walked through."""
    if isinstance(one.rect[0], float):
        values = array("f", bytes(4 * len(one.rect)))
        one.rect.foreach_get(values)
        return values
    return array("f", chain.from_iterable(one.rect[:]))


def register():
    """Make the engine known; once a process."""
    if not hasattr(bpy.types, "TappedCycles"):
        bpy.utils.register_class(TappedCycles)
