"""Settings of a scene that are animated or driven: those that jobs set are held, and the view follows the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

VIEW = ("view_settings.", "display_settings.", "render.dither_intensity", "render.image_settings.")
HELD = (
    "cycles.samples", "cycles.seed", "cycles.use_", "cycles.adaptive_", "cycles.time_limit", "cycles.sample_offset",
    "cycles.sample_subset_length", "cycles.device", "render.threads", "render.use_multiview",
    "render.use_persistent_data",
)  # fmt: skip
"""How the data paths of settings begin that a job decides."""
HELD_OF_LAYERS = ("samples", "use", "use_pass_combined", "use_pass_normal")
"""Settings of a view layer that a job decides."""


def has_curves(data: Any, *beginnings: str) -> bool:
    """Whether settings of some data whose paths begin so are animated or driven."""
    return any(curve.data_path.startswith(beginnings) for curve in curves(data))


def samples_are(scene: Any, layer: Any) -> bool:
    """Whether the number of samples of a view layer is animated or driven."""
    return has_curves(scene, "cycles.samples", "cycles.use_layer_samples", layer.path_from_id("samples"))


def hold(scene: Any) -> None:
    """Keep animations and drivers from changing what a job has set."""
    for curve in curves(scene):
        path = curve.data_path
        of_layer = path.startswith("view_layers[") and path.rpartition("].")[2] in HELD_OF_LAYERS
        if of_layer or path.startswith(HELD):
            curve.mute = True


def curves(data: Any) -> Iterator[Any]:
    """List the curves of some data's own animation and of its strips of actions, and its drivers."""
    animation = getattr(data, "animation_data", None)
    if animation is None:
        return
    yield from animation.drivers
    yield from _of_action(animation)
    for track in animation.nla_tracks:
        yield from _of_strips(track.strips)


def _of_strips(strips: Any) -> Iterator[Any]:
    for strip in strips:
        yield from _of_action(strip)
        yield from _of_strips(strip.strips)  # of a meta strip


def _of_action(user: Any) -> Iterator[Any]:
    """List the curves of the action that some animation or strip uses."""
    action = user.action
    if action is None:
        return
    if not hasattr(user, "action_slot"):
        yield from action.fcurves
        return
    for strip in (strip for layer in action.layers for strip in layer.strips):
        channels = strip.channelbag(user.action_slot) if user.action_slot else None
        yield from channels.fcurves if channels else ()
