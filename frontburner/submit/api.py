"""Jobs from Python: `submit` one, `Job.wait` for its pictures, suspend it, go on, find those of before.

A job is rendered by a process of its own, on the farm the environment names or on nodes of this machine, and goes on
when the program that submitted it has ended.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from frontburner.control.background_run import BackgroundRun, launch
from frontburner.control.desired_state import DesiredState
from frontburner.control.intake import check_job, with_absolute_paths
from frontburner.control.resume import FrameSelection, LocalRun, RerunRequest
from frontburner.control.resume import rerun as run_again
from frontburner.control.resume import resume as go_on
from frontburner.control.stop import request_stop
from frontburner.events import RunState
from frontburner.jobs.job import JobRefused, RenderJob
from frontburner.manager.local_farm import use_farm_here
from frontburner.record.job_status import JobStatus
from frontburner.record.registry import JobLocation, UnknownJob, find_job, list_jobs
from frontburner.record.run_watch import POLL_INTERVAL_S, RunWatch
from storage.errors import FrontburnerError
from storage.objects import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Job", "JobRefused", "JobStatus", "NotCompleted", "RenderJob", "RunState", "UnknownJob", "find", "jobs",
           "submit"]  # fmt: skip

_LOG = logging.getLogger("frontburner")


@dataclass(kw_only=True, eq=False)
class NotCompleted(FrontburnerError):
    """A job that came to rest before all its pictures were in place; ``state`` says how."""

    state: RunState


@dataclass(slots=True, kw_only=True)
class Job:
    """A job, whoever runs it and wherever: what is said here reaches it through its store.

    Parameters
    ----------
    place
        Its identity, and the store of its record.
    """

    place: JobLocation
    _watch: RunWatch = field(init=False, repr=False)
    _launched: BackgroundRun | None = field(init=False, default=None, repr=False)
    _runs_before: int = field(init=False, default=-1, repr=False)
    """Runs it had when another one was asked for from here."""
    _asked: bool = field(init=False, default=False, repr=False)
    """Whether it was Prefect that was asked."""

    def __post_init__(self) -> None:
        self._watch = RunWatch(place=self.place)

    @property
    def job_id(self) -> str:
        """Its identity: what `frontburner job` takes for its name."""
        return self.place.job_id

    def status(self) -> JobStatus:
        """Return how it stands: state, fraction done, frames written and failed, nodes, seconds left."""
        status = self._watch.poll()
        if status.runs <= self._runs_before and not self._over:
            return replace(status, state=RunState.RUNNING, sentence="its process is starting")
        return status

    def pictures(self) -> tuple[str, ...]:
        """Return the files in place by now, in the order of frames: paths, or addresses in its store."""
        written = self._watch.poll().written
        return tuple(output for frame in sorted(written) for output in written[frame])

    def wait(self, timeout_s: float | None = None) -> JobStatus:
        """Wait until all pictures are in place, and return how it stands then.

        Raises
        ------
        NotCompleted
            When it ended otherwise: frames failed, or it was suspended, cancelled, refused or lost.
        TimeoutError
            When it takes longer than that; it goes on.
        """
        ends_s = None if timeout_s is None else time.monotonic() + timeout_s
        while (status := self.status()).open:
            if ends_s is not None and time.monotonic() > ends_s:
                raise TimeoutError(f"{self.job_id} is still {status.state} after {timeout_s:g} s. It goes on.")
            time.sleep(POLL_INTERVAL_S)
        if status.runs <= self._runs_before:
            raise self._never_began(status)
        if status.state is RunState.COMPLETED:
            return status
        why = f" ({status.sentence})" if status.sentence else ""
        raise NotCompleted(
            reason=f"{self.job_id}: {status.state}{why}.",
            remedy=status.advice(datetime.now().astimezone()),
            state=status.state,
        )

    def suspend(self, *, now: bool = False) -> None:
        """Have nothing more of it rendered, and wait until its nodes are free.

        Parameters
        ----------
        now
            End the units under way too: they are rendered again when it goes on.
        """
        self._ask(DesiredState.SUSPEND_NOW if now else DesiredState.SUSPEND)

    def cancel(self) -> None:
        """End its renderers within seconds. What is finished is kept, and `resume` still goes on."""
        self._ask(DesiredState.CANCEL)

    def resume(self, *, nodes: int = 0) -> None:
        """Go on with it, whatever ended it: at its Prefect deployment where it has one, else by a process from here."""
        self._go(lambda here: go_on(self.place, here), nodes)

    def rerun(self, frames: str = "", *, failed: bool = False, missing: bool = False, nodes: int = 0) -> None:
        """Run it again: what isn't in place or, after an edit of the scene, what that changed.

        Parameters
        ----------
        frames
            Render these, such as 10-20, again although they are in place, and no others.
        failed
            Only the frames that failed in the last run.
        missing
            Of the frames named, only those that aren't in place.
        """
        wanted = RerunRequest(frames=frames, failed=failed, missing=missing)
        self._go(lambda here: run_again(self.place, wanted, here), nodes)

    def _go(self, act: Callable[[LocalRun[BackgroundRun]], BackgroundRun | None], nodes: int) -> None:
        """Have another run of it begin, unless there is nothing to do."""
        runs = self._watch.poll().runs
        self._launched, self._asked = None, False

        def render(read: Callable[[], RenderJob], choice: FrameSelection) -> BackgroundRun:
            return launch(with_absolute_paths(read()), choice, nodes=nodes)

        def asked() -> None:
            self._asked = True

        self._launched = act(LocalRun(render=render, report=_LOG.info, delegated=asked))
        if self._launched is not None or self._asked:
            self._runs_before = runs

    def _ask(self, wish: DesiredState) -> None:
        while self.status().runs <= self._runs_before and not self._over:
            time.sleep(POLL_INTERVAL_S)  # a run that begins takes it that it is wanted
        request_stop(self.place, wish, _LOG.info)

    @property
    def _over(self) -> bool:
        """Whether nothing that was asked for from here is still to begin."""
        return not self._asked and (self._launched is None or self._launched.ended)

    def _never_began(self, status: JobStatus) -> NotCompleted:
        assert self._launched is not None
        return NotCompleted(
            reason=f"{self.job_id} couldn't begin: {self._launched.log_tail() or 'its process said nothing'}",
            remedy=f"Its log: {self._launched.log}",
            state=status.state,
        )


def submit(job: RenderJob, *, nodes: int = 0, stays: bool = True) -> Job:
    """Have a job rendered, and return at once. The same job goes on where it stopped.

    Parameters
    ----------
    nodes
        Nodes to start on this machine where no farm runs; 0 chooses.
    stays
        Whether it goes on when this program ends.

    Raises
    ------
    JobRefused
        When it can't be rendered as it is: nothing was started.
    FrontburnerError
        When its scene or its store is not as it should be.
    """
    use_farm_here()
    check_job(job)
    whole = with_absolute_paths(job)
    made = Job(place=JobLocation(job_id=whole.job_id, store=open_store(whole.out)))
    made._runs_before = made.status().runs  # noqa: SLF001 - its own maker
    made._launched = launch(whole, nodes=nodes, detached=stays)  # noqa: SLF001
    return made


def jobs(out: str | None = None) -> list[Job]:
    """Return the jobs this machine has run, the last one first, or those of a store."""
    use_farm_here()
    return [Job(place=place) for place in list_jobs(out)]


def find(name: str, out: str | None = None) -> Job:
    """Return the one job whose identity begins with a name, among those `jobs` returns.

    Raises
    ------
    UnknownJob
        When there is none, or more than one.
    """
    use_farm_here()
    return Job(place=find_job(name, out))
