"""Suspending and cancelling: the wish is said in the job's store, and its run is watched until it has ended."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from flows.control import Wish, express, someone
from flows.events import RunEnded, RunState
from flows.standing import Standing, is_gone
from flows.status import LISTEN_FOR, SILENT_AFTER
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from flows.registry import Place
    from flows.status import JobStatus

OK, TROUBLE = 0, 3
WAIT_S = 600.0
LOOK_EVERY_S = 0.5


@dataclass(slots=True, kw_only=True)
class Watch:
    """Watches the run of a job from outside.

    Whether it is lost is told by how long nothing new is heard of it, not by comparing this machine's clock with its.
    """

    place: Place
    standing: Standing = field(init=False)
    _heard_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.standing = Standing(store=self.place.store, job_id=self.place.job_id)
        self._heard_s = time.monotonic()

    def begin(self) -> JobStatus:
        """Return how the job stands; where its clock and this one disagree, once it is known whether it lives."""
        status = self.look()
        away = status.open and status.far_from(datetime.now().astimezone())
        heard, ends_s = self.standing.position, time.monotonic() + LISTEN_FOR.total_seconds()
        while away and status.open and self.standing.position == heard:
            if time.monotonic() > ends_s:
                status.state = RunState.LOST
                break
            time.sleep(LOOK_EVERY_S)
            status = self.look()
        return status

    def look(self) -> JobStatus:
        """Return how the job stands now."""
        before = self.standing.position
        status = self.standing.catch_up()
        if self.standing.position != before:
            self._heard_s = time.monotonic()
        silent_s = time.monotonic() - self._heard_s
        if status.open and (is_gone(status.run_started) or silent_s > SILENT_AFTER.total_seconds()):
            status.state = RunState.LOST
        return status

    def wait(self, wait_s: float, say: Callable[[str], None]) -> JobStatus:
        """Wait until no run is under way, or for so long; each change is said."""
        ends_s, told = time.monotonic() + wait_s, ""
        while (status := self.look()).open and time.monotonic() < ends_s:
            if (words := _words(status)) != told:
                told = words
                say(words)
            time.sleep(LOOK_EVERY_S)
        return status


def ask(place: Place, wish: Wish) -> int:
    """Say what is wanted of a job, and wait until its run has ended."""
    watch = Watch(place=place)
    status = watch.begin()
    if not status.open:
        return _ask_at_rest(place, status, wish)
    express(place.store, place.job_id, wish, at=datetime.now().astimezone(), by=someone())
    return _answer(place.job_id, watch.wait(WAIT_S, _say))


def _ask_at_rest(place: Place, status: JobStatus, wish: Wish) -> int:
    """Do what can be done to a job that has no run: one that Prefect holds suspended can be cancelled there."""
    if wish is Wish.CANCEL and status.state is RunState.SUSPENDED:
        from flows.deployed import NotThere, deployed

        there = deployed(status.run_started, place.note)
        try:
            if there is not None and there.cancel():
                _say(f"{place.job_id} was suspended; its flow run is cancelled in Prefect.")
        except NotThere as error:
            _say(str(error))
        _record_end(place)
        _say(f"{place.job_id}: {RunState.CANCELLED}")
        return OK
    _say(f"{place.job_id} isn't running: {status.state}. {status.advice(datetime.now().astimezone())}".rstrip())
    return OK


def _record_end(place: Place) -> None:
    """Record that a job that was suspended is cancelled."""
    from flows.history import Recorder
    from flows.records import new_run

    def now() -> datetime:
        return datetime.now().astimezone()

    run = new_run(place.store, place.job_id, now(), "cancelled")
    with Recorder(store=place.store, job_id=place.job_id, run=run, now=now) as recorder:
        recorder.take(RunEnded(at_s=0.0, state=RunState.CANCELLED, sentence=f"by {someone()}"))


def _answer(job_id: str, status: JobStatus) -> int:
    """Say how the job stands after all, and what that means for the exit code."""
    match status.state:
        case RunState.RUNNING:
            raise FrontburnerError(
                reason=f"The run of {job_id} on {status.run_started.get('host', 'its machine')} didn't heed it in "
                f"{WAIT_S / 60:.0f} minutes; the wish stands.",
                remedy=f"See what it does: frontburner job log {job_id} --last 20",
                retryable=True,
            )
        case RunState.ENDING:
            _say(f"{_words(status)}. It ends by itself; --now doesn't wait for them.")
        case _:
            _say(f"{_words(status)}. {status.advice(datetime.now().astimezone())}".rstrip(" ."))
    return OK


def _words(status: JobStatus) -> str:
    """Say how a job stands, and how many units are still awaited."""
    under_way = sum(len(node.under_way) for node in status.nodes.values())
    ending = f", {under_way} unit{'' if under_way == 1 else 's'} under way" if status.state is RunState.ENDING else ""
    return f"{status.job_id}: {status.state}{ending}"


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
