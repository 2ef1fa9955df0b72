"""Which renderer a scene file belongs to, by its name."""

from __future__ import annotations

from pathlib import PurePath

SUFFIXES = {
    ".xml": "mitsuba",
    ".json": "null",
    **dict.fromkeys((".blend", ".glb", ".gltf", ".fbx", ".obj", ".usd", ".usda", ".usdc", ".usdz"), "blender"),
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
