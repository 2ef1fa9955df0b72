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


def describe(path: str, digest: str, parameters: dict[str, str]) -> dict[str, Any]:
    """Open a scene, unless it is open with this content, and return what it says of itself."""
    return _stage().describe(path, digest, parameters)


def known_as(digest: str) -> None:
    """Take the open scene for one of this content."""
    _stage().known_as(digest)


def render(frame: dict[str, Any], region: list[int], samples: list[int], threads: int, device: str) -> dict[str, Any]:
    """Render part of a frame; returns means over its samples as float32 bytes, plane by plane.

    Each plane is ``(channels, bytes)``, rows from the bottom: the picture, then the AOVs in their order.
    """
    passes, load_s = _stage().render(frame, region, samples, threads, device)
    planes = [passes[name] for name in ("Combined", *(PLANES[aov] for aov in frame["aovs"]))]
    return {"load_s": load_s, "planes": [(channels, values.tobytes()) for channels, values in planes]}


def try_out(device: str) -> str:
    """Render a small scene and return what is wrong with it; nothing is right."""
    return canary.fault(device)


ANSWERS: dict[str, Callable[..., Any]] = {
    answer.__name__: answer for answer in (builds, describe, known_as, render, try_out)
}
