"""Reads what a Mitsuba scene asks for, and what Frontburner does differently, without building its shapes."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mitsuba as mi

from tasks.content_digests import scene_digest
from tasks.renderers.base import SceneInfo
from tasks.renderers.mitsuba.document import parse, variant
from tasks.renderers.mitsuba.stage import build_integrator
from tasks.renderers.sent_scenes import local_path

if TYPE_CHECKING:
    from tasks.renderers.mitsuba.document import Document

_SPECTRUM = re.compile(r"<spectrum\b[^>]*\bfilename\s*=\s*\"([^\"$]+)\"")
_FILMS = {"", "hdrfilm"}
_SAMPLERS = {"", "independent"}


def inspect(path: Path, *, frame: int, parameters: tuple[tuple[str, str], ...]) -> SceneInfo:
    """Read a scene for one frame. Raises `SceneError`."""
    document = parse(path, frame=frame, parameters=parameters)
    camera = document.camera(None)
    _check_plugins(document)
    files = dependencies(document)
    return SceneInfo(
        digest=scene_digest(document.path, files),
        files=tuple(map(str, files)),
        size=document.size(camera),
        samples=document.samples(camera),
        cameras=document.camera_names,
        whole_frames_because=whole_frames_because(build_integrator(document)),
        notes=tuple(_notes(document, camera)),
    )


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


def _notes(document: Document, camera: int) -> list[str]:
    """Return sentences on what is rendered differently than the scene asks."""
    film, sampler = document.part(camera, "Film"), document.part(camera, "Sampler")
    notes = []
    if document.plugin(film) not in _FILMS:
        notes.append(f"The film {document.plugin(film)} is replaced by linear float32 RGBA.")
    if film is not None and "crop_width" in document.state.nodes[film].props:
        notes.append("The film's crop is ignored: the whole frame is rendered.")
    if document.plugin(sampler) not in _SAMPLERS:
        notes.append(f"The sampler {document.plugin(sampler)} is replaced by independent samples.")
    rfilter = document.plugin(document.part(film, "ReconstructionFilter")) or "gaussian"
    if variant().startswith("scalar") and rfilter != "box":
        notes.append(f"The {rfilter} filter is replaced by a box: only the compiled build can use it in regions.")
    return notes


def dependencies(document: Document) -> tuple[Path, ...]:
    """Return all files of a scene, the scene file first.

    Raises
    ------
    SceneError
        When files are missing.
    """
    included = [_path_of(document, str(name)) for name in document.state.files]
    files = dict.fromkeys([document.path, *included])
    missing: dict[str, str] = {}
    for name, named_in in (*_named_files(document), *_spectra(included)):
        path = _path_of(document, name)
        if path.is_file():
            files[path] = None
        elif named_in and not _ships_with_mitsuba(name):
            missing.setdefault(name, named_in)
    if missing:
        names = ", ".join(f"{name} (named in {named_in})" for name, named_in in missing.items())
        raise document.refuse(f"refers to files that don't exist: {names}", "Put them in place, or correct the names.")
    return tuple(files)


def _named_files(document: Document) -> list[tuple[str, str]]:
    """Return the strings in the scene that may name a file, and the place of those that must."""
    found = []
    for number, node in enumerate(document.state.nodes):
        props = node.props
        keys = [key for key in props.keys() if props.type(key) == mi.Properties.Type.String]  # noqa: SIM118
        found += [
            (str(props[key]), document.where(number) if "filename" in key.lower() else "") for key in keys if props[key]
        ]
    return found


def _spectra(files: list[Path]) -> list[tuple[str, str]]:
    """Return the names of spectrum files, which the parser reads without recording them."""
    return [(name, path.name) for path in files for name in _SPECTRUM.findall(path.read_text(errors="replace"))]


def _path_of(document: Document, name: str) -> Path:
    return Path(os.path.normpath(document.path.parent / local_path(name, scene=document.path)))


def _ships_with_mitsuba(name: str) -> bool:
    return (Path(mi.__file__).parent / name).is_file()
