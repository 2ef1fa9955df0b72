"""Simulations of an open file that aren't baked: a frame of one is only right if all frames before it came before.

One file over 300 lines: one table of kinds, and how each is told, played and kept.
"""

from __future__ import annotations

import math
import re
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

if TYPE_CHECKING:
    from collections.abc import Iterator

OLDEST_PACKED = (4, 3, 0)
"""The first Blender that keeps bakes of geometry nodes in the file."""
_FLUID_FILE = re.compile(r"(config|fluid_\w+)_\d+\.\w+")
_FRAME = re.compile(r"_(\d+)\.")
"""In the name of a fluid's file."""
_STATIC_PHYSICS = ("NO", "KEYED")
"""Physics of particles whose places follow from the frame alone."""


class Simulation(ABC):
    """A simulation.

    Parameters
    ----------
    name
        What it is of which object, such as ``cloth of Flag``.
    owner
        The object it belongs to, or the scene.
    frames
        Its first and last frame. At the first one it is at rest, and after the last one it stays.
    """

    def __init__(self, name: str, owner: Any, frames: tuple[int, int]) -> None:
        self.name, self.owner = name, owner
        self.first, self.last = frames

    @property
    @abstractmethod
    def is_baked(self) -> bool:
        """Whether it is baked now."""

    @property
    def can_be_baked(self) -> bool:
        """Whether a bake of it is kept in a copy of the file. What belongs to another file isn't."""
        return self.owner.library is None and self.owner.override_library is None


class CachedSimulation(Simulation):
    """A simulation with a point cache."""

    def __init__(self, name: str, owner: Any, cache: Any, *, on_disk: bool = False, hair: bool = False) -> None:
        super().__init__(f"{name} of {owner.name}", owner, (cache.frame_start, cache.frame_end))
        self.cache, self.on_disk, self._hair = cache, on_disk, hair

    @property
    def is_baked(self) -> bool:
        """Whether it is baked now."""
        return bool(self.cache.is_baked)

    @property
    def can_be_baked(self) -> bool:
        """As of others; not of hair, whose strands are lost with it unless Blender has a window."""
        return super().can_be_baked and not self._hair


class Fluid(Simulation):
    """Smoke or liquid, which is kept in a folder."""

    def __init__(self, owner: Any, domain: Any) -> None:
        name = f"{'smoke' if domain.domain_type == 'GAS' else 'liquid'} of {owner.name}"
        super().__init__(name, owner, (domain.cache_frame_start, domain.cache_frame_end))
        self.domain = domain

    @property
    def is_baked(self) -> bool:
        """Whether it is baked, or was kept as it was played."""
        return bool(self.domain.has_cache_baked_any) or len(self._frames_kept) > 1

    @property
    def folder(self) -> Path:
        """Where it is kept."""
        return Path(bpy.path.abspath(self.domain.cache_directory))

    @property
    def _frames_kept(self) -> set[str]:
        """Frames that were kept as they were played; the one at which the file is opened is kept by that alone."""
        data = self.folder / "data"
        names = data.iterdir() if data.is_dir() and not data.is_relative_to(bpy.app.tempdir) else ()
        return {number[1] for number in (_FRAME.search(path.name) for path in names) if number}


