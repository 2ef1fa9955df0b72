"""Answers questions about scenes, in plain values: the same in this Python and in the program's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy

from . import canary
from .stage import PLANES, Stage, devices

if TYPE_CHECKING:
    from collections.abc import Callable

_stages: list[Stage] = []


def _stage() -> Stage:
    if not _stages:
        _stages.append(Stage())
    return _stages[0]


def builds() -> dict[str, Any]:
    """Return version and devices."""
    return {"version": bpy.app.version_string.split()[0], "devices": devices()}


def describe(path: str, digest: str, tree: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Open a scene, unless it is open with this content, and return what it says of itself."""
    return _stage().describe(path, digest, tree, parameters)


def known_as(digest: str) -> None:
    """Take the open scene for one of this content."""
    _stage().known_as(digest)


def render(
    frame: dict[str, Any], region: list[int], samples: list[int], threads: int, device: str, file: str
) -> dict[str, Any]:
    """Render part of a frame; returns means over its samples as float32, plane by plane.

    Planes are the picture, then the AOVs in their order; each is ``(channels, bytes)``, rows from the bottom. A Blender
    that can't hand them over writes them to ``file`` instead, and says the passes' names in it.
    """
    return _rendered(_stage(), frame, region, samples, threads, device, file)


def try_out(device: str, file: str) -> dict[str, Any]:
    """Render a small scene, as `render` does."""
    stage, frame = canary.made()
    size = frame["size"]
    return _rendered(stage, frame, [0, 0, *size], [0, frame["samples"]], 1, device, file)


def _rendered(
    stage: Stage,
    frame: dict[str, Any],
    region: list[int],
    samples: list[int],
    threads: int,
    device: str,
    file: str,
) -> dict[str, Any]:
    layer, passes, load_s = stage.render(frame, region, samples, threads, device)
    names = ["Combined", *(PLANES[aov] for aov in frame["aovs"])]
    if passes:
        return {"load_s": load_s, "planes": [(passes[name][0], passes[name][1].tobytes()) for name in names]}
    stage.save(file)
    return {"load_s": load_s, "names": [f"{layer}.{name}" for name in names]}


ANSWERS: dict[str, Callable[..., Any]] = {
    answer.__name__: answer for answer in (builds, describe, known_as, render, try_out)
}
