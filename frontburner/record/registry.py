"""Where this machine's jobs keep their records, so that a job is found by its identity alone."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from frontburner.record.snapshot import jobs_in
from frontburner.settings import Settings, environment
from storage.errors import FrontburnerError
from storage.objects import ObjectStore, open_store

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from frontburner.record.job_status import JobStatus


@dataclass(kw_only=True, eq=False)
class UnknownJob(FrontburnerError):
    """A name that is no job's, or several jobs'."""


@dataclass(kw_only=True, eq=False)
class StoreUnreachable(FrontburnerError):
    """Something that can't be done to a job, or not as it stands."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A job, the store its record is in, and what this machine noted of its last run here."""

    job_id: str
    store: ObjectStore
    note: Mapping[str, Any] = field(default_factory=dict)


def register(
    job_id: str,
    out: str,
    *,
    job: Mapping[str, Any] | None = None,
    started: str = "",
    deployment: str = "",
    flow_run: str = "",
) -> None:
    """Note where a job is, and what it runs on. A home that can't be written fails no job: it is a convenience."""
    note = {
        "out": out,
        "job": job,
        "started": started,
        "deployment": deployment,
        "flow_run": flow_run,
        "pid": os.getpid(),
        "scheduler": Settings().scheduler,
        "prefect_api": prefect_api(),
    }
    with suppress(OSError):
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f".{job_id}.{os.getpid()}"
        fresh.write_text(json.dumps(note, default=str))
        fresh.replace(folder / f"{job_id}.json")


def prefect_api() -> str:
    """Return the address of the Prefect server this context uses, without credentials; empty where none was given."""
    parts = urlsplit(environment().get("PREFECT_API_URL", ""))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def places(out: str | None = None) -> list[Place]:
    """Jobs of a store, or else those this machine has run, the last one first."""
    if out is not None:
        store = open_store(out)
        return [Place(job_id=job_id, store=store) for job_id in jobs_in(store)]
    folder = _folder()
    if not folder.exists():
        return []
    notes = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [place for note in notes if (place := _place(note)) is not None]


def find(name: str, out: str | None = None) -> Place:
    """Find the one job whose identity begins with a name.

    Raises
    ------
    UnknownJob
        When there is none, or more than one.
    """
    known = places(out)
    exact = [place for place in known if place.job_id == name]
    found = exact or [place for place in known if name and place.job_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    where = "on this machine" if out is None else f"in {out}"
    if found:
        raise UnknownJob(
            reason=f"'{name}' could be any of {len(found)} jobs: {', '.join(place.job_id for place in found[:5])}.",
            remedy="Write more of its name.",
        )
    near = get_close_matches(name, [place.job_id for place in known], n=3, cutoff=0.5)
    raise UnknownJob(
        reason=f"There is no job '{name}' {where}." + (f" Did you mean {' or '.join(near)}?" if near else ""),
        remedy="`frontburner job list` shows them; --out looks in the store of another machine's jobs.",
    )


def document_of(place: Place, status: JobStatus) -> dict[str, Any]:
    """Return the document of a job, as its last run or this machine's note has it.

    Raises
    ------
    FrontburnerError
        When neither does.
    """
    document = status.job or place.note.get("job")
    if not document:
        raise FrontburnerError(
            reason=f"The record of {place.job_id} in {place.store.url} doesn't say what the job was.",
            remedy="Run `frontburner render` with the job as before: what is finished is not rendered again.",
        )
    return dict(document)


def _place(note: Path) -> Place | None:
    """Read a note; None where it is no note that can be read."""
    with suppress(OSError, ValueError, KeyError, TypeError, FrontburnerError):
        told = json.loads(note.read_text())
        return Place(job_id=note.stem, store=open_store(told["out"]), note=told)
    return None


def _folder() -> Path:
    return Settings().home / "jobs"
