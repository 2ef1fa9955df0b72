"""Settings of a scene that are animated or driven: those that jobs set are held, and the view follows the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

VIEW = ("view_settings.", "display_settings.", "render.dither_intensity")
SAMPLES = ("cycles.samples",)
HELD = (
    *SAMPLES, "cycles.seed", "cycles.use_", "cycles.adaptive_", "cycles.time_limit", "cycles.sample_offset",
    "cycles.sample_subset_length",
)  # fmt: skip
"""How the data paths of settings begin that a job decides."""


def has_curves(scene: Any, *beginnings: str) -> bool:
    """Whether settings whose paths begin so are animated or driven."""
    return any(curve.data_path.startswith(beginnings) for curve in _curves(scene))


def hold(scene: Any) -> None:
    """Keep animations and drivers from changing what a job has set."""
    for curve in _curves(scene):
        if curve.data_path.startswith(HELD):
            curve.mute = True


def _curves(scene: Any) -> Iterator[Any]:
    """List the curves of a scene's own animation, and its drivers."""
    data = scene.animation_data
    if data is None:
        return
    yield from data.drivers
    if data.action is None:
        return
    if hasattr(data.action, "fcurves"):
        yield from data.action.fcurves
        return
    for strip in (strip for layer in data.action.layers for strip in layer.strips):
        channels = strip.channelbag(data.action_slot) if data.action_slot else None
        yield from channels.fcurves if channels else ()
