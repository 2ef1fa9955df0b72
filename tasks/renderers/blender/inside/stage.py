"""The open file, from which a region and a range of samples of a frame are rendered at a time."""

from __future__ import annotations

import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from . import animated, baking, colour, default_view, engine, opening, reading, scripts, sent_paths, simulations
from .files import SceneFiles

if TYPE_CHECKING:
    from array import array

    from .file_use import FileUse

DEVICES = ("OPTIX", "CUDA", "HIP", "METAL", "ONEAPI")
PLANES = {"depth": "Denoising Depth", "normal": "Normal", "albedo": "Denoising Albedo"}
"""Passes of the AOVs. The plain depth pass holds the first sample only, so no other range of samples has it."""
_MARGIN = 0.25
"""Borders are this fraction of a pixel inside the first pixel, since rounding would decide on its edge."""


class Stage:
    """The open file, and its scenes as they were when it was opened, since rendering changes much of them."""

    def __init__(self) -> None:
        engine.register()
        self._content: tuple[str, str] | None = None
        self._scripts_ran = False
        self._place: tuple[Any, ...] | None = None
        self._held: list[object] = []
        """The settings with which Cycles holds the scene."""
        self._played: dict[tuple[str, str], int | None] = {}
        """The frame from which each scene and view layer has to be played; None if it needn't be."""
        self._default = ""
        self._imported: dict[str, Any] = {}
        self._originals: dict[str, reading.Original] = {}
        self._files: dict[tuple[str, str], SceneFiles] = {}
        self._told: dict[tuple[str, str], tuple[list[dict[str, Any]], list[str]]] = {}
        self._listed: set[Path] = set()

    def open(self, path: str, content: str, tree: str, source: str, *, allow_scripts: bool) -> None:
        """Open a file unless it is open with this content, as the caller calls it."""
        if self._content != (path, content) or self._scripts_ran != allow_scripts:
            self._listed = set()
            self._open(path, content, tree, source, allow_scripts=allow_scripts)

    def _open(self, path: str, content: str, tree: str, source: str, *, allow_scripts: bool) -> None:
        self._content = None
        with simulations.nothing_written_beside(path):
            self._imported = opening.open_file(path, tree, source, allow_scripts=allow_scripts)
        self._scripts_ran = allow_scripts
        self.adopt(path, content)

    def adopt(self, path: str, content: str) -> None:
        """Regard what is open as this file."""
        self._place = None
        self._files = {}
        self._told = {}
        self._played = {}
        self._default = bpy.context.scene.name
        self._originals = {scene.name: reading.Original(scene) for scene in reading.scenes_by_name()}
        self._content = (path, content)

    def describe(
        self, path: str, content: str, tree: str, source: str, parameters: dict[str, str], frame: int,
        *, allow_scripts: bool,
    ) -> dict[str, Any]:  # fmt: skip
        """Open a file and return what it contains, and which files a frame uses."""
        self.open(path, content, tree, source, allow_scripts=allow_scripts)
        original, layer = self._chosen(parameters)
        described = original.descriptions[layer]
        known = ["scene", "view_layer", *described["properties"]]
        if unknown := [name for name in parameters if name not in known]:
            raise reading.NotFound(f"has no parameter '{unknown[0]}'. It has {', '.join(known)}")
        original.values(parameters)
        unbaked, on_scripts = self._tell(original.scene, layer)
        notes = [*described["notes"], *on_scripts]
        told = {**described, "imported": self._imported, "simulations": unbaked, "files": [(path, "")]}
        if animated.has_curves(original.scene, *animated.VIEW):
            self._go_to(original, parameters, frame)
            told["view"] = colour.view_of(original.scene)
        if source:
            return {**told, "notes": notes}
        files = self._files_of(path, parameters)
        uses, notes_on_files = self._uses(files, parameters, frame)
        if files.is_outdated(uses, self._listed):
            self._listed = files.listing()
            if tree:  # more of it may have come while it was opened
                self._open(path, content, tree, source, allow_scripts=allow_scripts)
                files = self._files_of(path, parameters)
                uses, notes_on_files = self._uses(files, parameters, frame)
        named = [(str(use.path), use.by) for use in uses]
        return {
            **told,
            "files": named,
            "lost": files.lost,
            "computed": files.computed,
            "notes": [*notes, *notes_on_files],
        }

    def _tell(self, scene: Any, layer: str) -> tuple[list[dict[str, Any]], list[str]]:
        """Return the simulations that aren't baked, and notes on scripts; both are found once."""
        key = scene.name, layer
        if key not in self._told:
            unbaked = simulations.describe(scene, scene.view_layers[layer])
            self._told[key] = unbaked, [] if self._scripts_ran else [*scripts.notes(scene, scene.view_layers[layer])]
        return self._told[key]

    def _files_of(self, path: str, parameters: dict[str, str]) -> SceneFiles:
        """Return the files of the requested view layer, which are found once."""
        original, layer = self._chosen(parameters)
        key = original.scene.name, layer
        if key not in self._files:
            self._place = None
            self._files[key] = SceneFiles(path, original.scene, original.scene.view_layers[layer])
        return self._files[key]

    def _uses(self, files: SceneFiles, parameters: dict[str, str], frame: int) -> tuple[list[FileUse], list[str]]:
        if files.animated:
            self._go_to(self._chosen(parameters)[0], parameters, frame)
        return files.at(frame)

    def _go_to(self, original: reading.Original, parameters: dict[str, str], frame: int) -> None:
        """Go to a frame to read it, not to render it."""
        self._place = None
        _set_properties(original, parameters)
        original.scene.frame_set(frame)

    def bake(
        self, path: str, tree: str, parameters: dict[str, str], through: int, folder: str, *, allow_scripts: bool
    ) -> str:
        """Bake the simulations of a file up to a frame, and save a copy of it in a folder; returns the copy's path.

        The copy names other files as the file itself does, so it has to be put in the file's place to be opened.
        """
        self._content = None
        with simulations.nothing_written_beside(path):
            opening.open_file(path, tree, "", allow_scripts=allow_scripts)
        self.adopt(path, "")
        self._content = None  # it isn't the file any more
        original, layer = self._chosen(parameters)
        scene = original.scene
        _set_properties(original, parameters)
        baking.bake(scene, scene.view_layers[layer], through, Path(folder))
        for name, value in original.properties.items():
            scene[name] = value
        sent_paths.lead_out_of(tree)
        copy = Path(folder) / Path(path).name
        baking.place_files(scene, scene.view_layers[layer], Path(folder), f"//{copy.name}.baked")
        bpy.ops.wm.save_as_mainfile(filepath=str(copy), copy=True, relative_remap=False, compress=False)
        return str(copy)

    def render(
        self, frame: dict[str, Any], region: list[int], samples: list[int], threads: int, device: str
    ) -> tuple[str, dict[str, tuple[int, array[float]]], float]:
        """Render a region and a range of samples of a frame.

        Returns the name of its view layer, the passes as `engine.TappedCycles` keeps them (none where they can't be
        copied), and the seconds it took to prepare the scene.
        """
        began = time.perf_counter()
        self.open(
            frame["scene"], frame["content"], frame["tree"], frame["source"], allow_scripts=frame["allow_scripts"]
        )
        parameters = dict(frame["parameters"])
        original, name = self._chosen(parameters)
        scene, layer = original.scene, original.scene.view_layers[name]
        self._move(original, layer, frame, parameters)
        held = [threads, device, *(frame[name] for name in ("size", "samples", "aovs", "seed"))]
        if held != self._held or scene.render.engine != engine.ENGINE:
            self._held = held
            # Even if it is set already: that makes Cycles forget the scene it holds. For the next units of the same
            # frame, which differ in region and samples alone, it keeps it.
            scene.render.engine = engine.ENGINE
        _apply_settings(scene, layer, frame, threads, device)
        _select(scene, frame["size"], region, samples)
        load_s = time.perf_counter() - began
        engine.TappedCycles.passes = {}
        bpy.ops.render.render(scene=scene.name)
        return layer.name, engine.TappedCycles.passes, load_s

    def save(self, path: str) -> None:
        """Write all passes of the last render to an uncompressed float32 EXR file."""
        scene = bpy.context.scene if self._place is None else bpy.data.scenes[str(self._place[0])]
        settings = scene.render.image_settings
        if hasattr(settings, "media_type"):
            settings.media_type = "MULTI_LAYER_IMAGE"
        settings.file_format, settings.color_depth, settings.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"
        bpy.data.images["Render Result"].save_render(path, scene=scene)

    def _chosen(self, parameters: dict[str, str]) -> tuple[reading.Original, str]:
        """Return the requested scene and view layer."""
        scene = parameters.get("scene") or self._default
        if scene not in self._originals:
            raise reading.NotFound(f"has no scene '{scene}'. It has {', '.join(self._originals)}")
        original = self._originals[scene]
        layer = parameters.get("view_layer") or original.layer
        if layer not in original.descriptions:
            raise reading.NotFound(f"has no view layer '{layer}'. It has {', '.join(original.descriptions)}")
        return original, layer

    def _move(self, original: reading.Original, layer: Any, frame: dict[str, Any], parameters: dict[str, str]) -> None:
        scene = original.scene
        scene.cycles.use_animated_seed = False
        scene.cycles.seed = zlib.crc32(f"{original.seed}/{frame['seed']}/{frame['frame']}".encode()) & 0x7FFFFFFF
        place = (scene.name, layer.name, frame["frame"], frame["camera"], parameters)
        if place == self._place:
            return
        since = self._place[2] if self._place and (*self._place[:2], self._place[4]) == (*place[:2], place[4]) else None
        self._place, self._held = None, []
        for other in scene.view_layers:
            other.use = other == layer
        _set_properties(original, parameters)
        animated.hold(scene)
        scene.camera = original.camera
        self._play(scene, layer, frame["frame"], since)
        scene.frame_set(frame["frame"])  # markers of the timeline may choose a camera
        if frame["camera"] is not None:
            scene.camera = _camera(original, frame["camera"])
        self._place = place

    def _play(self, scene: Any, layer: Any, frame: int, since: int | None) -> None:
        """Play simulations that can't be baked up to a frame, from the one that was rendered last if that is before."""
        key = scene.name, layer.name
        if key not in self._played:
            self._played[key] = simulations.first_played(scene, layer)
        first = self._played[key]
        if first is not None:
            begin = since + 1 if since is not None and first <= since < frame else first
            baking.play(scene, layer, range(begin, frame))


