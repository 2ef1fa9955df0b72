"""Suspending and cancelling: the desired state is set in the job's store, and its run is watched until it ends."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from frontburner.control.desired_state import DesiredState, current_user, set_desired_state
from frontburner.events import RunEnded, RunState
from frontburner.record.run_watch import RunWatch, describe_status
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

WAIT_S = 600.0


def request_stop(place: JobLocation, state: DesiredState, report: Callable[[str], None]) -> None:
    """Set the desired state of a job, wait until its run has ended, and report what became of it in sentences.

    Raises
    ------
    FrontburnerError
        When its run didn't respond.
    """
    watch = RunWatch(place=place)
    status = watch.confirm()
    if not status.open:
        _stop_without_run(place, status, state, report)
        return
    set_desired_state(place.store, place.job_id, state, at=datetime.now().astimezone(), by=current_user())
    _report_end(place.job_id, watch.wait(WAIT_S, report), report)


def _stop_without_run(
    place: JobLocation, status: JobStatus, state: DesiredState, report: Callable[[str], None]
) -> None:
    """Cancel a job that isn't running, also in Prefect if that holds it suspended; else report that it isn't."""
    now = datetime.now().astimezone()
    if state is not DesiredState.CANCEL or not status.runs or status.state in (RunState.COMPLETED, RunState.CANCELLED):
        report(f"{place.job_id} isn't running: {status.state}. {status.advice(now)}".rstrip())
        return
    from frontburner.control.deployments import DeploymentMissing, deployed_run

    run = deployed_run(status.run, place.note)
    try:
        if run is not None and run.cancel():
            report(f"{place.job_id} was {status.state}; its flow run is cancelled in Prefect.")
    except DeploymentMissing as error:
        report(str(error))
    _record_cancelled(place)
    report(f"{place.job_id}: {RunState.CANCELLED}")


def _record_cancelled(place: JobLocation) -> None:
    """Record that a job without a run is cancelled."""
    from frontburner.record.event_log import new_run_name
    from frontburner.record.event_writer import EventWriter

    def now() -> datetime:
        return datetime.now().astimezone()

    run = new_run_name(place.store, place.job_id, now(), "cancelled")
    with EventWriter(store=place.store, job_id=place.job_id, run=run, now=now) as writer:
        writer.take(RunEnded(at_s=0.0, state=RunState.CANCELLED, sentence=f"by {current_user()}"))


def _report_end(job_id: str, status: JobStatus, report: Callable[[str], None]) -> None:
    """Report the state of a job after waiting for its run to end."""
    match status.state:
        case RunState.RUNNING:
            raise FrontburnerError(
                reason=f"The run of {job_id} on {status.run.host if status.run else 'its machine'} didn't respond in "
                f"{WAIT_S / 60:.0f} minutes; the request stays in force.",
                remedy=f"See what it does: frontburner job log {job_id} --last 20",
                retryable=True,
            )
        case RunState.ENDING:
            report(f"{describe_status(status)}. It ends by itself; --now doesn't wait for them.")
        case _:
            report(f"{describe_status(status)}. {status.advice(datetime.now().astimezone())}".rstrip(" ."))
