"""Where this machine's jobs keep their records, so that a job is found by its identity alone."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flows.history import jobs_in
from flows.settings import Settings
from storage.errors import FrontburnerError
from storage.objects import ObjectStore, open_store

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(kw_only=True, eq=False)
class UnknownJob(FrontburnerError):
    """A name that is no job's, or several jobs'."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A job and the store its record is in."""

    job_id: str
    store: ObjectStore


def register(job_id: str, out: str) -> None:
    """Note where a job is. It is a convenience: a home that can't be written doesn't fail the job."""
    with suppress(OSError):
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{job_id}.json").write_text(json.dumps({"out": out}))


def places(out: str | None = None) -> list[Place]:
    """Jobs of a store, or else those this machine has run, the last one first."""
    if out is not None:
        store = open_store(out)
        return [Place(job_id=job_id, store=store) for job_id in jobs_in(store)]
    found = []
    folder = _folder()
    notes = (
        sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True) if folder.exists() else []
    )
    for note in notes:
        with suppress(OSError, ValueError, KeyError):
            found.append(Place(job_id=note.stem, store=open_store(json.loads(note.read_text())["out"])))
    return found


def find(name: str, out: str | None = None) -> Place:
    """Find the one job whose identity begins with a name.

    Raises
    ------
    UnknownJob
        When there is none, or more than one.
    """
    known = places(out)
    exact = [place for place in known if place.job_id == name]
    found = exact or [place for place in known if place.job_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    where = "on this machine" if out is None else f"in {out}"
    if found:
        raise UnknownJob(
            reason=f"'{name}' could be any of {len(found)} jobs: {', '.join(place.job_id for place in found[:5])}.",
            remedy="Write more of its name.",
        )
    raise UnknownJob(
        reason=f"There is no job '{name}' {where}.",
        remedy="`frontburner job list` shows them; --out looks in the store of another machine's jobs.",
    )


def _folder() -> Path:
    return Settings().home / "jobs"
