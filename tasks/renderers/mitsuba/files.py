"""Finds the files a scene depends on."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import mitsuba as mi

from tasks.renderers.sent_scenes import local_path

if TYPE_CHECKING:
    from tasks.renderers.mitsuba.document import Document

_SPECTRUM = re.compile(r"<spectrum\b[^>]*\bfilename\s*=\s*\"([^\"$]+)\"")


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
