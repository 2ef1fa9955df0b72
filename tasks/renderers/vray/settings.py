"""What the settings of a ``.vrscene`` say: size, frames, cameras, and how light is computed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tasks.spec import Size

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.renderers.vray.source import Plugin

DEFAULT_SIZE = Size(width=640, height=480)
CACHES = {
    0: ("SettingsIrradianceMap", (2, 7), "an irradiance map"),
    1: ("SettingsPhotonMap", (1,), "a photon map"),
    3: ("SettingsLightCache", (2,), "a light cache"),
}
"""By the number of an engine of global illumination: its settings, their modes that read a file, and its name."""
_CAMERAS = ("RenderView", "CameraPhysical", "CameraDome", "CameraDefault")


def outputs_of(plugins: Sequence[Plugin]) -> list[Plugin]:
    """Return the plugins that set the output."""
    return [plugin for plugin in plugins if plugin.type == "SettingsOutput"]


def size_of(plugins: Sequence[Plugin], frame: int) -> Size:
    """Return the size of a frame: that of the last output."""
    size = DEFAULT_SIZE
    for plugin in outputs_of(plugins):
        size = Size(
            width=int(plugin.number("img_width", frame, DEFAULT_SIZE.width)),
            height=int(plugin.number("img_height", frame, DEFAULT_SIZE.height)),
        )
    return size


def frames_of(plugins: Sequence[Plugin]) -> tuple[int, ...]:
    """Return the frames that are set; none if none are."""
    outputs = outputs_of(plugins)
    if not outputs:
        return ()
    if "frames" in outputs[-1].parameters:
        return _listed_frames(outputs[-1].parameters["frames"].value)
    first, last = (outputs[-1].number(key, 0, 0.0) for key in ("anim_start", "anim_end"))
    whole = first.is_integer() and last.is_integer()
    return tuple(range(int(first), int(last) + 1)) if whole and first < last else ()


def notes_of(plugins: Sequence[Plugin]) -> list[str]:
    """Return sentences on settings that aren't honoured."""
    outputs, notes = outputs_of(plugins), []
    if len(outputs) > 1:
        named = ", ".join(plugin.name for plugin in outputs)
        notes.append(f"The scene sets its output {len(outputs)} times ({named}): the last one's size is rendered.")
    elements = [plugin for plugin in plugins if plugin.type.startswith("RenderChannel")]
    if elements:
        notes.append(f"The scene's {len(elements)} render elements are not delivered, only its picture.")
    return notes


def whole_frames_because(plugins: Sequence[Plugin], frame: int) -> str:
    """Return why frames can't be split; empty if they can."""
    caches = [
        name
        for engine, (settings, modes, name) in CACHES.items()
        if engine in engines(plugins, frame)
        and not any(plugin.type == settings and plugin.number("mode", frame, 0) in modes for plugin in plugins)
    ]
    if not caches:
        return ""
    return (
        f"Its light comes from {' and '.join(sorted(caches))}, which V-Ray computes anew for each region: "
        "regions would not fit together."
    )


def engines(plugins: Sequence[Plugin], frame: int) -> set[int]:
    """Return the engines of global illumination that are used."""
    used: set[int] = set()
    for plugin in plugins:
        if plugin.type == "SettingsGI" and plugin.number("on", frame, 1):
            used.add(int(plugin.number("primary_engine", frame, 2)))
            used.add(int(plugin.number("secondary_engine", frame, 2)) or 2)  # 0 of these is none
    return used


def asks_for_part(plugins: Sequence[Plugin], frame: int) -> bool:
    """Whether the scene has a region or a crop that isn't the whole picture."""
    size = size_of(plugins, frame)
    for plugin in outputs_of(plugins):
        for prefix in ("rgn", "r"):
            left, top, width, height = (
                plugin.number(f"{prefix}_{key}", frame, 0) for key in ("left", "top", "width", "height")
            )
            if width > 0 and height > 0 and (left, top, width, height) != (0, 0, size.width, size.height):
                return True
    return False


def cameras_of(plugins: Sequence[Plugin]) -> tuple[str, ...]:
    """Return the names by which V-Ray knows the cameras: a view and its camera have the same."""
    cameras = [plugin for plugin in plugins if plugin.type in _CAMERAS]
    views = [plugin for plugin in cameras if plugin.type == "RenderView"]
    named = [plugin.parameters["scene_name"].texts[0].text for plugin in cameras if "scene_name" in plugin.parameters]
    return tuple(dict.fromkeys(named or [plugin.name for plugin in views or cameras])) or ("0",)


def _listed_frames(value: str) -> tuple[int, ...]:
    """Return the frames of a list: numbers, and lists of a first and a last one."""
    inner = re.sub(r"^\s*List\w*\(|\)\s*$", "", value) if value.startswith("List") else value
    frames: set[int] = set()
    for first, last, single in re.findall(r"List\w*\(\s*(-?\d+)\s*,\s*(-?\d+)\s*\)|(-?\d+)", inner):
        frames.update([int(single)] if single else range(int(first), int(last) + 1))
    return tuple(sorted(frames)) if re.fullmatch(r"[\s\d,()A-Za-z-]*", inner) else ()
