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
from tasks.renderers.povray.files import counts_frames
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
    **dict.fromkeys(
        (".blend", ".glb", ".gltf", ".fbx", ".obj", ".usd", ".usda", ".usdc", ".usdz", ".abc", ".ply", ".stl"),
        "blender",
    ),
    **dict.fromkeys((".pov", ".ini"), "povray"),
    ".vrscene": "vray",
    ".max": "max3ds",
}
_FOR_TESTS = ("null", "specimen")
_ARCHIVES = {".zip", ".7z", ".rar", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".zst"}
_BACKUPS = {f".blend{number}" for number in range(1, 33)}


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
        raise ValueError(f"no renderer reads {_unreadable(PurePath(scene))}")
    return SUFFIXES[suffix]


def keeps_frames_inside(scene: Path) -> bool:
    """Whether a scene file says which frames are its own, and only its renderer can read it."""
    return SUFFIXES.get(scene.suffix.lower()) == "blender"


def _unreadable(scene: PurePath) -> str:
    """Say what a file is that no renderer reads, and what can be done."""
    suffix = scene.suffix.lower()
    if not suffix:  # it isn't looked at: whoever submits a job elsewhere isn't told which folders there are
        return f"{scene.name or scene}, which has no ending: if it is a folder, name the scene file in it."
    if suffix in _ARCHIVES:
        return f"archives: unpack {scene.name}, and name the scene file in it."
    if suffix in _BACKUPS:
        return f"'{suffix}' files: this is a backup of Blender's. Copy it to a name that ends in .blend."
    known: dict[str, list[str]] = {}
    for end, name in SUFFIXES.items():
        if name not in _FOR_TESTS:
            known.setdefault(name, []).append(end)
    named = "; ".join(f"{name} reads {', '.join(ends)}" for name, ends in known.items())
    return f"'{suffix}' files. Known are: {named}. Export the scene to one of these."


def frames_of(scene: Path) -> tuple[int, ...]:
    """Return the frames that a scene file itself names, as far as that can be read without its renderer."""
    match SUFFIXES.get(scene.suffix.lower()):
        case "povray":
            options = options_of(scene)
            return options.frames or ((0,) if counts_frames(options) else ())  # a still of POV-Ray's is frame 0
        case "vray":
            return frames_in(scene)
        case _:
            return ()