class Zone(Simulation):
    """A simulation zone of geometry nodes."""

    def __init__(self, scene: Any, owner: Any, modifier: Any, zone: Any) -> None:
        super().__init__(f"simulation {modifier.name} of {owner.name}", owner, _zone_frames(scene, zone))
        self.modifier, self.bake_id = modifier, zone.bake_id

    @property
    def zone(self) -> Any:
        """What its modifier knows of the zone."""
        return next(each for each in self.modifier.bakes if each.bake_id == self.bake_id)

    @property
    def is_baked(self) -> bool:
        """Whether it is baked, to a folder or into the file. Nothing says so: a copy of the object is unpacked."""
        zone = self.zone
        own = zone.directory if zone.use_custom_path else f"{self.modifier.bake_directory or '//'}/{self.bake_id}"
        if (Path(bpy.path.abspath(own)) / "meta").is_dir():
            return True
        return bpy.app.version >= OLDEST_PACKED and self._is_packed()

    @property
    def can_be_baked(self) -> bool:
        """As of others, in a Blender that keeps it in the file."""
        return super().can_be_baked and bpy.app.version >= OLDEST_PACKED

    def _is_packed(self) -> bool:
        probe, scratch = self.owner.copy(), tempfile.mkdtemp(prefix="frontburner-")
        try:
            copied = probe.modifiers[self.modifier.name]
            copied.bake_directory = scratch
            for each in copied.bakes:
                each.use_custom_path = False
            unpack = bpy.ops.object.geometry_node_bake_unpack_single
            target = {"session_uid": probe.session_uid, "modifier_name": copied.name, "bake_id": self.bake_id}
            return "FINISHED" in unpack(**target, method="WRITE_ORIGINAL")
        finally:
            bpy.data.objects.remove(probe)
            shutil.rmtree(scratch, ignore_errors=True)


def describe(scene: Any, layer: Any) -> list[dict[str, Any]]:
    """Return the simulations of a scene that aren't baked, as plain values, their frames as a job counts them."""
    stretch, blur, found = stretch_of(scene), int(scene.render.use_motion_blur), unbaked(scene, layer)
    return [
        {
            "name": each.name,
            "first": math.floor(each.first / stretch) - blur,
            "last": math.ceil(each.last / stretch),
            "played": _must_be_played(found),
        }
        for each in found
    ]


def first_played(scene: Any, layer: Any) -> int | None:
    """Return the frame from which a scene has to be played to any other; None if it needn't be played."""
    found = unbaked(scene, layer)
    return math.floor(min(each.first for each in found) / stretch_of(scene)) if _must_be_played(found) else None


def _must_be_played(found: list[Simulation]) -> bool:
    """Whether a simulation can't be baked. Then none is, since they depend on each other."""
    return any(not each.can_be_baked for each in found)


def unbaked(scene: Any, layer: Any) -> list[Simulation]:
    """Return the simulations of a view layer that aren't baked."""
    return [each for each in _simulations(scene, layer) if each.last > each.first and not each.is_baked]


def stretch_of(scene: Any) -> float:
    """Return how many frames of the animation one frame of the job is: time may be remapped."""
    return float(scene.render.frame_map_old / scene.render.frame_map_new)


def objects_of(layer: Any) -> list[Any]:
    """Return a layer's objects, and those of collections that it instances."""
    found = dict.fromkeys(layer.objects)
    waiting = list(found)
    while waiting:
        each = waiting.pop()
        collection = each.instance_collection if each.instance_type == "COLLECTION" else None
        more = [other for other in (collection.all_objects if collection else ()) if other not in found]
        found.update(dict.fromkeys(more))
        waiting += more
    return list(found)


def cached(scene: Any, layer: Any) -> Iterator[CachedSimulation]:
    """Give the simulations that have a point cache, baked or not."""
    world = scene.rigidbody_world
    if world is not None and world.enabled and world.collection is not None:
        bodies = [o.rigid_body for o in world.collection.objects if o.rigid_body is not None]
        if any(body.type == "ACTIVE" and body.enabled for body in bodies):
            yield CachedSimulation("rigid bodies", scene, world.point_cache)
    for owner in objects_of(layer):
        for modifier in owner.modifiers:
            if modifier.show_render:
                yield from _of_modifier(owner, modifier)


def fluids(layer: Any) -> list[Fluid]:
    """Return the fluids, baked or not."""
    return [
        Fluid(owner, modifier.domain_settings)
        for owner in objects_of(layer)
        for modifier in owner.modifiers
        if modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN" and modifier.show_render
    ]