def _set_properties(original: reading.Original, parameters: dict[str, str]) -> None:
    """Set the scene's custom properties to those of a job."""
    for name, value in original.values(parameters).items():
        original.scene[name] = value
    original.scene.update_tag()


def devices() -> list[str]:
    """Return the kinds of devices Cycles finds here, fastest first; the last is always the CPU."""
    preferences = bpy.context.preferences.addons["cycles"].preferences
    found = []
    for kind in DEVICES:
        try:
            if any(device.type == kind for device in preferences.get_devices_for_type(kind)):
                found.append(kind)
        except (TypeError, ValueError):  # this Blender doesn't know the kind
            continue
    return [*found, "CPU"]


def _camera(original: reading.Original, name: str) -> Any:
    found = original.cameras
    named = [camera for camera in found if camera.name == name]
    return named[0] if named else found[int(name)]


def _apply_settings(scene: Any, layer: Any, frame: dict[str, Any], threads: int, device: str) -> None:
    """Apply the job's settings, and those that units need to fit together."""
    render, cycles = scene.render, scene.cycles
    render.use_persistent_data = True
    render.use_compositing = render.use_sequencer = render.use_freestyle = render.use_multiview = False
    render.threads_mode, render.threads = "FIXED", threads
    render.resolution_x, render.resolution_y = frame["size"]
    render.resolution_percentage = 100
    cycles.use_adaptive_sampling = cycles.use_denoising = False
    for name, value in (("use_guiding", False), ("use_auto_tile", False), ("time_limit", 0.0)):
        if hasattr(cycles, name):
            setattr(cycles, name, value)
    cycles.samples, layer.samples = frame["samples"], 0  # a layer's own would replace the job's
    cycles.device = "CPU" if device == "CPU" else "GPU"
    if device != "CPU":
        preferences = bpy.context.preferences.addons["cycles"].preferences
        preferences.compute_device_type = device
        for each in preferences.get_devices_for_type(device):
            each.use = each.type == device
    if scene.camera.get(default_view.FITTED):
        width, height = frame["size"]
        scene.camera.data.sensor_fit = "VERTICAL" if width > height else "HORIZONTAL"
    aovs = frame["aovs"]
    layer.use_pass_combined = True
    layer.use_pass_normal = "normal" in aovs
    layer.cycles.denoising_store_passes = "depth" in aovs or "albedo" in aovs


def _select(scene: Any, size: list[int], region: list[int], samples: list[int]) -> None:
    """Render only these pixels and samples."""
    render, (width, height), (x0, y0, x1, y1) = scene.render, size, region
    render.use_border = render.use_crop_to_border = [x0, y0, x1, y1] != [0, 0, width, height]
    render.border_min_x, render.border_max_x = (x0 + _MARGIN) / width, (x1 + _MARGIN) / width
    render.border_min_y, render.border_max_y = (height - y1 + _MARGIN) / height, (height - y0 + _MARGIN) / height
    if hasattr(scene.cycles, "use_sample_subset"):
        scene.cycles.use_sample_subset = samples != [0, scene.cycles.samples]
        scene.cycles.sample_offset, scene.cycles.sample_subset_length = samples[0], samples[1] - samples[0]
