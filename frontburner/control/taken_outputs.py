"""What a job would replace that isn't its own, known before it starts: files of other jobs, also of running ones."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.jobs.job import JobRefused, make_job
from frontburner.jobs.outputs import file_names, owner_of, product_names, taken_refusal
from frontburner.jobs.scenes import frame_scenes
from frontburner.record.snapshot import job_ids, status_of
from storage.errors import FrontburnerError
from system import paths
from system.file_names import spelled_alike
from tasks.content_digests import file_sha256
from tasks.picture.output_records import WAY_OUT, taken_outputs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from frontburner.jobs.job import RenderJob
    from frontburner.record.job_status import JobStatus
    from storage.objects import ObjectStore
    from tasks.picture.output_records import TakenOutput

FIRST_FRAMES = 32
"""Frames whose files are asked for when a job is submitted; before it renders, it asks for all."""


def refuse_taken_early(job: RenderJob, frames: Sequence[int], store: ObjectStore) -> None:
    """Refuse a job as soon as it is submitted, as far as it is known then. Raises `JobRefused`.

    Parameters
    ----------
    frames
        All frames of the job.
    """
    names = [name for frame in frames[:FIRST_FRAMES] for name in file_names(job, frame, count=len(frames))]
    taken = taken_outputs([*names, *product_names(job)], owner_of(job), store)
    certain = [each for each in taken if not _may_be_equal(each)]
    if certain:
        raise taken_refusal(certain)
    _refuse_spelled_otherwise(job, store)
    refuse_beside_rivals(job, store, began=datetime.now().astimezone())


def _refuse_spelled_otherwise(job: RenderJob, store: ObjectStore) -> None:
    """Refuse a job whose files would differ by case alone from another's: moved to Windows, they would be one."""
    for job_id in job_ids(store):
        title = job_id.rpartition("-")[0]
        if title != job.title and spelled_alike(title) == spelled_alike(job.title):
            problem = (
                f"name '{job.title}': differs only by case or accents from {title}, the name of the job {job_id}. Some "
                "systems take both for one. Spell it in the same way, or choose another."
            )
            raise JobRefused(reason="The job was refused before anything was rendered:", remedy="", problems=(problem,))


def refuse_beside_rivals(job: RenderJob, store: ObjectStore, *, began: datetime) -> None:
    """Refuse a job while another one that began before it renders files of the same names. Raises `JobRefused`."""
    if job.overwrite:
        return
    for job_id in job_ids(store):
        if job_id.startswith(f"{job.title}-") and job_id != job.job_id:
            status = status_of(store, job_id)
            if status.running(datetime.now().astimezone()) and _is_rival(job, status, began):
                problem = f"out: the job {job_id} is rendering files of the same names, of {status.job.get('scene')}. "
                raise JobRefused(
                    reason="The job was refused before anything was rendered:", remedy="", problems=(problem + WAY_OUT,)
                )


def began_at(job: RenderJob, store: ObjectStore) -> datetime:
    """Return when the running run of a job began."""
    status = status_of(store, job.job_id)
    return datetime.fromisoformat(status.started) if status.started else datetime.now().astimezone()


def _is_rival(job: RenderJob, status: JobStatus, began: datetime) -> bool:
    """Whether a running job began earlier, and writes files of the same names with other pictures."""
    try:
        rival = make_job(dict(status.job))
    except FrontburnerError:
        return False  # of another version; its files are found when they are there
    if (datetime.fromisoformat(status.started), status.job_id) > (began, job.job_id) or _whole(rival) == _whole(job):
        return False
    return bool(_outputs(job) & _outputs(rival))


def _whole(job: RenderJob) -> str:
    """Return the identity of a job without its selection of frames: such jobs make the same pictures."""
    return job.model_copy(update={"frames": ""}).job_id


def _outputs(job: RenderJob) -> set[str]:
    try:
        frames = [scene.frame for scene in frame_scenes(job)]
    except FrontburnerError:
        return set()  # its scene isn't readable here
    return {*product_names(job), *(name for frame in frames for name in file_names(job, frame, count=len(frames)))}


def _may_be_equal(taken: TakenOutput) -> bool:
    """Whether a file may be just what the job would render: of a scene that was moved, or of a copy of it."""
    if taken.owner is None or paths.are_same(taken.owner.scene, taken.wanted_by.scene):
        return False
    try:
        return file_sha256(Path(taken.owner.scene)) == file_sha256(Path(taken.wanted_by.scene))
    except OSError:
        return True
