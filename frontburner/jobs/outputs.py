"""The files a job writes, whose they are, and the refusal to replace another job's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from frontburner.jobs.job import JobRefused, RenderJob
from system import paths
from tasks.picture.output_records import WAY_OUT, OutputOwner, taken_outputs
from tasks.picture.products import movie_key, sheet_key
from tasks.scene.animation import frame_number

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.objects import ObjectStore
    from tasks.picture.output_records import TakenOutput


def file_names(job: RenderJob, frame: int, *, count: int) -> tuple[str, ...]:
    """Return the file names of one of a job's frames: ``name.exr`` for a still, ``name.0001.exr`` in a sequence."""
    still = count == 1 and not job.frames
    stem = job.title if still else f"{job.title}.{frame_number(frame)}"
    return tuple(f"{stem}.{kind}" for kind in dict.fromkeys(job.formats))


def product_names(job: RenderJob) -> tuple[str, ...]:
    """Return the file names of what a job makes of its frames."""
    sheet = (sheet_key(job.title),) if job.contact_sheet else ()
    return (*sheet, *(movie_key(job.title, codec) for codec in dict.fromkeys(job.movie)))


def owner_of(job: RenderJob) -> OutputOwner:
    """Return a job as the owner of its files."""
    return OutputOwner(
        job=job.job_id,
        scene=paths.absolute(job.scene),
        camera=job.camera,
        parameters=tuple(sorted(job.parameters.items())),
        region=job.region,
        overwrites=job.overwrite,
    )


def refuse_taken(keys: Iterable[str], owner: OutputOwner, store: ObjectStore) -> None:
    """Raise `JobRefused` if the job would replace a file that isn't its own."""
    taken = taken_outputs(keys, owner, store)
    if taken:
        raise taken_refusal(taken)


def taken_refusal(taken: Sequence[TakenOutput]) -> JobRefused:
    """Return the refusal of a job that would replace these files."""
    more = f" (and {len(taken) - 1} more)" if len(taken) > 1 else ""
    problem = f"out: {taken[0].sentence().rstrip('.')}{more}. {WAY_OUT}"
    return JobRefused(reason="The job was refused before anything was rendered:", remedy="", problems=(problem,))
