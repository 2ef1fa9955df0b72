"""Suspending and cancelling: the wish is said in the job's store, and its run is watched until it has ended."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from frontburner.control.desired_state import DesiredState, current_user, set_desired_state
from frontburner.events import RunEnded, RunState
from frontburner.record.run_watch import RunWatch, words_of
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import Place

WAIT_S = 600.0


def request_stop(place: Place, wish: DesiredState, say: Callable[[str], None]) -> None:
    """Say what is wanted of a job, and wait until its run has ended. What comes of it is said in sentences.

    Raises
    ------
    FrontburnerError
        When its run didn't heed it.
    """
    watch = RunWatch(place=place)
    status = watch.begin()
    if not status.open:
        _ask_at_rest(place, status, wish, say)
        return
    set_desired_state(place.store, place.job_id, wish, at=datetime.now().astimezone(), by=current_user())
    _answer(place.job_id, watch.wait(WAIT_S, say), say)


def _ask_at_rest(place: Place, status: JobStatus, wish: DesiredState, say: Callable[[str], None]) -> None:
    """Do what can be done to a job that has no run: it is cancelled, also where Prefect holds it suspended."""
    if wish is DesiredState.CANCEL and status.runs and status.state not in (RunState.COMPLETED, RunState.CANCELLED):
        from frontburner.control.deployments import DeploymentMissing, deployed_run

        there = deployed_run(status.run, place.note)
        try:
            if there is not None and there.cancel():
                say(f"{place.job_id} was {status.state}; its flow run is cancelled in Prefect.")
        except DeploymentMissing as error:
            say(str(error))
        _record_end(place)
        say(f"{place.job_id}: {RunState.CANCELLED}")
        return
    say(f"{place.job_id} isn't running: {status.state}. {status.advice(datetime.now().astimezone())}".rstrip())


def _record_end(place: Place) -> None:
    """Record that a job that had no run is cancelled."""
    from frontburner.record.event_log import new_run
    from frontburner.record.event_writer import EventWriter

    def now() -> datetime:
        return datetime.now().astimezone()

    run = new_run(place.store, place.job_id, now(), "cancelled")
    with EventWriter(store=place.store, job_id=place.job_id, run=run, now=now) as recorder:
        recorder.take(RunEnded(at_s=0.0, state=RunState.CANCELLED, sentence=f"by {current_user()}"))


def _answer(job_id: str, status: JobStatus, say: Callable[[str], None]) -> None:
    """Say how the job stands after all."""
    match status.state:
        case RunState.RUNNING:
            raise FrontburnerError(
                reason=f"The run of {job_id} on {status.run.host if status.run else 'its machine'} didn't heed it in "
                f"{WAIT_S / 60:.0f} minutes; the wish stands.",
                remedy=f"See what it does: frontburner job log {job_id} --last 20",
                retryable=True,
            )
        case RunState.ENDING:
            say(f"{words_of(status)}. It ends by itself; --now doesn't wait for them.")
        case _:
            say(f"{words_of(status)}. {status.advice(datetime.now().astimezone())}".rstrip(" ."))
