"""Reads what a Mitsuba scene asks for, and what Frontburner does differently, without building its shapes."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import mitsuba as mi

from tasks.renderers.base import SceneInfo
from tasks.renderers.mitsuba.building import needs_variant
from tasks.renderers.mitsuba.cameras import camera, pixel_format
from tasks.renderers.mitsuba.document import parse, variant
from tasks.renderers.mitsuba.files import dependencies
from tasks.renderers.mitsuba.stage import build_integrator, is_made_for_whole_frames, whole_frames_because
from tasks.renderers.scene_files import scene_digest

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
    integrator = build_integrator(document)
    because = whole_frames_because(integrator)
    cameras = tuple(camera(document, node).info(whole_frames=bool(because)) for node in document.cameras)
    return SceneInfo(
        digest=content_digest(document, files),
        files=tuple(map(str, files)),
        size=cameras[0].size,
        samples=cameras[0].samples,
        region=cameras[0].region,
        cameras=document.camera_names,
        camera_infos=cameras,
        whole_frames_because=because,
        notes=(*cameras[0].notes, *_notes(document)),
        channels=() if because else _channels(document, integrator),
    )


def content_digest(document: Document, files: Sequence[Path]) -> str:
    """SHA-256 over a scene's files, and what its pictures depend on since they were first rendered.

    Films without RGBA were once written with alpha, and whole frames rendered with a box filter.
    """
    content = scene_digest(document.path, files)
    traits = [pixel_format(document, node) for node in document.cameras]
    if set(traits) <= {"rgba", ""}:
        traits = []
    if is_made_for_whole_frames(document):
        traits.append("filtered")
    return hashlib.sha256(f"{content} {' '.join(traits)}".encode()).hexdigest() if traits else content


def _channels(document: Document, integrator: Any) -> tuple[str, ...]:  # noqa: ANN401 - a Mitsuba object
    """Return the names of the integrator's channels that are the same on all nodes."""
    left_out = tuple(f".{name}.I" for name in _numbered_shapes(document))
    return tuple(name for name in dict.fromkeys(integrator.aov_names()) if not f".{name}".endswith(left_out))


def _numbered_shapes(document: Document) -> list[str]:
    """Return the names of AOVs that the compiled build fills with numbers of the process."""
    integrator = document.part(0, "Integrator")
    if integrator is None or variant().startswith("scalar"):
        return []
    wanted = [str(document.value(node, "aovs", "")) for node in document.below(integrator)]
    pairs = [pair.strip().partition(":") for text in wanted for pair in text.split(",")]
    return [name for name, _, kind in pairs if kind == "shape_index"]


def _notes(document: Document) -> list[str]:
    """Return sentences on what is rendered differently than the scene asks, with any camera."""
    integrator = document.part(0, "Integrator")
    if integrator is None:
        return ["The scene has no integrator: path is used."]
    notes = [
        f"The AOV {name} is left out: the compiled build numbers shapes differently in each process."
        for name in _numbered_shapes(document)
    ]
    if document.value(integrator, "timeout", -1) > 0:
        notes.append("The integrator's timeout is ignored: all samples are rendered.")
    return notes


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
        if name == "blackbody" and "spectral" not in variant():  # which Mitsuba would say when it renders
            message = f"blackbody ({document.where(node)}) is a spectrum that has no RGB colour"
            raise needs_variant(document, "scalar_spectral or llvm_ad_spectral", message)
