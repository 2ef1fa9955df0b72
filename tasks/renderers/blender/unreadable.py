"""Says why Blender can't open a file, and what helps."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from system.software import of_system
from tasks.errors import SceneError

if TYPE_CHECKING:
    from pathlib import Path

_EXTENSION = re.compile(r"Extension (\S+) is not available")
_MODULE = re.compile(r"No module named '(\w+)'")
_OFFICIAL = "Use Blender as it is on blender.org."
_NO_IMPORTER = "this Blender was built without an importer"
_LFS = b"version https://git-lfs"
_COMPRESSED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
"""How gzip and Zstandard begin."""
_AGAIN = "Copy it again from where it was saved, or take a backup that Blender keeps beside it (.blend1)."


def refuse_no_scene(scene: Path) -> None:
    """Raise `SceneError` if a file isn't there, is empty, or only says where the file itself is."""
    if not scene.is_file():
        raise SceneError(reason=f"The scene {scene.name} isn't there.", remedy="Correct its path.", scene=str(scene))
    with scene.open("rb") as file:
        fault = _of_any(file.read(64))
    if fault:
        raise SceneError(reason=f"The scene {scene.name} {fault[0]}.", remedy=fault[1], scene=str(scene))


def unreadable(scene: Path, error: str) -> SceneError:
    """Return the error that Blender can't open or import a scene, from what Blender said."""
    try:
        with scene.open("rb") as file:
            start = file.read(64)
    except OSError as cause:
        reason, remedy = f"can't be read: {cause.strerror}", "Correct its path or its permissions."
    else:
        own = scene.suffix.lower() == ".blend"
        reason, remedy = _of_any(start) or (_of_blend if own else _of_import)(start, error)
    return SceneError(reason=f"The scene {scene.name} {reason}.", remedy=remedy, scene=str(scene))


def _of_any(start: bytes) -> tuple[str, str] | None:
    if not start:
        return "can't be opened: it is an empty file", "Copy it again from where it was saved."
    if start.startswith(_LFS):
        return "can't be opened: it is only a pointer of Git LFS to the file", "Fetch the file itself: git lfs pull."
    return None


def _of_blend(start: bytes, error: str) -> tuple[str, str]:
    if "Big Endian" in error or re.match(rb"BLENDER[-_]V", start):
        return (
            "can't be opened: it was saved on a big-endian machine, which Blender doesn't read any more since 5.0",
            "Open it in Blender 4.5 or older, and save it again.",
        )
    if not start.startswith((b"BLENDER", *_COMPRESSED)):
        return (
            "can't be opened: it isn't a Blender file",
            "Name another file, or copy it again from where it was saved.",
        )
    if "not a blend file" in error:
        return (
            "can't be opened: it was saved by a newer Blender than the one here",
            "Use that version on the nodes, or a later one.",
        )
    if "Missing DNA" in error or "not supported" in error:
        return "can't be opened: it is cut off or damaged", _AGAIN
    return f"can't be opened: {error}", "Put in place what it lacks; or open it in Blender, and save it again."


def _of_import(start: bytes, error: str) -> tuple[str, str]:
    if extension := _EXTENSION.search(error):
        return (
            f"requires glTF's extension {extension[1]}, which this Blender doesn't know",
            "Export it again without this extension.",
        )
    if module := _MODULE.search(error):
        return (
            f"can't be imported: Blender's Python has no module {module[1]}",
            of_system(
                linux=f"Install it there (on Debian: apt-get install python3-{module[1]}), or use the bpy module.",
                macos=_OFFICIAL,
                windows=_OFFICIAL,
            ),
        )
    if "ASCII FBX" in error:
        return (
            "is FBX as text, which this Blender doesn't read",
            "Export it again as binary FBX, or use Blender 5.0 or newer, which reads both.",
        )
    if _NO_IMPORTER in error:
        return f"can't be imported: {error}", "Use the bpy module, or Blender as it is on blender.org."
    other = "" if start.startswith((b"glTF", b"{")) else ", or in another format, such as glTF"
    return f"can't be imported: {error}", f"Export it again from the program that made it{other}."
