"""Absolute paths in a scene of another machine: they are to lead into its tree, which mirrors the sender's folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from system import paths

from . import images
from .node_trees import Reached, text_at

if TYPE_CHECKING:
    from collections.abc import Iterator

_WITH_TREES = ("materials", "worlds", "lights", "textures", "scenes")
_FILE_DATA = ("images", "fonts", "volumes", "cache_files", "movieclips", "sounds")


def lead_here(tree: str) -> None:
    """Make all absolute paths of the open file, and of its libraries, lead to where the files are on this machine.

    Parameters
    ----------
    tree
        The folder that has them if the scene was sent, else empty: then the farm's mappings are followed.
    """
    _reload_libraries(tree)
    shown_views = [(image, images.first_view(image)) for image in bpy.data.images if images.has_views(image)]
    for holder, name in _paths():
        local = _local(tree, text_at(holder, name))
        if local:
            _set(holder, name, local)
    for image, shown in shown_views:
        _forget_views(image)
        image.filepath = _local(tree, shown) or shown


def lead_out_of(tree: str) -> None:
    """Make all paths that lead into a tree those of the sender again."""
    holders = [*_paths(), *((library, "filepath") for library in bpy.data.libraries)] if tree else []
    for holder, name in holders:
        path = Path(text_at(holder, name))
        if path.is_relative_to(tree):
            _set(holder, name, f"/{path.relative_to(tree).as_posix()}")


def _forget_views(image: Any) -> None:
    """Make an image forget the paths of its views, which nothing else changes while their files aren't there."""
    source = image.source
    image.source = "GENERATED"
    image.use_multiview = False
    image.use_multiview = True
    image.source = source


def _set(holder: Any, name: str, path: str) -> None:
    if hasattr(holder, name):
        setattr(holder, name, path)
    else:  # an input of a modifier, which says nothing when it is set
        holder[name] = path
        holder.id_data.update_tag()


def _reload_libraries(tree: str) -> None:
    """Load libraries from the tree; each may bring others."""
    tried: set[str] = set()
    while True:
        names = ((library, _local(tree, library.filepath)) for library in bpy.data.libraries)
        moved = [(library, local) for library, local in names if local and local not in tried and Path(local).exists()]
        if not moved:
            return
        library, local = moved[0]
        tried.add(local)
        library.filepath = local
        library.reload()


def _local(tree: str, path: str) -> str:
    """Return where a file is here; empty for a relative path, and one that leads there already."""
    if path.startswith("//") or paths.absolute_of(path) is None or (tree and Path(path).is_relative_to(tree)):
        return ""
    mapped = paths.here(path)
    sent = Path(tree).joinpath(*paths.parts_of(path)) if tree else None
    if sent is not None and (sent.exists() or mapped == path):
        return str(sent)
    return mapped if mapped != path else ""


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
    yield from _of_imports()
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


def _of_imports() -> Iterator[tuple[Any, str]]:
    """List the texts that name files to import, wherever they stand: other texts aren't paths."""
    reached = Reached()
    for each in bpy.data.objects:
        for modifier in each.modifiers:
            if modifier.type == "NODES" and modifier.node_group:
                reached.add_geometry(modifier.node_group, modifier)
    found: dict[tuple[int, str], tuple[Any, str]] = {}
    for tree, node in reached.nodes.values():
        if node.bl_idname.startswith("GeometryNodeImport"):
            texts = reached.texts_of(tree, node.inputs[0]) or ()
            found |= {(holder.as_pointer(), name): (holder, name) for holder, name in texts}
    yield from found.values()


def _of_nodes(tree: Any) -> Iterator[tuple[Any, str]]:
    for node in tree.nodes:
        if node.bl_idname in ("ShaderNodeScript", "ShaderNodeTexIES"):
            yield node, "filepath"
