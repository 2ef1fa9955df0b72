"""What a view layer uses, by Blender's own dependency graph for rendering."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import bpy

from . import animated

if TYPE_CHECKING:
    from collections.abc import Iterator

_ENGINE = "FRONTBURNER_LOOK"
_SIDE_PX = 16
"""Of the picture that isn't rendered: Blender refuses the smallest ones, and makes room for large ones."""
_EVALUATED = ("PARTICLE_SYSTEM", "PARTICLE_INSTANCE")
"""Modifiers that decide which objects are used."""


class Looking(bpy.types.RenderEngine):
    """An engine that renders nothing, and keeps what the dependency graph has."""

    bl_idname = _ENGINE
    bl_label = "Frontburner Look"
    found: ClassVar[set[Any]] = set()

    def update(self, data: Any, depsgraph: Any) -> None:  # noqa: ARG002 - Blender calls it so
        """Keep the data in the dependency graph."""
        Looking.found = {each.original for each in depsgraph.ids}

    def render(self, depsgraph: Any) -> None:
        """Render nothing."""


def used_data(scene: Any, layer: Any) -> set[Any]:
    """Return the data a view layer uses: without orphans, and what is hidden or excluded in every frame."""
    if not Looking.is_registered:
        bpy.utils.register_class(Looking)
    Looking.found = set()
    with _only_looking(scene, layer), _some_camera(scene):
        bpy.ops.render.render(scene=scene.name)
    found, Looking.found = Looking.found, set()
    return found


@contextmanager
def _only_looking(scene: Any, layer: Any) -> Iterator[None]:
    """Have the next render look at one view layer alone, and evaluate as little as possible.

    Modifiers that are off still count as relations. On, they would take as long as a render does to begin, and
    simulations would write into their caches.
    """
    render = scene.render
    off = ("use_compositing", "use_sequencer", "use_multiview", "use_freestyle", "use_motion_blur")
    size = {"resolution_x": _SIDE_PX, "resolution_y": _SIDE_PX, "resolution_percentage": 100, "use_border": False}
    wanted = [(render, "engine", _ENGINE), *((render, name, value) for name, value in size.items())]
    wanted += [(render, name, False) for name in off]
    wanted += [(other, "use", other == layer) for other in scene.view_layers]
    wanted += [
        (modifier, "show_render", False)
        for each in bpy.data.objects
        for modifier in each.modifiers
        if modifier.type not in _EVALUATED
    ]
    before = [(holder, name, getattr(holder, name)) for holder, name, value in wanted if getattr(holder, name) != value]
    for holder, name, value in wanted:
        if getattr(holder, name) != value:
            setattr(holder, name, value)
    try:
        yield
    finally:
        for holder, name, value in before:
            setattr(holder, name, value)


@contextmanager
def _some_camera(scene: Any) -> Iterator[None]:
    """Have the scene a camera, without which Blender doesn't begin to render."""
    if scene.camera is not None:
        yield
        return
    data = bpy.data.cameras.new("Frontburner")
    camera = scene.camera = bpy.data.objects.new("Frontburner", data)
    try:
        yield
    finally:
        Looking.found.difference_update((camera, data))
        bpy.data.objects.remove(camera)
        bpy.data.cameras.remove(data)


def animated_paths(data: Any) -> set[str]:
    """Return the paths of properties of some data that keys or drivers change."""
    return {curve.data_path for curve in animated.curves(data)}


def modifiers(used: Any) -> Iterator[tuple[Any, Any, bool]]:
    """List the modifiers of the objects among some data, each with its object and whether it may render."""
    for each in used:
        if isinstance(each, bpy.types.Object) and each.modifiers:
            keyed = animated_paths(each)
            for modifier in each.modifiers:
                yield each, modifier, modifier.show_render or f'modifiers["{modifier.name}"].show_render' in keyed
