"""The buffers that a glTF scene names, and what no Blender reads in it."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from tasks.errors import SceneError
from tasks.renderers.blender.imported_scene import ImportedScene

if TYPE_CHECKING:
    from pathlib import Path

_VERSION = "2.0"
_JSON = b"JSON"


def read(scene: Path, source: Path) -> ImportedScene:
    """Return what a glTF or GLB file refers to. Raises `SceneError` if it isn't one that Blender reads."""
    try:
        document = _document(source.read_bytes())
    except (ValueError, struct.error) as error:
        raise _broken(scene, str(error)) from error
    asset = document.get("asset")
    version = str(asset.get("version")) if isinstance(asset, dict) else "1.0"
    if version != _VERSION:
        raise _old(scene, version)
    uris = [buffer.get("uri", "") for buffer in document.get("buffers", ())]
    named = (uri for uri in uris if uri and not uri.startswith("data:"))
    return ImportedScene(source=source, files=tuple(scene.parent / unquote(uri) for uri in named))


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
