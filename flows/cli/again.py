"""Going on with a job, and running it again: at its Prefect deployment where it has one, else here."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flows.cli.asking import WAIT_S, Watch
from flows.cli.render import Choice, run_job
from flows.control import Wish, express, someone
from flows.deployed import NotThere, deployed
from flows.events import RunState
from flows.frames import format_frames, parse_frames
from flows.job import JobRefused, make_job
from flows.registry import NotNow, document_of
from flows.scenes import frame_scenes
from storage.errors import FrontburnerError
from storage.objects import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.deployed import Deployed
    from flows.job import RenderJob
    from flows.registry import Place
    from flows.status import JobStatus

OK = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What of a job is to be run again."""

    frames: str = ""
    failed: bool = False
    missing: bool = False
    new_seed: bool = False


def resume(place: Place, *, nodes: int, as_json: bool) -> int:
    """Go on with a job; returns the command's exit code."""
    watch = Watch(place=place)
    status = _rest(place, watch)
    if status.open:
        _say(f"{place.job_id} is running: there is nothing to resume.")
        return OK
    if status.state is RunState.COMPLETED:
        _say(f"{place.job_id} is completed. To render of it what isn't in place any more: frontburner job rerun")
        return OK
    document = document_of(place, status.run_started)
    express(place.store, place.job_id, Wish.RUN, at=datetime.now().astimezone(), by=someone())
    lost = status.state is RunState.LOST
    if _done_there(place, status, lambda there: there.go_on(lost=lost)):
        return OK
    _say_if_renamed(place, document)
    return run_job(lambda: _checked(document), nodes=nodes, as_json=as_json)


def rerun(place: Place, wanted: Wanted, *, nodes: int, as_json: bool) -> int:
    """Run a job again; returns the command's exit code."""
    status = Watch(place=place).begin()
    if status.open:
        raise NotNow(
            reason=f"{place.job_id} is running: {status.state}.",
            remedy=f"Wait for its end, or first: frontburner job suspend {place.job_id}",
        )
    document, choice = document_of(place, status.run_started), choose(wanted, status)
    if choice is None:
        _say(f"No frame of {place.job_id} failed in its last run.")
        return OK
    if wanted.new_seed:
        document["seed"] = (document.get("seed", 0) + 1) % 2**32
        _say(f"With seed {document['seed']} it is a job of its own: {make_job(document).job_id}")
    lost = status.state is RunState.LOST
    if _done_there(place, status, lambda there: there.again(document, again=choice.again, only=choice.only, lost=lost)):
        return OK
    return run_job(lambda: _checked(document), nodes=nodes, as_json=as_json, choice=choice)


def choose(wanted: Wanted, status: JobStatus) -> Choice | None:
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


def _rest(place: Place, watch: Watch) -> JobStatus:
    """Return how a job stands once a run that ends its units has ended."""
    status = watch.begin()
    if status.state is RunState.ENDING:
        _say(f"{place.job_id} is {status.state}; it goes on when they have ended.")
        status = watch.wait(WAIT_S, _say)
        if status.open:
            raise FrontburnerError(
                reason=f"The run of {place.job_id} hasn't ended its units in {WAIT_S / 60:.0f} minutes.",
                remedy=f"End them: frontburner job suspend {place.job_id} --now",
                retryable=True,
            )
    return status


def _done_there(place: Place, status: JobStatus, act: Callable[[Deployed], str]) -> bool:
    """Have it done by Prefect if the job's last run came from a deployment. Returns whether it was."""
    there = deployed(status.run_started, place.note)
    if there is None:
        return False
    try:
        _say(act(there))
    except NotThere as error:
        _say(f"{error} It is rendered here.")
        return False
    return True


def _say_if_renamed(place: Place, document: dict[str, Any]) -> None:
    """Say it when another version of Frontburner named the job: its record begins anew, its work doesn't."""
    job_id = make_job(document).job_id
    if job_id != place.job_id:
        _say(f"This version calls {place.job_id} by another name: {job_id}. What is finished is not rendered again.")


def _checked(document: dict[str, Any]) -> RenderJob:
    """Make the job, and prove that its scene and its store are there."""
    job = make_job(document)
    frame_scenes(job)
    open_store(job.out).check()
    return job


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
