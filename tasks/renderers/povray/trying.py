"""Has POV-Ray read a scene with the files that are known, to learn which others it misses: names may be computed."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks.errors import ProgramFailed, SceneError
from tasks.renderers.povray import program as povray
from tasks.renderers.program.failures import Failure
from tasks.renderers.program.run import Program, run

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tasks.renderers.povray.options import Options

LIMIT_S = 20.0
"""How long POV-Ray may read a scene to find files; some take as long to read as to render."""
_MISSES = Failure(pattern=r"Cannot find file '(?P<name>[^']*)'", cause="{name}", remedy="", scene=True)
_HAS_READ = Failure(pattern=r"^==== \[(?!Parsing)", cause="", remedy="", fatal=True)
"""It is ended once it begins to render."""


def with_known_files(options: Options, known: Iterable[Path], folder: Path) -> Options:
    """Return the options with folders in which only the known files are, by links."""
    mirror = folder / "known"
    for path in known:
        link = _mirrored(path, mirror)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.is_symlink():
            link.symlink_to(path.absolute())

    def mirrored(original: Path) -> Path:
        if original.is_relative_to(folder):  # copies of a sent scene
            return original
        place = _mirrored(original, mirror)
        place.mkdir(parents=True, exist_ok=True)
        return place

    scene, first = mirrored(options.scene.parent) / options.scene.name, mirrored(options.folder)
    libraries, beside = ([*map(mirrored, folders)] for folders in (options.libraries, options.beside))
    return replace(options, scene=scene, folder=first, libraries=libraries, beside=beside)


def missing_name(command: Sequence[str], folder: Path, scene: Path, limit_s: float) -> str | None:
    """Return the name of a file that POV-Ray misses when it reads a scene.

    Returns
    -------
    str or None
        Empty if it misses none, or what it says is something else; None if it takes too long.
    """
    began_s = time.monotonic()
    try:
        run(
            Program(
                name=povray.NAME,
                command=command,
                folder=folder,
                environment=povray.environment(),
                scene=str(scene),
                failures=(_MISSES, _HAS_READ),
                continues=povray.CONTINUES,
                columns=povray.COLUMNS,
                limit_s=limit_s,
            )
        )
    except SceneError as error:
        return error.reason
    except ProgramFailed:
        return None if time.monotonic() - began_s > limit_s else ""
    return ""


def _mirrored(path: Path, mirror: Path) -> Path:
    absolute = path.absolute()
    return mirror / absolute.relative_to(absolute.anchor)
