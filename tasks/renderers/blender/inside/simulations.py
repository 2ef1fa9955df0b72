"""Simulations of an open file: what isn't baked is found, and is baked into a copy of the file.

Frames are rendered in any order, and a simulation that isn't baked is only right if all earlier frames came before.
"""

from __future__ import annotations

import math
import shutil
import tempfile
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROGRESS_FILE = "progress"
"""In the folder of a bake: the frame it is at, the last one, and what is baked."""
FILES_FOLDER = "files"
"""In the folder of a bake: what the copy needs besides itself."""
_HAIR = "hair "
_PAINT = "dynamic paint"
_STATIC_PHYSICS = ("NO", "KEYED")
"""Physics of particles whose places follow from the frame alone."""
_OLDEST_PACKED = (4, 3, 0)
"""The first Blender that keeps bakes of geometry nodes in the file."""


class Simulation:
    """A simulation that isn't baked.

    Parameters
    ----------
    name
        What it is of which object, such as ``cloth of Flag``.
    owner
        The object it belongs to, or the scene.
    frames
        Its first and last frame. At the first one it is at rest, and after the last one it stays.
    bake
        Bakes it up to a frame.
    is_baked
        Whether it is baked now.
    """

    def __init__(
        self,
        name: str,
        owner: Any,
        frames: tuple[int, int],
        bake: Callable[[Bake], object],
        is_baked: Callable[[], bool],
    ) -> None:
        self.name, self.owner, self.bake, self.is_baked = name, owner, bake, is_baked
        self.first, self.last = frames


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


def describe(scene: Any, layer: Any) -> list[dict[str, Any]]:
    """Return the simulations of a scene that aren't baked, as plain values, their frames as a job counts them."""
    stretch, blur = _stretch(scene), 1 if scene.render.use_motion_blur else 0
    return [
        {
            "name": found.name,
            "first": math.floor(found.first / stretch) - blur,
            "last": math.ceil(found.last / stretch),
        }
        for found in unbaked(scene, layer)
    ]


def unbaked(scene: Any, layer: Any) -> list[Simulation]:
    """Return the simulations that rendering this view layer needs, and that aren't baked."""
    objects = _objects(layer)
    found = [
        Simulation(name, owner, (cache.frame_start, cache.frame_end), _bake_caches, partial(_value, cache, "is_baked"))
        for name, owner, cache in _point_caches(scene, objects)
        if not cache.is_baked
    ]
    found += [each for owner in objects for each in _fluids(owner)]
    found += [each for owner in objects for each in _zones(scene, owner)]
    return [each for each in found if each.last > each.first]


def bake(scene: Any, layer: Any, through: int, folder: Path) -> list[str]:
    """Bake all simulations up to a frame of the job; returns their names.

    Raises
    ------
    RuntimeError
        When one can't be baked; it names that one.
    """
    task = Bake(scene, layer, math.ceil(through * _stretch(scene)), folder)
    found = sorted(unbaked(scene, layer), key=lambda each: each.first)
    for each in found:
        if each.owner.library is not None or each.owner.override_library is not None:
            raise RuntimeError(f"{each.name}: it is linked from another file, where it has to be baked")
        if each.name.startswith(_HAIR):
            raise RuntimeError(f"{each.name}: hair can only be baked in Blender's window")
    current = scene.frame_current
    with _as_rendered(scene, layer):
        for each in found:
            with _progress(folder, each.name, min(each.last, task.through)):
                try:
                    each.bake(task)
                except RuntimeError as error:
                    raise RuntimeError(f"{each.name}: {' '.join(str(error).split())}") from error
    scene.frame_set(current)
    failed = [each.name for each in found if not each.is_baked()]
    if failed:
        raise RuntimeError(f"{failed[0]}: Blender doesn't say why")
    return [each.name for each in found]


@contextmanager
def nothing_written_beside(path: str) -> Iterator[None]:
    """Open a file in this context: simulations that aren't baked then write nothing beside it, now and later."""
    caches = Path(path).with_name(f"blendcache_{Path(path).stem}")
    existed = caches.exists()
    yield
    for scene in bpy.data.scenes:
        for layer in scene.view_layers:
            _keep_apart(scene, layer)
    if not existed:  # merely opening a file makes it
        shutil.rmtree(caches, ignore_errors=True)


