"""Every file that a frame of a scene's view layer depends on, and none that it doesn't."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

import bpy

from . import caches, images, libraries
from .dependencies import animated_paths, modifiers, used_data
from .file_use import FileUse, Moment, located, named, normal
from .node_trees import Reached, text_at
from .sequences import cache_file, volume_number

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

    Rule = Callable[[Moment], Iterable[FileUse]]

_INCLUDE = re.compile(r'(?m)^\s*#\s*include\s*["<]([^">]+)[">]')


class SceneFiles:
    """The files of a view layer.

    Parameters
    ----------
    path
        The open file.
    scene, layer
        One of its scenes, and a view layer of that.
    """

    def __init__(self, path: str, scene: Any, layer: Any) -> None:
        self._scene = scene
        used = used_data(scene, layer)
        self.lost = libraries.lost(used)
        """Linked data that its library doesn't have any more, as sentences name it."""
        self.computed: list[str] = []
        """Import nodes whose files nobody knows before they are rendered."""
        self.animated = False
        """Whether keys or drivers change which file a frame uses, so that the scene has to be at the frame."""
        self._everywhere = libraries.files(used)
        self._rules: list[Rule] = []
        self._folders: set[Path] = set()
        reached = self._nodes(used)
        idle = _idle(used)
        for each in sorted(used - idle, key=lambda data: str(data.name_full)):
            self._add_data(each)
        for image in images.of(used, idle, reached):
            self._everywhere += images.still(image.data)
            if image.data.source == "SEQUENCE":
                self.animated |= image.animated
                self._rules.append(image.files)
        for owner, modifier, renders in modifiers(used):
            if renders:
                self._add_modifier(owner, modifier)
        for folder, rule in caches.point_caches(used, scene):
            self._folders.add(folder)
            self._rules.append(rule)
        itself = FileUse(normal(path), "the scene itself")
        self._common = {use.path: use for use in (itself, *_each_once(self._everywhere))}

    def at(self, frame: int) -> tuple[list[FileUse], list[str]]:
        """Return the files that a frame uses: the scene first, then those of all frames; and notes on it."""
        moment = _moment(self._scene, frame)
        own = _each_once(use for rule in self._rules for use in rule(moment))
        there = [use for use in own if use.path not in self._common and (use.needed or use.path.is_file())]
        return [*self._common.values(), *there], moment.notes

    def is_outdated(self, uses: Iterable[FileUse], listed: set[Path]) -> bool:
        """Whether Blender may not know of some files: they weren't there when it listed their folder."""
        return any(use.path not in listed for use in uses if use.rescanned)

    def listing(self) -> set[Path]:
        """Return what is in the folders that Blender lists when it opens the scene."""
        return {path for folder in self._folders if folder.is_dir() for path in folder.iterdir()}

    def _nodes(self, used: set[Any]) -> Reached:
        """Follow the node trees, and add the files of nodes that count."""
        reached = Reached()
        for each in used:
            if isinstance(each, (bpy.types.Material, bpy.types.World, bpy.types.Light)):
                reached.add_shader(each)
        for _, modifier, renders in modifiers(used):
            if renders and modifier.type == "NODES" and modifier.node_group:
                reached.add_geometry(modifier.node_group, modifier)
        for tree, node in reached.nodes.values():
            self._add_node(reached, tree, node)
        return reached

    def _add_node(self, reached: Reached, tree: Any, node: Any) -> None:
        kind = node.bl_idname
        if kind == "ShaderNodeScript" and node.mode == "EXTERNAL" and node.filepath:
            if self._scene.cycles.shading_system and bpy.app.build_options.cycles_osl:
                self._everywhere += _sources(FileUse(located(tree, node.filepath), f"the script node {node.name!r}"))
        elif kind == "ShaderNodeTexIES" and node.mode == "EXTERNAL" and node.filepath:
            self._everywhere.append(FileUse(located(tree, node.filepath), f"the IES texture {node.name!r}"))
        elif kind == "GeometryNodeStringToCurves":
            self._everywhere += _font(node.font)
        elif kind.startswith("GeometryNodeImport"):
            found = reached.texts_of(tree, node.inputs[0])
            if found is None:
                self.computed.append(f"the node {node.name!r} of {tree.name!r}")
            else:
                texts = [text_at(*each) for each in found]
                self._everywhere += [FileUse(located(tree, text), f"the node {node.name!r}") for text in texts if text]

    def _add_data(self, data: Any) -> None:
        if isinstance(data, bpy.types.TextCurve):
            for font in _fonts(data):
                self._everywhere += _font(font)
        elif isinstance(data, bpy.types.Volume):
            self._add_volume(data)
        elif isinstance(data, bpy.types.CacheFile):
            self._add_cache_file(data)
        elif isinstance(data, bpy.types.Camera) and data.type == "CUSTOM" and data.custom_mode == "EXTERNAL":
            self._everywhere += _sources(FileUse(located(data, data.custom_filepath), named(data)))

    def _add_volume(self, volume: Any) -> None:
        if getattr(volume, "packed_file", None) or not volume.filepath:
            return
        path, by = located(volume, volume.filepath), named(volume)

        def at(moment: Moment) -> Iterator[FileUse]:
            number = volume_number(
                moment.time, start=volume.frame_start, duration=volume.frame_duration, offset=volume.frame_offset,
                mode=volume.sequence_mode,
            )  # fmt: skip
            if number is not None:
                yield FileUse(cache_file(path, number) or path, by)

        if volume.is_sequence and cache_file(path, 0):
            self.animated |= bool(animated_paths(volume))
            self._rules.append(at)
        else:
            self._everywhere.append(FileUse(path, by))

    def _add_cache_file(self, cache: Any) -> None:
        path, by = located(cache, cache.filepath), named(cache)
        for layer in getattr(cache, "layers", ()):
            if not layer.hide_layer:
                self._everywhere.append(FileUse(located(cache, layer.filepath), by))

        def at(moment: Moment) -> Iterator[FileUse]:
            times = (int(cache.frame),) if cache.override_frame else (moment.time, *map(int, moment.blur))
            for i, time in enumerate(times):
                yield FileUse(cache_file(path, time) or path, by, needed=i == 0)

        if cache.is_sequence and cache_file(path, 0):
            self.animated |= bool(animated_paths(cache))
            self._rules.append(at)
        else:
            self._everywhere.append(FileUse(path, by))

    def _add_modifier(self, owner: Any, modifier: Any) -> None:
        by = f"the modifier {modifier.name!r} of the object {owner.name!r}"
        if modifier.type == "MESH_CACHE" and modifier.filepath:
            self._everywhere.append(FileUse(located(owner, modifier.filepath), by))
        elif modifier.type == "MULTIRES" and modifier.is_external:
            self._everywhere.append(FileUse(located(owner.data, modifier.filepath), by))
        elif modifier.type == "OCEAN" and modifier.is_cached:
            self._rules.append(partial(caches.ocean, owner, modifier, by))
        elif modifier.type == "FLUID" and modifier.fluid_type == "DOMAIN":
            self._rules.append(partial(caches.fluid, owner, modifier.domain_settings, by))
        elif modifier.type == "NODES":
            for folder in caches.bake_folders(owner, modifier):
                self._folders |= {folder / "meta", folder / "blobs"}
                self._rules.append(partial(caches.baked_nodes, folder, by))