def _simulations(scene: Any, layer: Any) -> Iterator[Simulation]:
    yield from cached(scene, layer)
    yield from fluids(layer)
    for owner in objects_of(layer):
        for modifier in owner.modifiers:
            if modifier.type == "NODES" and modifier.show_render:
                for each in getattr(modifier, "bakes", ()):
                    if each.node is not None and each.node.bl_idname == "GeometryNodeSimulationOutput":
                        yield Zone(scene, owner, modifier, each)


def _of_modifier(owner: Any, modifier: Any) -> list[CachedSimulation]:
    match modifier.type:
        case "CLOTH":
            return [CachedSimulation("cloth", owner, modifier.point_cache)]
        case "SOFT_BODY":
            return [CachedSimulation("soft body", owner, modifier.point_cache)]
        case "DYNAMIC_PAINT":
            surfaces = modifier.canvas_settings.canvas_surfaces if modifier.canvas_settings else ()
            drawn = [each for each in surfaces if each.is_active and each.surface_format == "VERTEX"]
            return [
                CachedSimulation(f"dynamic paint {each.name}", owner, each.point_cache, on_disk=True) for each in drawn
            ]
        case "PARTICLE_SYSTEM":
            return _of_particles(owner, modifier.particle_system)
    return []


def _of_particles(owner: Any, system: Any) -> list[CachedSimulation]:
    settings = system.settings
    if settings.type == "HAIR" and system.use_hair_dynamics:
        return [CachedSimulation(f"hair {system.name}", owner, system.point_cache, hair=True)]
    if settings.type == "EMITTER" and settings.physics_type not in _STATIC_PHYSICS:
        return [CachedSimulation(f"particles {system.name}", owner, system.point_cache)]
    return []


def _zone_frames(scene: Any, zone: Any) -> tuple[int, int]:
    if zone.use_custom_simulation_frame_range:
        return zone.frame_start, zone.frame_end
    if getattr(scene, "use_custom_simulation_range", False):
        return scene.simulation_frame_start, scene.simulation_frame_end
    return scene.frame_start, scene.frame_end


@contextmanager
def nothing_written_beside(path: str) -> Iterator[None]:
    """Open a file in this context: simulations that aren't baked then write nothing beside it, now and later."""
    caches = Path(path).with_name(f"blendcache_{Path(path).stem}")
    existed, began_s = caches.exists(), time.time()
    yield
    for scene in bpy.data.scenes:
        for layer in scene.view_layers:
            _keep_apart(scene, layer, began_s)
    if not existed:  # merely opening a file makes it
        now = f"_{bpy.context.scene.frame_current:06d}"
        _remove(caches, [path for path in caches.glob("*.bphys") if now in path.name])


def _keep_apart(scene: Any, layer: Any, began_s: float) -> None:
    """Have no cache that isn't baked written beside the file: in memory instead, or elsewhere if it can't be there.

    A disk cache of rigid bodies isn't touched: to do so crashes Blender.
    """
    for each in cached(scene, layer):
        cache = each.cache
        if cache.is_baked or cache.use_external or not cache.use_disk_cache or each.owner == scene:
            continue
        if each.on_disk:
            cache.name, cache.filepath = "cache", tempfile.mkdtemp(dir=bpy.app.tempdir)
            cache.use_external = True
            cache.frame_start, cache.frame_end = each.first, each.last
        else:
            cache.use_disk_cache = False
    for fluid in fluids(layer):
        if not fluid.is_baked:
            for folder in (fluid.folder / name for name in ("config", "data") if fluid.domain.cache_directory):
                written = [path for path in folder.glob("*") if _FLUID_FILE.fullmatch(path.name)]
                if written and all(path.stat().st_mtime >= began_s for path in written):
                    _remove(folder, written)
                    _remove(fluid.folder, [])
            fluid.domain.cache_directory = tempfile.mkdtemp(dir=bpy.app.tempdir)


def _remove(folder: Path, files: list[Path]) -> None:
    """Remove files that opening a file wrote, and their folder if it is empty then."""
    with suppress(OSError):
        for path in files:
            path.unlink()
        folder.rmdir()