def place_files(scene: Any, layer: Any, folder: Path, place: str) -> None:
    """Have baked files that lie in a bake's folder be found in another place."""
    files = str(folder / FILES_FOLDER)
    named = [(cache, "filepath") for _, _, cache in _point_caches(scene, _objects(layer)) if cache.use_external]
    named += [(domain, "cache_directory") for owner in _objects(layer) for domain in _domains(owner)]
    for data, name in named:
        path = getattr(data, name)
        if path.startswith(files):
            setattr(data, name, place + path.removeprefix(files))


def _value(data: Any, name: str) -> bool:
    return bool(getattr(data, name))


def _stretch(scene: Any) -> float:
    """Return how many frames of the animation one frame of the job is: time may be remapped."""
    return float(scene.render.frame_map_new / scene.render.frame_map_old)


def _objects(layer: Any) -> list[Any]:
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


def _point_caches(scene: Any, objects: list[Any]) -> Iterator[tuple[str, Any, Any]]:
    """Give each point cache that a simulation uses, with a name and its owner."""
    world = scene.rigidbody_world
    if world is not None and world.enabled and world.collection is not None:
        bodies = [o.rigid_body for o in world.collection.objects if o.rigid_body is not None]
        if any(body.type == "ACTIVE" and body.enabled for body in bodies):
            yield "rigid bodies", scene, world.point_cache
    for owner in objects:
        for modifier in owner.modifiers:
            if modifier.show_render:
                for kind, cache in _modifier_caches(modifier):
                    yield f"{kind} of {owner.name}", owner, cache


def _modifier_caches(modifier: Any) -> list[tuple[str, Any]]:
    match modifier.type:
        case "CLOTH":
            return [("cloth", modifier.point_cache)]
        case "SOFT_BODY":
            return [("soft body", modifier.point_cache)]
        case "DYNAMIC_PAINT":
            surfaces = modifier.canvas_settings.canvas_surfaces if modifier.canvas_settings else ()
            drawn = [each for each in surfaces if each.is_active and each.surface_format == "VERTEX"]
            return [(f"{_PAINT} {each.name}", each.point_cache) for each in drawn]
        case "PARTICLE_SYSTEM":
            return _particle_caches(modifier.particle_system)
    return []


def _particle_caches(system: Any) -> list[tuple[str, Any]]:
    settings = system.settings
    if settings.type == "HAIR":
        return [(f"{_HAIR}{system.name}", system.point_cache)] if system.use_hair_dynamics else []
    moves = settings.type == "EMITTER" and settings.physics_type not in _STATIC_PHYSICS
    return [(f"particles {system.name}", system.point_cache)] if moves else []


def _fluids(owner: Any) -> Iterator[Simulation]:
    """Give the fluid of an object that is a domain, unless its cache is there."""
    for domain in _domains(owner):
        if not (domain.has_cache_baked_any or _is_there(domain)):
            frames = domain.cache_frame_start, domain.cache_frame_end
            name = f"{'smoke' if domain.domain_type == 'GAS' else 'liquid'} of {owner.name}"
            is_baked = partial(_value, domain, "has_cache_baked_any")
            yield Simulation(name, owner, frames, _fluid_bake(owner, domain), is_baked)


def _domains(owner: Any) -> list[Any]:
    return [
        modifier.domain_settings
        for modifier in owner.modifiers
        if modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN" and modifier.show_render
    ]


def _is_there(domain: Any) -> bool:
    """Whether a fluid that is kept as it is played was played: its folder has data."""
    folder = Path(bpy.path.abspath(domain.cache_directory)) / "data"
    return folder.is_dir() and any(folder.iterdir())


def _zones(scene: Any, owner: Any) -> Iterator[Simulation]:
    """Give the simulation zones of an object's geometry nodes."""
    for modifier in owner.modifiers:
        if modifier.type != "NODES" or not modifier.show_render:
            continue
        for each in getattr(modifier, "bakes", ()):
            node = each.node
            if node is not None and node.bl_idname == "GeometryNodeSimulationOutput":
                is_baked = partial(_zone_is_baked, owner, modifier, each.bake_id)
                if not is_baked():
                    name = f"simulation {modifier.name} of {owner.name}"
                    frames = _zone_frames(scene, each)
                    yield Simulation(name, owner, frames, _zone_bake(owner, modifier, each), is_baked)


def _zone_frames(scene: Any, zone: Any) -> tuple[int, int]:
    if zone.use_custom_simulation_frame_range:
        return zone.frame_start, zone.frame_end
    if getattr(scene, "use_custom_simulation_range", False):
        return scene.simulation_frame_start, scene.simulation_frame_end
    return scene.frame_start, scene.frame_end


