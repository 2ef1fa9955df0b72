"""Reads an open file: scenes, cameras, size, samples, the files it refers to, and what is rendered differently."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import bpy

from . import animated, colour, differences, whole_frames

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DEFAULT_NOISE = 0.01
"""Cycles' automatic threshold for most numbers of samples."""


_WORDS = {"true": True, "yes": True, "false": False, "no": False}
_INT_END = 2**31
"""Whole numbers of custom properties are below this one."""


class NotFound(Exception):
    """A file has no scene, view layer or parameter of this name, or the parameter can't have this value."""


class Original:
    """A scene as it was when its file was opened.

    Parameters
    ----------
    scene
        One of the file's scenes.
    """

    def __init__(self, scene: Any) -> None:
        # Blender renders from its active camera whatever that is, a light or an empty too.
        seeing = (o for o in scene.objects if o.type == "CAMERA" or o == scene.camera)
        cameras = sorted(seeing, key=lambda o: str(o.name))
        self.scene = scene
        self.seed: int = scene.cycles.seed
        self.camera = scene.camera or next(iter(cameras), None)
        self.cameras = sorted(cameras, key=lambda camera: bool(camera != self.camera))
        self.properties = {name: value for name, value in scene.items() if isinstance(value, (int, float))}
        self.layer: str = next((layer for layer in scene.view_layers if layer.use), scene.view_layers[0]).name
        described = self._describe()
        self.descriptions: dict[str, dict[str, Any]] = {
            layer.name: {
                **described,
                "samples": _samples(scene, layer),
                "notes": [
                    *described["notes"],
                    *_notes_on_samples(scene, layer),
                    *differences.in_layer(layer),
                    *_notes_on_choice(scene, layer),
                ],
            }
            for layer in scene.view_layers
        }

    def values(self, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return the values of the custom properties, with those of a job. Raises `NotFound`."""
        return {name: _value(name, own, parameters.get(name)) for name, own in self.properties.items()}

    def _describe(self) -> dict[str, Any]:
        """Return what must be known before rendering, as plain values."""
        render, cycles = self.scene.render, self.scene.cycles
        sides = render.resolution_x, render.resolution_y
        return {
            "size": [max(1, side * render.resolution_percentage // 100) for side in sides],
            "cameras": [camera.name for camera in self.cameras],
            "frames": _own_frames(self.scene),
            "current_frame": self.scene.frame_current,
            "noise": (cycles.adaptive_threshold or DEFAULT_NOISE) if cycles.use_adaptive_sampling else None,
            "notes": [*self._notes_on_camera(), *differences.in_scene(self.scene)],
            "properties": list(self.properties),
            "view": colour.view_of(self.scene),
            "whole_frames_because": whole_frames.because(self.scene),
        }

    def _notes_on_camera(self) -> Iterator[str]:
        if self.scene.camera is None and self.camera is not None:
            yield f"It has no active camera: its first, {self.camera.name}, is rendered."


def scenes_by_name() -> list[Any]:
    """List the scenes that their names mean: a file's own come before those of libraries, as they do for Blender."""
    named: dict[str, Any] = {}
    for scene in sorted(bpy.data.scenes, key=lambda scene: scene.library is not None):
        named.setdefault(scene.name, scene)
    return list(named.values())


def _value(name: str, own: Any, text: str | None) -> Any:
    """Return what a job sets a custom property to, as the kind of number that it is."""
    if text is None:
        return own
    if isinstance(own, bool) and text.strip().lower() in _WORDS:
        return _WORDS[text.strip().lower()]
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or (isinstance(own, int) and abs(number) >= _INT_END):
        kind = "true or false" if isinstance(own, bool) else "a whole number" if isinstance(own, int) else "a number"
        raise NotFound(f"can't set its parameter '{name}' to '{text}': it is {kind}")
    return type(own)(number)


def _samples(scene: Any, layer: Any) -> int:
    """Return the samples of a view layer: its own, the scene's, or the fewer of both."""
    use = getattr(scene.cycles, "use_layer_samples", "USE")
    own: int = scene.cycles.samples
    if not layer.samples or use == "IGNORE":
        return own
    return min(own, layer.samples) if use == "BOUNDED" else int(layer.samples)


def _notes_on_samples(scene: Any, layer: Any) -> Iterator[str]:
    if animated.samples_are(scene, layer):
        yield (
            f"Its number of samples is animated: all frames get {_samples(scene, layer)}, unless the job says how many."
        )


def _notes_on_choice(scene: Any, layer: Any) -> Iterator[str]:
    """Say which scene and view layer were chosen, and how to choose others."""
    others = [other.name for other in scene.view_layers if other.use and other != layer]
    if others:
        yield (
            f"Only its view layer {layer.name} is rendered; it also has {', '.join(others)}: "
            "name one in the parameter view_layer."
        )
    own = [other for other in bpy.data.scenes if other.library is None]
    if len(own) > 1 and scene in own:
        names = ", ".join(other.name for other in own)
        yield f"Its scene {scene.name} is rendered, of {names}: name another in the parameter scene."


def _own_frames(scene: Any) -> list[int]:
    """Return the first frame a file was made for, where they end, and their step."""
    return [scene.frame_start, scene.frame_end + 1, scene.frame_step]
