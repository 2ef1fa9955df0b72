"""Imports files in other formats than Blender's own, and says what became of them."""

from __future__ import annotations

import math
import re
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import addon_utils
import bpy

from . import default_view

if TYPE_CHECKING:
    from collections.abc import Iterator

_GLTF = (".glb", ".gltf")
_USD = (".usd", ".usda", ".usdc", ".usdz")
_NAMED = 3
"""So many are named in a sentence."""


def import_file(path: str) -> dict[str, Any]:
    """Import a file into an empty scene; returns what became of it, as plain values.

    ``objects`` are names of what isn't empty, ``bare`` of what has no material, ``lit`` says whether the file's own
    light surrounds the scene, ``empty`` that there is nothing to see.
    """
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples = 128
    scene.cycles.use_adaptive_sampling = scene.cycles.use_denoising = False
    scene.frame_start = scene.frame_end = scene.frame_current
    scene.world = _dark_world()
    _run(path)
    lit = bool(scene.world.node_tree.nodes)
    if not lit:
        bpy.data.worlds.remove(scene.world)
    frames = go_to_own_frames(scene, path)
    boxes = default_view.corners(scene, frames)
    bare = [o for o in bpy.data.objects if o.type in default_view.SOLID and not _materials(o)]
    added = default_view.complete(scene, boxes) if boxes else ()
    return {
        "objects": Counter(name for o in bpy.data.objects if o.type != "EMPTY" for name in _names_of(o)),
        "bare": Counter(name for o in bare for name in _names_of(o)),
        "lit": lit,
        "empty": not boxes,
        "frames": frames,
        "notes": [*_unknown_extensions(path), *_other_takes(path), *_unused_colours(), *added],
    }


def _dark_world() -> Any:
    """Return a world without nodes. An importer puts the file's surrounding light into it: it makes no world."""
    world = bpy.data.worlds.new("World")
    world.use_nodes = True
    world.node_tree.nodes.clear()
    return world


def go_to_own_frames(scene: Any, path: str) -> list[int]:
    """Return the bounds of the frames in which something moves, and go to the first; empty bounds if nothing does."""
    ranges = [action.frame_range for action in _played_actions()]
    if ranges and Path(path).suffix.lower() not in (*_USD, ".abc"):  # their importers set them to the file's
        scene.frame_start = math.floor(min(start for start, _ in ranges))
        scene.frame_end = math.ceil(max(end for _, end in ranges))
    if scene.frame_start >= scene.frame_end or not (ranges or len(bpy.data.cache_files)):
        return [0, 0]
    scene.frame_set(scene.frame_start)
    return [scene.frame_start, scene.frame_end + 1]


def _played_actions() -> Iterator[Any]:
    """List what is played; an imported file may have other animations, which are muted."""
    trees = [material.node_tree for material in bpy.data.materials if material.node_tree]
    kinds = (bpy.data.objects, bpy.data.shape_keys, bpy.data.cameras, bpy.data.lights, bpy.data.materials, trees)
    for owner in (owner for kind in kinds for owner in kind):
        if owner.animation_data and owner.animation_data.action:
            yield owner.animation_data.action


def _materials(thing: Any) -> list[Any]:
    return [slot.material for slot in thing.material_slots if slot.material]


def _names_of(thing: Any) -> set[str]:
    """Return the names that the file may have for what became this object."""
    return {re.sub(r"\.\d{3,}$", "", name) for name in (thing.name, thing.data.name if thing.data else "") if name}


def _run(path: str) -> None:
    """Import a file by the first operator for it that this Blender has."""
    suffix = Path(path).suffix.lower()
    for name, addon in _OPERATORS[suffix]:
        if addon:
            with suppress(ImportError):
                addon_utils.enable(addon)
        module, _, operator = name.partition(".")
        if operator in dir(getattr(bpy.ops, module)):
            options = {"import_pack_images": False} if suffix in _GLTF else {}
            getattr(getattr(bpy.ops, module), operator)(filepath=path, **options)
            return
    raise RuntimeError(f"this Blender was built without an importer of {suffix} files")


_OPERATORS = {
    **dict.fromkeys(_GLTF, (("import_scene.gltf", "io_scene_gltf2"),)),
    **dict.fromkeys(_USD, (("wm.usd_import", ""),)),
    ".abc": (("wm.alembic_import", ""),),
    ".fbx": (("wm.fbx_import", ""), ("import_scene.fbx", "io_scene_fbx")),
    ".obj": (("wm.obj_import", ""),),
    ".ply": (("wm.ply_import", ""), ("import_mesh.ply", "io_mesh_ply")),
    ".stl": (("wm.stl_import", ""), ("import_mesh.stl", "io_mesh_stl")),
}
"""The operators that import a kind of file, newest first, and the add-ons that they belong to."""


def _unknown_extensions(path: str) -> Iterator[str]:
    """Name the extensions of a glTF that this Blender doesn't know."""
    if Path(path).suffix.lower() not in _GLTF:
        return
    from io_scene_gltf2.io.imp.gltf2_io_gltf import glTFImporter

    importer = glTFImporter(path, {"import_user_extensions": [], "loglevel": 50})
    importer.read()
    unknown = sorted({*(importer.data.extensions_used or ())} - {*importer.extensions_managed})
    if unknown:
        yield f"Blender doesn't know what it uses of glTF's extensions: {', '.join(unknown)}."


def _other_takes(path: str) -> Iterator[str]:
    """Name the animations of an FBX that aren't played: an action's name ends with that of its animation."""
    if Path(path).suffix.lower() == ".fbx":
        played = {action.name.rpartition("|")[2] for action in _played_actions()}
        others = sorted({action.name.rpartition("|")[2] for action in bpy.data.actions} - played)
        if played and others:
            yield f"Blender plays its first animation, and leaves out others: {', '.join(others[:_NAMED])}."


def _unused_colours() -> Iterator[str]:
    """Say that the colours of vertices aren't seen: without nodes that read them, they are data only."""
    coloured = [o for o in bpy.data.objects if o.type == "MESH" and len(o.data.color_attributes)]
    unseen = sorted(o.name for o in coloured if not any(_reads_colours(material) for material in _materials(o)))
    if unseen:
        yield f"Blender's importer doesn't render the colours of vertices: {', '.join(unseen[:_NAMED])}."


def _reads_colours(material: Any) -> bool:
    nodes = material.node_tree.nodes if material.node_tree else ()
    return any(node.type in ("VERTEX_COLOR", "ATTRIBUTE") for node in nodes)
