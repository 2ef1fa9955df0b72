"""What a node reaches of a job: its store, by storing something there, and its scene, by reading it."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import FrontburnerError, MissingObject
from storage.objects import open_store
from tasks.node.readiness import Check, Grade
from tasks.renderers import renderer, renderer_for
from tasks.renderers.diagnosis import places

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def store_check(url: str, *, beacon: str = "") -> Check:
    """Write, read and delete a small object.

    Parameters
    ----------
    beacon
        Key of an object that the machine that asks has put there: whoever doesn't see it has another store.
    """
    began_s = time.perf_counter()
    try:
        store = open_store(url)
        if beacon:
            store.read(beacon)
        store.check()
    except MissingObject:
        return Check(
            name="store", grade=Grade.FAILS,
            reason=f"What the node has at {url} isn't the store that is asked about: it is another of that name.",
            remedy="Mount the same drive there on every machine, or use an s3:// store.",
        )  # fmt: skip
    except FrontburnerError as error:
        return Check(name="store", grade=Grade.FAILS, reason=error.reason, remedy=error.remedy)
    took_s = time.perf_counter() - began_s
    return Check(name="store", value=f"{store.url}: written and read back in {took_s * 1000:.0f} ms")


def renderer_of(scene: str) -> str:
    """Name of a scene's renderer; empty if none reads it."""
    try:
        return renderer_for(scene)
    except ValueError:
        return ""


def scene_check(scene: str, builds: Mapping[str, Sequence[str]]) -> tuple[Check, str]:
    """Read a scene; returns its digest, too. To be called where a renderer may be imported.

    Parameters
    ----------
    builds
        Builds that work here, by renderer.
    """
    trouble = _unreadable(Path(scene))
    if trouble:
        return trouble, ""
    name = renderer_of(scene)
    if not name:
        return _fails(f"No renderer reads files like {Path(scene).name}.", "Give a scene file of a renderer."), ""
    if not builds.get(name):
        return Check(name="scene", grade=Grade.NOTE, reason=f"It wasn't read, as {name} doesn't work here."), ""
    try:
        found = renderer(name).inspect(Path(scene), build=builds[name][0], frame=1, parameters=())
    except FrontburnerError as error:
        return _fails(error.reason, error.remedy), ""
    count = len(found.files)
    return Check(name="scene", value=f"{count} file{'s' if count != 1 else ''}, {found.digest[:8]}"), found.digest


def _unreadable(path: Path) -> Check | None:
    closed = places.forbidden(path)
    if closed:
        return _fails(f"The scene can't be read: {closed.cause}.", closed.remedy)
    if not path.is_file():
        there = next(parent for parent in path.parents if parent.is_dir())
        missing = f"The scene {path} isn't there: of its path this machine has only {there}."
        return _fails(missing, "Mount the drive it is on at the same place on every machine, or copy it there.")
    return None if os.access(path, os.R_OK) else _fails(f"The scene {path} can't be read.", "Give read access to it.")


def _fails(reason: str, remedy: str) -> Check:
    return Check(name="scene", grade=Grade.FAILS, reason=reason, remedy=remedy)
