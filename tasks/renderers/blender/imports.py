"""Reads scene files in other formats than Blender's own, before Blender imports them, and says what it left out."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from tasks.errors import SceneError
from tasks.renderers.blender import gltf_files, obj_files, usd_files
from tasks.renderers.blender.imported_scene import ImportedScene
from tasks.renderers.blender.naming import listed
from tasks.renderers.blender.unreadable import refuse_no_scene

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

_READERS: dict[str, Callable[[Path, Path], ImportedScene]] = {
    **dict.fromkeys((".usd", ".usda", ".usdc", ".usdz"), usd_files.read),
    **dict.fromkeys((".gltf", ".glb"), gltf_files.read),
    ".obj": obj_files.read,
    **dict.fromkeys((".abc", ".fbx", ".ply", ".stl"), lambda scene, _: ImportedScene(source=scene)),
}
SUFFIXES = tuple(_READERS)


def read(scene: Path, folder: Path) -> ImportedScene:
    """Return what a scene file refers to. Raises `SceneError` if it can't be read.

    Parameters
    ----------
    folder
        Holds copies of a sent scene that names files by absolute paths, as long as Blender may open it.
    """
    refuse_no_scene(scene)
    return _READERS[scene.suffix.lower()](scene, folder)


def missing_remedy(scene: Path) -> str:
    """Return what to do where files that a scene names are missing."""
    if scene.suffix.lower() == ".fbx":
        return "Put them in place or beside the scene, or export it again with its pictures in it (Embed Textures)."
    return "Put them in place, or correct the names."


def account(scene: Path, read: ImportedScene, described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the files of an imported scene, and the sentences on it.

    Parameters
    ----------
    read
        What was read in it before.
    described
        What became of it in Blender.

    Raises
    ------
    SceneError
        When nothing of it can be seen, or its light is missing.
    """
    imported = described["imported"]
    left_out = list((read.shown - Counter(imported["objects"])).elements())
    if imported["empty"]:
        raise _nothing(scene, left_out)
    if read.dome and not imported["lit"]:
        raise SceneError(
            reason=f"The scene {scene.name} has a dome light, {read.dome}, which this Blender can't import.",
            remedy="Use Blender 5.0 or newer, or remove the light.",
            scene=str(scene),
        )
    bare = list((read.painted & Counter(imported["bare"])).elements())
    left = {"leaves out": left_out, "gives materials to meshes only, not to": bare}
    notes = [f"Blender's importer {what}: {listed(names)}." for what, names in left.items() if names]
    return {
        "files": [*described["files"], *((str(path), "") for path in (*read.files, *imported["pictures"]))],
        "frames": imported["frames"],
        "notes": [*read.notes, *notes, *imported["notes"], *described["notes"]],
    }


def _nothing(scene: Path, left_out: list[str]) -> SceneError:
    what = f": Blender's importer leaves out {listed(left_out)}" if left_out else ""
    return SceneError(
        reason=f"There is nothing to see in the scene {scene.name}{what}.",
        remedy="Check that its export has surfaces: points and edges alone aren't rendered.",
        scene=str(scene),
    )
