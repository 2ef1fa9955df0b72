"""The files a scene depends on, and the digest of their content: what makes two scenes the same."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import mitsuba as mi

from tasks.renderers import content

if TYPE_CHECKING:
    from tasks.renderers.mitsuba.document import Document

_SPECTRUM = re.compile(r"<spectrum\b[^>]*\bfilename\s*=\s*\"([^\"$]+)\"")


def dependencies(document: Document) -> tuple[Path, ...]:
    """All files of a scene, the scene's own first.

    Raises
    ------
    SceneError
        When one is missing; it names all that are.
    """
    included = [_found(document, str(name)) for name in document.state.files]
    files = dict.fromkeys([document.path, *included])
    missing: list[str] = []
    for name, required in (*_named(document), *_spectra(included)):
        path = _found(document, name)
        if path.is_file():
            files[path] = None
        elif required and not _ships_with_mitsuba(name):
            missing.append(name)
    if missing:
        names = ", ".join(dict.fromkeys(missing))
        raise document.refuse(f"refers to files that don't exist: {names}", "Put them in place, or correct the names.")
    return tuple(files)


def digest(document: Document, files: tuple[Path, ...]) -> str:
    """SHA-256 over the names and contents of a scene's files."""
    return content.digest(document.path, files)


def _named(document: Document) -> list[tuple[str, bool]]:
    """Strings in the scene that may name a file, and whether they must."""
    found = []
    for node in document.state.nodes:
        props = node.props
        keys = [key for key in props.keys() if props.type(key) == mi.Properties.Type.String]  # noqa: SIM118
        found += [(str(props[key]), "filename" in key.lower()) for key in keys if props[key]]
    return found


def _spectra(files: list[Path]) -> list[tuple[str, bool]]:
    """Spectrum files: the parser reads them at once and doesn't say which they were."""
    return [(name, True) for path in files for name in _SPECTRUM.findall(path.read_text(errors="replace"))]


def _found(document: Document, name: str) -> Path:
    return Path(os.path.normpath(document.path.parent / name))


def _ships_with_mitsuba(name: str) -> bool:
    return (Path(mi.__file__).parent / name).is_file()
