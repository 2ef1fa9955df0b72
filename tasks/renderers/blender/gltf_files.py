"""The buffers that a glTF scene names, and what no Blender reads in it."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote

from system import paths
from tasks.errors import SceneError
from tasks.renderers.blender.imported_scene import ImportedScene
from tasks.renderers.blender.naming import listed
from tasks.renderers.sent_scenes import local_path

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_VERSION = "2.0"
_JSON = b"JSON"


def read(scene: Path, folder: Path) -> ImportedScene:
    """Return what a glTF or GLB file refers to. Raises `SceneError` if it isn't one that Blender reads.

    Parameters
    ----------
    folder
        Holds a copy of a sent scene that names buffers by absolute paths.
    """
    try:
        document = _document(scene.read_bytes())
    except (ValueError, struct.error) as error:
        raise _broken(scene, str(error)) from error
    asset = document.get("asset")
    version = str(asset.get("version")) if isinstance(asset, dict) else "1.0"
    if version != _VERSION:
        raise _old(scene, version)
    named = {name: _place(scene, name) for buffer in document.get("buffers", ()) if (name := _name_of(buffer))}
    elsewhere = scene.suffix.lower() == ".gltf" and any(
        str(path) != unquote(name) for name, path in named.items() if paths.absolute_of(unquote(name))
    )
    return ImportedScene(
        source=_write_copy(scene, document, folder) if elsewhere else scene,
        files=tuple(named.values()),
        notes=tuple(_notes(document)),
    )


def _notes(document: dict[str, Any]) -> Iterator[str]:
    others = [str(each.get("name", index)) for index, each in enumerate(document.get("animations", ()))][1:]
    if others:
        yield f"Blender plays its first animation, and leaves out others: {listed(others)}."


def _name_of(buffer: dict[str, Any]) -> str:
    """Return the name of a buffer's or picture's file; empty if its content is in the scene."""
    uri = str(buffer.get("uri") or "")
    return "" if uri.startswith("data:") else uri


def _place(scene: Path, name: str) -> Path:
    return scene.parent / local_path(unquote(name), scene=scene)


def _write_copy(scene: Path, document: dict[str, Any], folder: Path) -> Path:
    """Write a copy whose names lead to where the files are on this machine."""
    for each in (*document.get("buffers", ()), *document.get("images", ())):
        if name := _name_of(each):
            each["uri"] = quote(str(_place(scene, name)))
    copy = folder / scene.name
    copy.write_text(json.dumps(document), encoding="utf-8")
    return copy


def _document(content: bytes) -> dict[str, Any]:
    """Return the JSON of a file's text, or of its first chunk."""
    if content[:4] == b"glTF":
        version, length = struct.unpack_from("<II", content, 4)
        if version != int(float(_VERSION)):
            return {"asset": {"version": f"{version}.0"}}
        if length != len(content):
            raise ValueError(f"it should have {length} bytes, and has {len(content)}")
        size, kind = struct.unpack_from("<I4s", content, 12)
        if kind != _JSON:
            raise ValueError("its first chunk isn't JSON")
        content = content[20 : 20 + size]
    document = json.loads(str(content, "utf-8"))
    if not isinstance(document, dict):
        raise ValueError("it isn't a JSON object")  # noqa: TRY004 - of the file's content
    return document


def _broken(scene: Path, what: str) -> SceneError:
    return SceneError(
        reason=f"The scene {scene.name} isn't a complete glTF file: {what}.",
        remedy="Copy it again from where it was made, or export it again.",
        scene=str(scene),
    )


def _old(scene: Path, version: str) -> SceneError:
    return SceneError(
        reason=f"The scene {scene.name} is glTF {version}; Blender reads glTF {_VERSION} only.",
        remedy=f"Convert it: npx gltf-pipeline -i {scene.name} -o new.glb. Or export it again as glTF {_VERSION}.",
        scene=str(scene),
    )
