"""The files of baked simulations: point caches, oceans, fluids, and geometry nodes."""

from __future__ import annotations

import math
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .dependencies import modifiers
from .file_use import FileUse, Moment, located
from .sequences import padded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    Rule = Callable[[Moment], Iterable[FileUse]]

_SUFFIX = ".bphys"
_FLUID_FILE = re.compile(r"_(\d{4,})\.")
_META_FILE = re.compile(r"(\d+)_(\d+)\.json")


def point_caches(used: set[Any], scene: Any) -> list[tuple[Path, Rule]]:
    """Return the folder of each point cache that is on disk, and its rule."""
    found = [(scene, scene.rigidbody_world.point_cache)] if scene.rigidbody_world else []
    for owner, modifier, renders in modifiers(used):
        if renders:
            found += [(owner, cache) for cache in _caches_of(modifier)]
    on_disk = [
        (owner, cache)
        for owner, cache in found
        if (cache.use_external and cache.is_baked) or (cache.use_disk_cache and not cache.use_external)
    ]
    return [(_folder(owner, cache), _point_cache(owner, cache)) for owner, cache in on_disk]


def ocean(owner: Any, modifier: Any, by: str, moment: Moment) -> Iterator[FileUse]:
    """List the pictures that a baked ocean reads at a moment."""
    number = min(max(moment.time, modifier.frame_start), modifier.frame_end)
    kinds = {
        "disp": True, "foam": modifier.use_foam, "normal": modifier.use_normals,
        "spray": modifier.use_foam and modifier.use_spray, "spray_inverse": modifier.use_foam and modifier.use_spray,
    }  # fmt: skip
    folder = located(owner, modifier.filepath)
    for kind, applies in kinds.items():
        if applies:
            yield FileUse(folder / f"{kind}_{padded(number, 4)}.exr", by, needed=kind == "disp")


def fluid(owner: Any, domain: Any, by: str, moment: Moment) -> Iterator[FileUse]:
    """List the files of a fluid at a moment; one that wasn't baked has none."""
    number = moment.time - domain.cache_frame_offset
    if not domain.cache_directory or not domain.cache_frame_start <= number <= domain.cache_frame_end:
        return
    folder, found = located(owner, domain.cache_directory), False
    if folder.is_relative_to(bpy.app.tempdir):  # of one that isn't baked
        return
    for name in ("config", "data", "guiding", "mesh", "noise", "particles"):
        for path in _listed(folder / name):
            numbered = _FLUID_FILE.search(path.name)
            if numbered is None or int(numbered[1]) == number:
                found = found or numbered is not None
                yield FileUse(path, by)
    if domain.has_cache_baked_data and not found:
        yield FileUse(folder / "data" / f"fluid_data_{padded(number, 4)}.vdb", by)


def bake_folders(owner: Any, modifier: Any) -> list[Path]:
    """Return the folders that hold what the nodes of a modifier have baked to disk."""
    folders = []
    for bake in getattr(modifier, "bakes", ()):
        target = modifier.bake_target if bake.bake_target == "INHERIT" else bake.bake_target
        if target == "DISK" and bake.use_custom_path and bake.directory:
            folders.append(located(owner, bake.directory))
        elif target == "DISK" and not bake.use_custom_path and modifier.bake_directory:
            folders.append(located(owner, modifier.bake_directory) / str(bake.bake_id))
    return folders


def baked_nodes(folder: Path, by: str, moment: Moment) -> Iterator[FileUse]:
    """List the files that a bake of nodes reads at a moment: those of its frame, or of the ones around it."""
    metas: dict[float, Path] = {}
    for path in _listed(folder / "meta"):
        numbers = _META_FILE.fullmatch(path.name)
        if numbers:
            metas[int(numbers[1]) + int(numbers[2]) / 1e5] = path
    for frame in _around(metas, moment.time):
        yield FileUse(metas[frame], by, rescanned=True)
        for name in _blobs(metas[frame]):
            yield FileUse(folder / "blobs" / name, by, rescanned=True)


def _caches_of(modifier: Any) -> Iterator[Any]:
    if modifier.type in ("CLOTH", "SOFT_BODY"):
        yield modifier.point_cache
    elif modifier.type == "PARTICLE_SYSTEM":
        yield modifier.particle_system.point_cache
    elif modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings:
        yield from (surface.point_cache for surface in modifier.canvas_settings.canvas_surfaces)


def _point_cache(owner: Any, cache: Any) -> Rule:
    by = f"the cache of the simulation of {owner.name!r}"
    folder, stem = _folder(owner, cache), cache.name or owner.name.encode().hex().upper()
    index = f"_{cache.index:02d}" if cache.index >= 0 else ""

    def path(frame: int) -> Path:
        return folder / f"{stem}_{padded(frame, 6)}{index}{_SUFFIX}"

    def at(moment: Moment) -> Iterator[FileUse]:
        pattern = re.compile(rf"{re.escape(stem)}_(\d+){index}{re.escape(_SUFFIX)}")
        names = (pattern.fullmatch(each.name) for each in _listed(folder))
        there = {int(name[1]) for name in names if name}
        if cache.frame_start > 0:
            there.discard(0)  # what is known before the first frame; it isn't read again
        between = (whole for time in moment.blur for whole in (math.floor(time), math.ceil(time)))
        for time in dict.fromkeys((moment.time, *between)):
            if time <= cache.frame_start and time not in there:
                continue
            frames = _around(there, min(time, cache.frame_end))
            yield from (FileUse(path(frame), by, rescanned=True) for frame in frames)
            if not frames and cache.is_baked and time == moment.time:
                yield FileUse(path(min(time, cache.frame_end)), by)

    return at


def _folder(owner: Any, cache: Any) -> Path:
    """Return the folder of a point cache: its own, or the one beside the file that has its object."""
    if cache.use_external:
        return located(owner, cache.filepath)
    library = owner.library if cache.use_library_path else None
    blend = located(library, library.filepath) if library else Path(bpy.data.filepath)
    return blend.with_name(f"blendcache_{blend.stem}")


def _around(frames: Iterable[float], time: float) -> list[Any]:
    """Return this frame if it is there; else the ones before and after it, which are mixed."""
    frames = sorted(frames)
    if time in frames:
        return [time]
    before, after = [each for each in frames if each < time][-1:], [each for each in frames if each > time][:1]
    return before + after


def _blobs(meta: Path) -> list[str]:
    """Return the names of the files that the description of a baked frame refers to."""
    return sorted(set(re.findall(r'"name"\s*:\s*"([^"]+\.(?:blob|vdb))"', meta.read_text(encoding="utf-8"))))


def _listed(folder: Path) -> list[Path]:
    """Return the files in a folder; none where there is no such folder."""
    try:
        return sorted(Path(each.path) for each in os.scandir(folder) if each.is_file())
    except OSError:
        return []