def _zone_is_baked(owner: Any, modifier: Any, bake_id: int) -> bool:
    """Whether a zone is baked, to a folder or into the file. Nothing says so: a copy of the object is unpacked."""
    zone = next(each for each in modifier.bakes if each.bake_id == bake_id)
    folder = Path(bpy.path.abspath(zone.directory if zone.use_custom_path else modifier.bake_directory or "//"))
    if (folder / ("" if zone.use_custom_path else str(bake_id)) / "meta").is_dir():
        return True
    if bpy.app.version < _OLDEST_PACKED:
        return False
    probe, scratch = owner.copy(), tempfile.mkdtemp(prefix="frontburner-")
    try:
        copied = probe.modifiers[modifier.name]
        copied.bake_directory = scratch
        for each in copied.bakes:
            each.use_custom_path = False
        unpack = bpy.ops.object.geometry_node_bake_unpack_single
        target = {"session_uid": probe.session_uid, "modifier_name": copied.name, "bake_id": bake_id}
        return "FINISHED" in unpack(**target, method="WRITE_ORIGINAL")
    finally:
        bpy.data.objects.remove(probe)
        shutil.rmtree(scratch, ignore_errors=True)


def _bake_caches(task: Bake) -> None:
    """Bake all point caches at once, since they depend on each other; later calls find nothing to do."""
    caches = [cache for _, _, cache in _point_caches(task.scene, _objects(task.layer)) if not cache.is_baked]
    if not caches:
        return
    for number, cache in enumerate(caches):
        if cache.use_external:
            folder = task.folder / FILES_FOLDER / f"cache{number}"
            folder.mkdir(parents=True)
            frames = cache.frame_start, cache.frame_end
            cache.filepath = str(folder)
            cache.frame_start, cache.frame_end = frames
        cache.frame_end = max(cache.frame_start, min(cache.frame_end, task.through))
    with bpy.context.temp_override(scene=task.scene, view_layer=task.layer):
        bpy.ops.ptcache.bake_all(bake=True)
    for _, owner, cache in _point_caches(task.scene, _objects(task.layer)):
        if not cache.is_baked:  # hair isn't among all
            with bpy.context.temp_override(
                scene=task.scene, view_layer=task.layer, object=owner, active_object=owner, point_cache=cache
            ):
                bpy.ops.ptcache.bake(bake=True)


def _keep_apart(scene: Any, layer: Any) -> None:
    """Have no cache that isn't baked written beside the file: in memory instead, or elsewhere if it can't be there.

    A disk cache of rigid bodies isn't touched: to do so crashes Blender.
    """
    for name, owner, cache in _point_caches(scene, _objects(layer)):
        if cache.is_baked or cache.use_external or not cache.use_disk_cache or owner == scene:
            continue
        if name.startswith(_PAINT):
            frames = cache.frame_start, cache.frame_end
            cache.name, cache.filepath = "cache", tempfile.mkdtemp(dir=bpy.app.tempdir)
            cache.use_external = True
            cache.frame_start, cache.frame_end = frames
        else:
            cache.use_disk_cache = False


def _fluid_bake(owner: Any, domain: Any) -> Callable[[Bake], None]:
    def bake(task: Bake) -> None:
        domain.cache_directory = str(task.folder / FILES_FOLDER / f"fluid-{owner.name}")
        domain.cache_type = "ALL"
        domain.cache_frame_end = min(domain.cache_frame_end, task.through)
        with bpy.context.temp_override(scene=task.scene, view_layer=task.layer, object=owner, active_object=owner):
            bpy.ops.fluid.bake_all()

    return bake


def _zone_bake(owner: Any, modifier: Any, zone: Any) -> Callable[[Bake], None]:
    def bake(task: Bake) -> None:
        if bpy.app.version < _OLDEST_PACKED:
            raise RuntimeError("it can only be baked by Blender 4.3 or newer")
        first, last = _zone_frames(task.scene, zone)
        zone.use_custom_simulation_frame_range = True
        zone.frame_start, zone.frame_end = first, max(first, min(last, task.through))
        zone.bake_target = "PACKED"
        with bpy.context.temp_override(scene=task.scene, view_layer=task.layer, object=owner, active_object=owner):
            bpy.ops.object.geometry_node_bake_single(
                session_uid=owner.session_uid, modifier_name=modifier.name, bake_id=zone.bake_id
            )

    return bake


@contextmanager
def _as_rendered(scene: Any, layer: Any) -> Iterator[None]:
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
        if each.collection.library is None:
            yield each.collection, {"hide_viewport": each.collection.hide_render}
    for each in _objects(layer):
        if each.library is None:
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