def _each_once(uses: Iterable[FileUse]) -> list[FileUse]:
    """Return each file once, in order of their paths; one that is needed by anything is needed."""
    found: dict[Path, FileUse] = {}
    for use in uses:
        if use.path not in found or use.needed:
            found[use.path] = use
    return [use for _, use in sorted(found.items())]


def _moment(scene: Any, frame: int) -> Moment:
    """Return when a frame is, and when motion blur looks at it."""
    render = scene.render
    scale = render.frame_map_old / render.frame_map_new
    if not render.use_motion_blur:
        return Moment(frame=frame, time=int(frame * scale))
    shutter = render.motion_blur_shutter
    position = getattr(render, "motion_blur_position", None) or scene.cycles.motion_blur_position
    middle = frame + {"START": shutter / 2, "END": -shutter / 2}.get(position, 0.0)
    blur = tuple((middle + part * shutter / 2) * scale for part in (-1, 0, 1))
    return Moment(frame=frame, time=int(frame * scale), blur=blur)


def _idle(used: set[Any]) -> set[Any]:
    """Return data that is only used by modifiers that are off: textures and caches."""
    on: set[Any] = set()
    off: set[Any] = set()
    for _, modifier, renders in modifiers(used):
        for name in ("texture", "mask_texture", "cache_file"):
            data = getattr(modifier, name, None)
            if data is not None:
                (on if renders else off).add(data)
    for each in used:
        for constraint in getattr(each, "constraints", ()):
            if constraint.type == "TRANSFORM_CACHE" and constraint.cache_file:
                (off if constraint.mute else on).add(constraint.cache_file)
    return off - on


def _fonts(curve: Any) -> Iterator[Any]:
    """List the fonts that the letters of a text have."""
    styles = {(letter.use_bold, letter.use_italic) for letter in curve.body_format} or {(False, False)}
    for bold, italic in styles:
        yield {
            (False, False): curve.font, (True, False): curve.font_bold, (False, True): curve.font_italic,
            (True, True): curve.font_bold_italic,
        }[bold, italic]  # fmt: skip


def _font(font: Any) -> list[FileUse]:
    if font is None or font.packed_file or font.filepath == "<builtin>":
        return []
    return [FileUse(located(font, font.filepath), named(font))]


def _sources(use: FileUse) -> list[FileUse]:
    """Return a script of Open Shading Language, and the files that it includes."""
    if not use.path.is_file():
        compiled = use.path.with_suffix(".oso")
        return [FileUse(compiled, use.by) if compiled.is_file() else use]
    found, waiting = {use.path: use}, [use.path]
    while waiting:
        path = waiting.pop()
        names = _INCLUDE.findall(path.read_text(encoding="utf-8", errors="replace")) if path.suffix != ".oso" else []
        for included in (normal(path.parent / name) for name in names):
            if included not in found and included.is_file():  # else it is the compiler's own
                found[included] = FileUse(included, use.by)
                waiting.append(included)
    return list(found.values())
