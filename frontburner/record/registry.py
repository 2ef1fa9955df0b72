"""Registry of the jobs this machine has run and the stores of their records, to find a job by its id."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from frontburner.record.snapshot import job_ids
from frontburner.settings import Settings, environment
from storage.errors import FrontburnerError
from storage.objects import ObjectStore, open_store
from system.files import replace

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from frontburner.record.job_status import JobStatus


@dataclass(kw_only=True, eq=False)
class UnknownJob(FrontburnerError):
    """A name that matches no job, or several."""


@dataclass(kw_only=True, eq=False)
class JobActionRefused(FrontburnerError):
    """Something that can't be done to a job, or not in its present state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLocation:
    """A job, the store of its record, and this machine's note of the last run it started."""

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
    """Note where a job is and what it runs on. The registry is a convenience: failing to write it fails no job."""
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
        temporary = folder / f".{job_id}.{os.getpid()}"
        temporary.write_text(json.dumps(note, default=str), encoding="utf-8")
        replace(temporary, folder / f"{job_id}.json")


def prefect_api() -> str:
    """Return the address of the Prefect server of this context, without credentials; empty if there is none."""
    parts = urlsplit(environment().get("PREFECT_API_URL", ""))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def list_jobs(out: str | None = None) -> list[JobLocation]:
    """List the jobs of a store, or else those this machine has run, the latest first."""
    if out is not None:
        store = open_store(out)
        return [JobLocation(job_id=job_id, store=store) for job_id in job_ids(store)]
    folder = _folder()
    if not folder.exists():
        return []
    notes = sorted(folder.glob("*.json"), key=lambda path: path.stat().st_mtime, reverse=True)
    return [job for note in notes if (job := _read_note(note)) is not None]


def find_job(name: str, out: str | None = None) -> JobLocation:
    """Find the one job whose id is or begins with a name.

    Raises
    ------
    UnknownJob
        When there is none, or more than one.
    """
    known = list_jobs(out)
    exact = [job for job in known if job.job_id == name]
    found = exact or [job for job in known if name and job.job_id.startswith(name)]
    if len(found) == 1:
        return found[0]
    where = "on this machine" if out is None else f"in {out}"
    if found:
        raise UnknownJob(
            reason=f"'{name}' could be any of {len(found)} jobs: {', '.join(job.job_id for job in found[:5])}.",
            remedy="Write more of its name.",
        )
    similar = get_close_matches(name, [job.job_id for job in known], n=3, cutoff=0.5)
    raise UnknownJob(
        reason=f"There is no job '{name}' {where}." + (f" Did you mean {' or '.join(similar)}?" if similar else ""),
        remedy="`frontburner job list` lists them; --out looks in the store of another machine's jobs.",
    )


def job_document(location: JobLocation, status: JobStatus) -> dict[str, Any]:
    """Return the document of a job, from its last run or this machine's note.

    Raises
    ------
    FrontburnerError
        When neither has it.
    """
    document = status.job or location.note.get("job")
    if not document:
        raise FrontburnerError(
            reason=f"The record of {location.job_id} in {location.store.url} has no job document.",
            remedy="Run `frontburner render` with the same job: finished units are not rendered again.",
        )
    return dict(document)


def _read_note(note: Path) -> JobLocation | None:
    """Read a note; None if it can't be read."""
    with suppress(OSError, ValueError, KeyError, TypeError, FrontburnerError):
        values = json.loads(note.read_text(encoding="utf-8"))
        return JobLocation(job_id=note.stem, store=open_store(values["out"]), note=values)
    return None


def _folder() -> Path:
    return Settings().home / "jobs"
