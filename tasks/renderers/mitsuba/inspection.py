"""Reads what a Mitsuba scene asks for, and what Frontburner does differently, without building its shapes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import mitsuba as mi

from tasks.content_digests import scene_digest
from tasks.renderers.base import SceneInfo
from tasks.renderers.mitsuba.cameras import camera, pixel_format
from tasks.renderers.mitsuba.document import parse
from tasks.renderers.mitsuba.files import dependencies
from tasks.renderers.mitsuba.stage import build_integrator

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks.renderers.mitsuba.document import Document


def inspect(path: Path, *, frame: int, parameters: tuple[tuple[str, str], ...]) -> SceneInfo:
    """Read a scene for one frame. Raises `SceneError`."""
    document = parse(path, frame=frame, parameters=parameters)
    document.camera(None)
    _check_plugins(document)
    files = dependencies(document)
    cameras = tuple(camera(document, node).info for node in document.cameras)
    return SceneInfo(
        digest=content_digest(document, files),
        files=tuple(map(str, files)),
        size=cameras[0].size,
        samples=cameras[0].samples,
        cameras=document.camera_names,
        camera_infos=cameras,
        whole_frames_because=whole_frames_because(build_integrator(document)),
        notes=cameras[0].notes,
    )


def content_digest(document: Document, files: Sequence[Path]) -> str:
    """SHA-256 over a scene's files, and the films that have no RGBA: their pictures were once written with alpha."""
    content = scene_digest(document.path, files)
    formats = [pixel_format(document, node) for node in document.cameras]
    if set(formats) <= {"rgba", ""}:
        return content
    return hashlib.sha256(f"{content} {' '.join(formats)}".encode()).hexdigest()


def whole_frames_because(integrator: Any) -> str:  # noqa: ANN401 - a Mitsuba object
    """Return why the integrator can't render regions, in a sentence; empty if it can."""
    name = type(integrator).__name__
    if not isinstance(integrator, mi.SamplingIntegrator):
        return f"Its integrator ({name}) sends light from the lamps to the whole picture at once."
    if isinstance(integrator, mi.CppADIntegrator):
        return f"Its integrator ({name}) is made for differentiation and renders whole pictures only."
    return ""


def _check_plugins(document: Document) -> None:
    """Find misspelt plugins now rather than when a node builds the scene."""
    manager = mi.PluginManager.instance()
    for node in range(1, len(document.state.nodes)):
        name = document.plugin(node)
        # Integrators may be written in Python, which the manager doesn't know; they are built below.
        if document.kind(node) != "Integrator" and manager.plugin_type(name) == mi.ObjectType.Unknown:
            raise document.refuse(
                f"asks for an unknown plugin {name!r} ({document.where(node)})",
                f"Correct the name: Mitsuba {mi.__version__} has no plugin of this name.",
            )
