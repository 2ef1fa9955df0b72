"""A job's frames, from its record: for products that are made after it ended."""

from __future__ import annotations

import json
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from frontburner.jobs.job import make_job
from frontburner.jobs.layout import encoding_of
from frontburner.jobs.outputs import owner_of
from frontburner.jobs.scenes import frame_numbers, frame_scenes
from frontburner.record.registry import JobActionRefused, job_document
from frontburner.record.snapshot import status_of
from storage.bulk import map_concurrently
from storage.errors import FrontburnerError, MissingObject
from storage.scene_view import scene_view_from
from tasks.picture.frame_reading import FrameFiles
from tasks.picture.output_records import record_key
from tasks.picture.products import Footage
from tasks.scene.frame_scenes import FrameNumbers

if TYPE_CHECKING:
    from frontburner.jobs.job import RenderJob
    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation
    from storage.objects import ObjectStore


def load_footage(place: JobLocation) -> tuple[RenderJob, Footage]:
    """Return a job and its frames; missing ones have no files.

    Raises
    ------
    JobActionRefused
        When no frame was written.
    """
    status = status_of(place.store, place.job_id)
    job = make_job(job_document(place, status))
    if not status.written:
        raise JobActionRefused(reason=f"No frame of {place.job_id} has been written.", remedy="Render it first.")
    return job, footage_from_status(place.store, status, job)


def footage_from_status(store: ObjectStore, status: JobStatus, job: RenderJob) -> Footage:
    """Return a job's frames by its status."""

    def files(frame: int) -> FrameFiles:
        outputs = status.written.get(frame, ())
        return FrameFiles(
            frame=frame, files=tuple((_key(each), _record(store, each).get("sha256", "")) for each in outputs)
        )

    frames = sorted({*_frames(job), *status.written, *status.failed})
    first = next((output for outputs in status.written.values() for output in outputs), "")
    return Footage(
        title=job.title,
        frames=tuple(map_concurrently(files, frames)),
        encoding=encoding_of(job, scene_view_from(_record(store, first).get("view")) if first else None),
        owner=owner_of(job),
    )


def _frames(job: RenderJob) -> list[int]:
    """Return the frames of a job's scene; none if the scene can't be read on this machine."""
    try:
        return [scene.frame for scene in frame_scenes(job)] if frame_numbers(job) is FrameNumbers.NAMED else []
    except FrontburnerError:
        return []


def _key(output: str) -> str:
    """Return the key of a file in its store."""
    return PurePosixPath(output.replace("\\", "/")).name


def _record(store: ObjectStore, output: str) -> dict[str, Any]:
    """Return the record of a file: the SHA-256 it was written with, and so on; empty if there is none."""
    try:
        record = json.loads(store.read(record_key(_key(output))))
    except (MissingObject, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
