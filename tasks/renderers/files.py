"""Which renderer a scene file belongs to, by its name."""

from __future__ import annotations

from pathlib import Path, PurePath

from tasks.renderers.povray.options import options_of

SUFFIXES = {
    ".xml": "mitsuba",
    ".json": "null",
    ".specimen": "specimen",
    **dict.fromkeys((".blend", ".glb", ".gltf", ".fbx", ".obj", ".usd", ".usda", ".usdc", ".usdz"), "blender"),
    **dict.fromkeys((".pov", ".ini"), "povray"),
    ".vrscene": "vray",
    ".max": "max3ds",
}


def renderer_for(scene: str) -> str:
    """Name of the renderer for a scene file.

    Raises
    ------
    ValueError
        With a sentence, when no renderer reads such files.
    """
    suffix = PurePath(scene).suffix.lower()
    if suffix not in SUFFIXES:
        known = ", ".join(f"{end} ({name})" for end, name in sorted(SUFFIXES.items()))
        raise ValueError(f"no renderer reads '{suffix or PurePath(scene).name}' files. Known are {known}.")
    return SUFFIXES[suffix]


def frames_of(scene: Path) -> tuple[int, ...]:
    """Frames that a scene file itself names, as far as that can be read without its renderer."""
    return options_of(scene).frames if SUFFIXES.get(scene.suffix.lower()) == "povray" else ()
