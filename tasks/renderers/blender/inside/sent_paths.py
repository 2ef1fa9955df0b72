"""Absolute paths in a scene that was sent: they are to lead into its tree, which mirrors the sender's folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from .file_use import normal

if TYPE_CHECKING:
    from collections.abc import Iterator

_WITH_TREES = ("materials", "worlds", "lights", "textures", "scenes")
_FILE_DATA = ("images", "fonts", "volumes", "cache_files", "movieclips", "sounds")


def lead_into(tree: str) -> None:
    """Make all absolute paths of the open file, and of its libraries, lead into a tree."""
    _reload_libraries(tree)
    for holder, name in _paths():
        local = _in_tree(Path(tree), getattr(holder, name))
        if local:
            setattr(holder, name, local)


def lead_out_of(tree: str) -> None:
    """Make all paths that lead into a tree those of the sender again."""
    holders = [*_paths(), *((library, "filepath") for library in bpy.data.libraries)] if tree else []
    for holder, name in holders:
        path = Path(getattr(holder, name))
        if path.is_relative_to(tree):
            setattr(holder, name, str("/" / path.relative_to(tree)))


def _reload_libraries(tree: str) -> None:
    """Load libraries from the tree; each may bring others."""
    tried: set[str] = set()
    while True:
        names = ((library, _in_tree(Path(tree), library.filepath)) for library in bpy.data.libraries)
        moved = [(library, local) for library, local in names if local and local not in tried and Path(local).exists()]
        if not moved:
            return
        library, local = moved[0]
        tried.add(local)
        library.filepath = local
        library.reload()


def _in_tree(tree: Path, path: str) -> str:
    """Return where a file is in the tree; empty for a relative path, and one that leads there already."""
    local = normal(path)
    if path.startswith("//") or not local.is_absolute() or local.is_relative_to(tree):
        return ""
    return str(tree / local.drive.rstrip(":") / local.relative_to(local.anchor))


def _paths() -> Iterator[tuple[Any, str]]:
    """List what has a path, with the name of the property."""
    for kind in _FILE_DATA:
        yield from ((data, "filepath") for data in getattr(bpy.data, kind, ()))
    for cache in bpy.data.cache_files:
        yield from ((layer, "filepath") for layer in getattr(cache, "layers", ()))
    for camera in bpy.data.cameras:
        if hasattr(camera, "custom_filepath"):
            yield camera, "custom_filepath"
    for each in bpy.data.objects:
        for modifier in each.modifiers:
            yield from _of_modifier(modifier)
        yield from ((system.point_cache, "filepath") for system in each.particle_systems)
    trees = [getattr(data, "node_tree", None) for kind in _WITH_TREES for data in getattr(bpy.data, kind)]
    for tree in (*bpy.data.node_groups, *filter(None, trees)):
        yield from _of_nodes(tree)


def _of_modifier(modifier: Any) -> Iterator[tuple[Any, str]]:
    if hasattr(modifier, "filepath"):  # mesh caches, oceans, multiresolution
        yield modifier, "filepath"
    if modifier.type == "FLUID" and modifier.domain_settings:
        yield modifier.domain_settings, "cache_directory"
    if modifier.type in ("CLOTH", "SOFT_BODY"):
        yield modifier.point_cache, "filepath"
    if modifier.type == "DYNAMIC_PAINT" and modifier.canvas_settings:
        yield from ((surface.point_cache, "filepath") for surface in modifier.canvas_settings.canvas_surfaces)
    if hasattr(modifier, "bake_directory"):
        yield modifier, "bake_directory"
        yield from ((bake, "directory") for bake in modifier.bakes)


def _of_nodes(tree: Any) -> Iterator[tuple[Any, str]]:
    for node in tree.nodes:
        if node.bl_idname in ("ShaderNodeScript", "ShaderNodeTexIES"):
            yield node, "filepath"
        elif node.bl_idname == "FunctionNodeInputString":
            yield node, "string"
        elif node.bl_idname.startswith("GeometryNodeImport"):
            yield node.inputs[0], "default_value"
