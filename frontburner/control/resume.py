"""Going on with a job, and running it again: at its Prefect deployment where it has one, else here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from frontburner.control.deployments import DeploymentMissing, deployed_run
from frontburner.control.desired_state import DesiredState, current_user, set_desired_state
from frontburner.control.intake import checked
from frontburner.control.stop import WAIT_S
from frontburner.events import RunState
from frontburner.jobs.frames import format_frames, parse_frames
from frontburner.jobs.job import JobRefused, make_job
from frontburner.record.registry import StoreUnreachable, document_of
from frontburner.record.run_watch import RunWatch
from frontburner.retention.dropped_scenes import want
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.control.deployments import DeployedRun
    from frontburner.jobs.job import RenderJob
    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import Place

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What of a job a run is for: frames to render again although they are in place, and the only ones it is for."""

    again: str = ""
    only: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeRequest:
    """What of a job is to be run again."""

    frames: str = ""
    failed: bool = False
    missing: bool = False
    new_seed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalRun(Generic[T]):
    """How a job is rendered from here, where no Prefect deployment does it, and how what happens is said.

    Parameters
    ----------
    render
        Renders a job, which it is given as a call that checks it first, or a choice of its frames.
    say
        Takes a sentence.
    asked
        Called when Prefect was asked to do it.
    """

    render: Callable[[Callable[[], RenderJob], Choice], T]
    say: Callable[[str], None]
    asked: Callable[[], None] = lambda: None


def resume(place: Place, here: LocalRun[T]) -> T | None:
    """Go on with a job; returns what rendering it here returned, or None where there was nothing to do here."""
    status = _rest(place, here.say)
    if status.open:
        here.say(f"{place.job_id} is running: there is nothing to resume.")
        return None
    if status.state is RunState.COMPLETED:
        here.say(f"{place.job_id} is completed. To render of it what isn't in place any more: frontburner job rerun")
        return None
    document = document_of(place, status)
    want(str(document.get("scene", "")))
    set_desired_state(place.store, place.job_id, DesiredState.RUN, at=datetime.now().astimezone(), by=current_user())
    lost = status.state is RunState.LOST
    if _done_there(place, status, here, lambda there: there.go_on(lost=lost)):
        return None
    _say_if_renamed(place, document, here.say)
    return here.render(lambda: checked(document), Choice())


def rerun(place: Place, wanted: ResumeRequest, here: LocalRun[T]) -> T | None:
    """Run a job again; returns as `resume` does."""
    status = RunWatch(place=place).begin()
    if status.open:
        raise StoreUnreachable(
            reason=f"{place.job_id} is running: {status.state}.",
            remedy=f"Wait for its end, or first: frontburner job suspend {place.job_id}",
        )
    document, choice = document_of(place, status), choose(wanted, status)
    if choice is None:
        here.say(f"No frame of {place.job_id} failed in its last run.")
        return None
    want(str(document.get("scene", "")))
    if wanted.new_seed:
        document["seed"] = (document.get("seed", 0) + 1) % 2**32
        here.say(f"With seed {document['seed']} it is a job of its own: {make_job(document).job_id}")
    lost, again, only = status.state is RunState.LOST, choice.again, choice.only
    if _done_there(place, status, here, lambda there: there.again(document, again=again, only=only, lost=lost)):
        return None
    return here.render(lambda: checked(document), choice)


def choose(wanted: ResumeRequest, status: JobStatus) -> Choice | None:
    """Choose the frames of a run; None where there are none.

    Raises
    ------
    JobRefused
        When the frames can't be read.
    """
    try:
        named = parse_frames(wanted.frames) if wanted.frames.strip() else ()
    except ValueError as error:
        raise JobRefused(reason="The run was refused:", remedy="", problems=(f"frames: {error}",)) from None
    if wanted.failed:
        failed = tuple(sorted(frame for frame in status.failed if not named or frame in named))
        return Choice(only=format_frames(failed)) if failed else None
    only = format_frames(named)
    return Choice(again="" if wanted.missing else only, only=only)


def _rest(place: Place, say: Callable[[str], None]) -> JobStatus:
    """Return how a job stands once a run that ends its units has ended."""
    watch = RunWatch(place=place)
    status = watch.begin()
    if status.state is RunState.ENDING:
        say(f"{place.job_id} is {status.state}; it goes on when they have ended.")
        status = watch.wait(WAIT_S, say)
        if status.open:
            raise FrontburnerError(
                reason=f"The run of {place.job_id} hasn't ended its units in {WAIT_S / 60:.0f} minutes.",
                remedy=f"End them: frontburner job suspend {place.job_id} --now",
                retryable=True,
            )
    return status


def _done_there(place: Place, status: JobStatus, here: LocalRun[T], act: Callable[[DeployedRun], str]) -> bool:
    """Have it done by Prefect if the job's last run came from a deployment. Returns whether it was."""
    there = deployed_run(status.run, place.note)
    if there is None:
        return False
    try:
        here.say(act(there))
    except DeploymentMissing as error:
        here.say(f"{error} It is rendered here.")
        return False
    here.asked()
    return True


def _say_if_renamed(place: Place, document: dict[str, Any], say: Callable[[str], None]) -> None:
    """Say it when another version of Frontburner named the job: its record begins anew, its work doesn't."""
    job_id = make_job(document).job_id
    if job_id != place.job_id:
        say(f"This version calls {place.job_id} by another name: {job_id}. What is finished is not rendered again.")
