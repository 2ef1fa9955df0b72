"""Bakes the simulations of the open file, or plays them where they can't be baked."""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import bpy

from .simulations import CachedSimulation, Fluid, Simulation, Zone, cached, fluids, objects_of, stretch_of, unbaked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROGRESS_FILE = "progress"
"""In the folder of a bake: the frame it is at, the last one, and what is baked."""
FILES_FOLDER = "files"
"""In the folder of a bake: what the copy needs besides itself."""


class Bake:
    """What a bake needs.

    Parameters
    ----------
    scene, layer
        What is rendered.
    through
        The last frame that is needed.
    folder
        For what isn't kept in the file.
    """

    def __init__(self, scene: Any, layer: Any, through: int, folder: Path) -> None:
        self.scene, self.layer, self.through, self.folder = scene, layer, through, folder

    def run(self, each: Simulation) -> None:
        """Bake a simulation, and with it what it can't be baked without. Raises `RuntimeError`."""
        with _progress(self.folder, each.name, min(each.last, self.through)):
            match each:
                case CachedSimulation():
                    self._bake_caches()
                case Fluid():
                    self._bake_fluid(each)
                case Zone():
                    self._bake_zone(each)

    def _bake_caches(self) -> None:
        """Bake all point caches at once, since they depend on each other; later calls find nothing to do."""
        found = [each for each in cached(self.scene, self.layer) if not each.is_baked]
        for number, each in enumerate(found):
            if each.on_disk:
                folder = self._files(f"cache{number}")
                folder.mkdir(parents=True)
                each.cache.filepath = str(folder)
            each.cache.frame_start, each.cache.frame_end = each.first, self._last(each)
        if found:
            with bpy.context.temp_override(scene=self.scene, view_layer=self.layer):
                bpy.ops.ptcache.bake_all(bake=True)

    def _bake_fluid(self, each: Fluid) -> None:
        each.domain.cache_directory = str(self._files(f"fluid-{each.owner.name}"))
        each.domain.cache_type, each.domain.cache_frame_end = "ALL", self._last(each)
        with self._override(each):
            bpy.ops.fluid.bake_all()

    def _bake_zone(self, each: Zone) -> None:
        zone = each.zone
        zone.use_custom_simulation_frame_range = True
        zone.frame_start, zone.frame_end, zone.bake_target = each.first, self._last(each), "PACKED"
        target = {"session_uid": each.owner.session_uid, "modifier_name": each.modifier.name, "bake_id": each.bake_id}
        with self._override(each):
            bpy.ops.object.geometry_node_bake_single(**target)

    def _last(self, each: Simulation) -> int:
        return max(each.first, min(each.last, self.through))

    def _files(self, name: str) -> Path:
        return self.folder / FILES_FOLDER / name

    def _override(self, each: Simulation) -> Any:
        return bpy.context.temp_override(
            scene=self.scene, view_layer=self.layer, object=each.owner, active_object=each.owner
        )


def bake(scene: Any, layer: Any, through: int, folder: Path) -> None:
    """Bake all simulations up to a frame of the job.

    Raises
    ------
    RuntimeError
        When one can't be baked; it names that one.
    """
    task, current = Bake(scene, layer, math.ceil(through * stretch_of(scene)), folder), scene.frame_current
    found = sorted(unbaked(scene, layer), key=lambda each: each.first)
    with as_rendered(scene, layer):
        for each in found:
            try:
                task.run(each)
            except RuntimeError as error:
                raise RuntimeError(f"{each.name}: {' '.join(str(error).split())}") from error
    scene.frame_set(current)
    failed = [each.name for each in found if not each.is_baked]
    if failed:
        raise RuntimeError(f"{failed[0]}: Blender doesn't say why")


def place_files(scene: Any, layer: Any, folder: Path, place: str) -> None:
    """Have baked files that lie in a bake's folder be found in another place."""
    files = str(folder / FILES_FOLDER)
    named = [(each.cache, "filepath") for each in cached(scene, layer) if each.cache.use_external]
    named += [(each.domain, "cache_directory") for each in fluids(layer)]
    for data, name in named:
        path = getattr(data, name)
        if path.startswith(files):
            setattr(data, name, place + path.removeprefix(files))


def play(scene: Any, layer: Any, frames: range) -> None:
    """Play frames in order, as they are rendered."""
    for data, values in _screen_settings(scene, layer):
        for name, value in values.items():
            if not name.startswith("frame_map") and getattr(data, name) != value:
                setattr(data, name, value)
    for frame in frames:
        scene.frame_set(frame)


@contextmanager
def as_rendered(scene: Any, layer: Any) -> Iterator[None]:
    """Have what is evaluated for the screen, as it is while baking, be what is rendered."""
    before: list[tuple[Any, str, object]] = []
    try:
        for data, values in _screen_settings(scene, layer):
            for name, value in values.items():
                if getattr(data, name) != value:
                    before.append((data, name, getattr(data, name)))
                    setattr(data, name, value)
        yield
    finally:
        for data, name, value in reversed(before):
            setattr(data, name, value)


def _screen_settings(scene: Any, layer: Any) -> Iterator[tuple[Any, dict[str, object]]]:
    """Give what has settings of its own for the screen, with the values that rendering has."""
    render = scene.render
    subdivision, children = render.simplify_subdivision_render, render.simplify_child_particles_render
    yield render, {"simplify_subdivision": subdivision, "simplify_child_particles": children}
    yield render, {"frame_map_old": 100, "frame_map_new": 100}
    for each in _collections(layer.layer_collection):
        yield each, {"hide_viewport": False}
        yield each.collection, {"hide_viewport": each.collection.hide_render}
    for each in objects_of(layer):
        yield each, {"hide_viewport": False}
        for modifier in each.modifiers:
            yield modifier, {"show_viewport": modifier.show_render}
            if modifier.type in ("SUBSURF", "MULTIRES"):
                yield modifier, {"levels": modifier.render_levels}


def _collections(root: Any) -> list[Any]:
    """Return a layer's collection and all within it."""
    return [root, *(each for child in root.children for each in _collections(child))]


@contextmanager
def _progress(folder: Path, what: str, last: int) -> Iterator[None]:
    """Keep a file up to date with the frame that is baked."""

    def write(frame: int) -> None:
        scratch = folder / f"{PROGRESS_FILE}.new"
        scratch.write_text(f"{frame}\n{last}\n{what}", encoding="utf-8")
        scratch.replace(folder / PROGRESS_FILE)

    def note(scene: Any, *_: Any) -> None:
        write(scene.frame_current)

    handlers = bpy.app.handlers.frame_change_post
    write(0)
    handlers.append(note)
    try:
        yield
    finally:
        handlers.remove(note)
