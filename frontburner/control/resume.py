"""Resuming and rerunning jobs: at their Prefect deployment if they have one, else on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from frontburner.control.deployments import DeploymentMissing, deployed_run
from frontburner.control.desired_state import DesiredState, current_user, set_desired_state
from frontburner.control.intake import checked_job
from frontburner.control.kept_scenes import forget_given_scene
from frontburner.control.stop import WAIT_S
from frontburner.events import RunState
from frontburner.jobs.frames import format_frames, parse_frames
from frontburner.jobs.job import JobRefused, make_job
from frontburner.record.registry import JobActionRefused, job_document
from frontburner.record.run_watch import RunWatch
from frontburner.retention.dropped_scenes import mark_requested
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.control.deployments import DeployedRun
    from frontburner.jobs.job import RenderJob
    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameSelection:
    """Frames of a run: those to render again although they are in place, and the only ones to render; empty is all."""

    again: str = ""
    only: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunRequest:
    """What of a job to run again: named frames, those that failed or are missing, all with another seed."""

    frames: str = ""
    failed: bool = False
    missing: bool = False
    new_seed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRun(Generic[T]):
    """How to render a job on this machine, if no Prefect deployment does it, and how to report.

    Parameters
    ----------
    render
        Renders a job, given a call that makes and checks it, and a selection of its frames.
    report
        Called with each sentence for the user.
    delegated
        Called when Prefect was asked to do it.
    """

    render: Callable[[Callable[[], RenderJob], FrameSelection], T]
    report: Callable[[str], None]
    delegated: Callable[[], None] = lambda: None


def resume(place: JobLocation, local: LocalRun[T]) -> T | None:
    """Resume a job; returns what rendering it here returned, or None if nothing was rendered here."""
    status = _settled_status(place, local.report)
    if status.open:
        local.report(f"{place.job_id} is running: there is nothing to resume.")
        return None
    if status.state is RunState.COMPLETED:
        local.report(f"{place.job_id} is completed. To render missing pictures again: frontburner job rerun")
        return None
    document = job_document(place, status)
    mark_requested(str(document.get("scene", "")))
    set_desired_state(place.store, place.job_id, DesiredState.RUN, at=datetime.now().astimezone(), by=current_user())
    lost = status.state is RunState.LOST
    if _delegated(place, status, local, lambda run: run.resume(lost=lost)):
        return None
    job_id = make_job(document).job_id
    if job_id != place.job_id:  # another version of Frontburner named it: its record starts anew
        local.report(f"This version names {place.job_id} {job_id}. What is finished is not rendered again.")
    return local.render(lambda: checked_job(document), FrameSelection())


def rerun(place: JobLocation, request: RerunRequest, local: LocalRun[T]) -> T | None:
    """Run a job again; returns as `resume` does."""
    status = RunWatch(place=place).confirm()
    if status.open:
        raise JobActionRefused(
            reason=f"{place.job_id} is running: {status.state}.",
            remedy=f"Wait for its end, or first: frontburner job suspend {place.job_id}",
        )
    forget_given_scene(place.store, place.job_id)
    document, selection = job_document(place, status), select_frames(request, status)
    if selection is None:
        local.report(f"No frame of {place.job_id} failed in its last run.")
        return None
    mark_requested(str(document.get("scene", "")))
    if request.new_seed:
        document["seed"] = (document.get("seed", 0) + 1) % 2**32
        local.report(f"With seed {document['seed']} it is another job: {make_job(document).job_id}")
    lost, again, only = status.state is RunState.LOST, selection.again, selection.only
    if _delegated(place, status, local, lambda run: run.rerun(document, again=again, only=only, lost=lost)):
        return None
    return local.render(lambda: checked_job(document), selection)


def select_frames(request: RerunRequest, status: JobStatus) -> FrameSelection | None:
    """Select the frames of a rerun; None if there are none.

    Raises
    ------
    JobRefused
        When the frames can't be read.
    """
    try:
        named = parse_frames(request.frames) if request.frames.strip() else ()
    except ValueError as error:
        raise JobRefused(reason="The run was refused:", remedy="", problems=(f"frames: {error}",)) from None
    if request.failed:
        failed = tuple(sorted(frame for frame in status.failed if not named or frame in named))
        return FrameSelection(only=format_frames(failed)) if failed else None
    only = format_frames(named)
    return FrameSelection(again="" if request.missing else only, only=only)


def _settled_status(place: JobLocation, report: Callable[[str], None]) -> JobStatus:
    """Return the status of a job, after waiting for a run that is ending its units."""
    watch = RunWatch(place=place)
    status = watch.confirm()
    if status.state is RunState.ENDING:
        report(f"{place.job_id} is {status.state}; it is resumed when they have ended.")
        status = watch.wait(WAIT_S, report)
        if status.open:
            raise FrontburnerError(
                reason=f"The run of {place.job_id} hasn't ended its units in {WAIT_S / 60:.0f} minutes.",
                remedy=f"End them: frontburner job suspend {place.job_id} --now",
                retryable=True,
            )
    return status


def _delegated(place: JobLocation, status: JobStatus, local: LocalRun[T], act: Callable[[DeployedRun], str]) -> bool:
    """Have Prefect do it if the job's last run came from a deployment. Returns whether it did."""
    run = deployed_run(status.run, place.note)
    if run is None:
        return False
    try:
        local.report(act(run))
    except DeploymentMissing as error:
        local.report(f"{error} It is rendered here.")
        return False
    local.delegated()
    return True
