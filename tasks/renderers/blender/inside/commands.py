"""The commands that Frontburner calls, with plain values: the same in its own Python and in an installed program."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from system import paths

from . import canary
from .stage import PLANES, Stage, devices

if TYPE_CHECKING:
    from collections.abc import Callable

_stages: list[Stage] = []


def _stage() -> Stage:
    if not _stages:
        _stages.append(Stage())
    return _stages[0]


def use_table(table: paths.Table) -> None:
    """Take the farm's mappings of folders."""
    paths.use_table(lambda: table)


def builds() -> dict[str, Any]:
    """Return the version, the devices, and the OpenColorIO configuration."""
    colours = bpy.utils.system_resource("DATAFILES", path="colormanagement")
    return {
        "version": bpy.app.version_string.split()[0],
        "devices": devices(),
        "colours": str(Path(colours) / "config.ocio"),
    }


def describe(
    path: str, content: str, tree: str, source: str, parameters: dict[str, str], frame: int, *, allow_scripts: bool
) -> dict[str, Any]:
    """Open a scene, unless it is open with this content, and return what it contains and which files a frame uses."""
    return _stage().describe(path, content, tree, source, parameters, frame, allow_scripts=allow_scripts)


def bake(path: str, tree: str, parameters: dict[str, str], through: int, folder: str, *, allow_scripts: bool) -> str:
    """Save a copy of a scene with its simulations baked up to a frame; returns the copy's path."""
    return _stage().bake(path, tree, parameters, through, folder, allow_scripts=allow_scripts)


def render(
    frame: dict[str, Any], region: list[int], samples: list[int], threads: int, device: str, file: str
) -> dict[str, Any]:
    """Render part of a frame; returns means over its samples as float32, plane by plane.

    Planes are the picture, then the AOVs in order; each is ``(channels, bytes)``, rows from the bottom. A Blender that
    can't copy them writes them to ``file`` instead, and the result has the names of the passes in it.
    """
    return _render(_stage(), frame, region, samples, threads, device, file)


def try_out(device: str, file: str) -> dict[str, Any]:
    """Render a small scene, as `render` does."""
    stage, frame = canary.build_scene()
    size = frame["size"]
    return _render(stage, frame, [0, 0, *size], [0, frame["samples"]], 1, device, file)


def _render(
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


COMMANDS: dict[str, Callable[..., Any]] = {
    command.__name__: command for command in (use_table, builds, describe, bake, render, try_out)
}
