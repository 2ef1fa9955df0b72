"""The renderers: an adapter each, found by name or by a scene file's suffix. Importing this loads no renderer."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from tasks.renderers.base import Scripted
from tasks.renderers.blender.adapter import Blender
from tasks.renderers.isa import isa
from tasks.renderers.max3ds.adapter import Max3ds
from tasks.renderers.mitsuba.adapter import Mitsuba
from tasks.renderers.null import Null
from tasks.renderers.povray.adapter import PovRay
from tasks.renderers.povray.options import options_of
from tasks.renderers.specimen import Specimen
from tasks.renderers.vray.adapter import Vray
from tasks.renderers.vray.scene import frames_in

if TYPE_CHECKING:
    from tasks.renderers.base import Renderer

__all__ = ["RENDERERS", "SUFFIXES", "frames_of", "isa", "keeps_frames_inside", "renderer", "renderer_for"]

RENDERERS: dict[str, Renderer] = {
    adapter.name: adapter for adapter in (Mitsuba(), Blender(), PovRay(), Vray(), Max3ds(), Null(), Specimen())
}
SUFFIXES = {
    ".xml": "mitsuba",
    ".json": "null",
    ".specimen": "specimen",
    **dict.fromkeys((".blend", ".glb", ".gltf", ".fbx", ".obj", ".usd", ".usda", ".usdc", ".usdz"), "blender"),
    **dict.fromkeys((".pov", ".ini"), "povray"),
    ".vrscene": "vray",
    ".max": "max3ds",
}


def renderer(name: str, *, allow_scripts: bool = False) -> Renderer:
    """Return the adapter of this name.

    Parameters
    ----------
    allow_scripts
        Whether scripts in its scenes may run; without meaning for renderers whose scenes have none.

    Raises
    ------
    ValueError
        When there is none; the message lists the names.
    """
    if name not in RENDERERS:
        raise ValueError(f"no renderer is called {name!r}: choose one of {', '.join(sorted(RENDERERS))}")
    adapter = RENDERERS[name]
    return adapter.allowing_scripts() if allow_scripts and isinstance(adapter, Scripted) else adapter


def renderer_for(scene: str) -> str:
    """Return the name of the renderer for a scene file.

    Raises
    ------
    ValueError
        When no renderer reads such files.
    """
    suffix = PurePath(scene).suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(f"{end} ({name})" for end, name in sorted(SUFFIXES.items()))
        raise ValueError(f"no renderer reads '{suffix or PurePath(scene).name}' files. Known are {known}.")
    return SUFFIXES[suffix]


def keeps_frames_inside(scene: Path) -> bool:
    """Whether a scene file says which frames are its own, and only its renderer can read it."""
    return SUFFIXES.get(scene.suffix.lower()) == "blender"


def frames_of(scene: Path) -> tuple[int, ...]:
    """Return the frames that a scene file itself names, as far as that can be read without its renderer."""
    match SUFFIXES.get(scene.suffix.lower()):
        case "povray":
            return options_of(scene).frames
        case "vray":
            return frames_in(scene)
        case _:
            return ()
