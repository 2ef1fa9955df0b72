"""The Python API: submit a job, wait for its pictures, control it, and find the jobs of earlier programs.

A job is rendered by a process of its own, on the farm that the environment names or on nodes of this machine. It goes
on when the program that submitted it has ended.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

from frontburner.control import resume as runs
from frontburner.control.background_run import BackgroundRun, launch
from frontburner.control.desired_state import DesiredState
from frontburner.control.intake import check_job, with_absolute_paths
from frontburner.control.kept_scenes import forget_given_scene
from frontburner.control.stop import request_stop
from frontburner.events import RunState
from frontburner.jobs.job import JobRefused, RenderJob
from frontburner.manager.local_farm import use_local_farm
from frontburner.record import registry
from frontburner.record.job_status import JobStatus
from frontburner.record.registry import JobLocation, UnknownJob
from frontburner.record.run_watch import POLL_INTERVAL_S, RunWatch
from storage.errors import FrontburnerError
from storage.objects import open_store

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "FrontburnerError",
    "Job",
    "JobRefused",
    "JobStatus",
    "NotCompleted",
    "RenderJob",
    "RunState",
    "UnknownJob",
    "find_job",
    "list_jobs",
    "submit",
]

_LOG = logging.getLogger("frontburner")


@dataclass(kw_only=True, eq=False)
class NotCompleted(FrontburnerError):
    """The job ended before all its pictures were in place; ``state`` says how."""

    state: RunState


@dataclass(slots=True, kw_only=True)
class Job:
    """A job, whichever process runs it on whichever machine: it is watched and controlled through its store.

    Parameters
    ----------
    location
        The job's identity, and the store of its record.
    """

    location: JobLocation
    _watch: RunWatch = field(init=False, repr=False)
    _process: BackgroundRun | None = field(init=False, default=None, repr=False)
    _earlier_runs: int = field(init=False, default=-1, repr=False)
    """Number of runs when this object requested another one."""
    _prefect_requested: bool = field(init=False, default=False, repr=False)
    """Whether that request went to a Prefect deployment."""

    def __post_init__(self) -> None:
        self._watch = RunWatch(place=self.location)

    @property
    def job_id(self) -> str:
        """The job's identity, as `frontburner job` takes it."""
        return self.location.job_id

    def status(self) -> JobStatus:
        """Return the job's state, fraction done, frames written and failed, nodes, and seconds left."""
        status = self._watch.poll()
        if self._starting(status):
            return replace(status, state=RunState.RUNNING, sentence="its process is starting")
        return status

    def pictures(self) -> tuple[str, ...]:
        """Return the files in place so far, in the order of frames: paths, or addresses in the job's store."""
        written = self._watch.poll().written
        return tuple(output for frame in sorted(written) for output in written[frame])

    def wait(self, timeout_s: float | None = None) -> JobStatus:
        """Wait until all pictures are in place, and return the final status.

        Raises
        ------
        NotCompleted
            When frames failed, or the job was suspended, cancelled, refused or lost.
        TimeoutError
            When it takes longer than ``timeout_s``; the job goes on.
        """
        deadline_s = None if timeout_s is None else time.monotonic() + timeout_s
        while (status := self.status()).open:
            if deadline_s is not None and time.monotonic() > deadline_s:
                raise TimeoutError(f"{self.job_id} is still {status.state} after {timeout_s:g} s. It goes on.")
            time.sleep(POLL_INTERVAL_S)
        if status.runs <= self._earlier_runs:
            raise self._never_started(status)
        if status.state is RunState.COMPLETED:
            return status
        why = f" ({status.sentence})" if status.sentence else ""
        raise NotCompleted(
            reason=f"{self.job_id}: {status.state}{why}.",
            remedy=status.advice(datetime.now().astimezone()),
            state=status.state,
        )

    def suspend(self, *, now: bool = False) -> None:
        """Start no more units of the job, and wait until its nodes are free.

        Parameters
        ----------
        now
            Also stop the units that are in flight; they are rendered again when the job is resumed.
        """
        self._request_stop(DesiredState.SUSPEND_NOW if now else DesiredState.SUSPEND)

    def cancel(self) -> None:
        """Stop the job's renderers within seconds. What is finished is kept, and `resume` goes on from there."""
        self._request_stop(DesiredState.CANCEL)

    def resume(self, *, nodes: int = 0) -> None:
        """Resume the job, whatever ended it: at its Prefect deployment if it has one, else in a new process."""
        self._start_run(lambda local: runs.resume(self.location, local), nodes)

    def rerun(self, frames: str = "", *, failed: bool = False, missing: bool = False, nodes: int = 0) -> None:
        """Run the job again: whatever isn't in place or, after an edit of the scene, whatever the edit changed.

        Parameters
        ----------
        frames
            Render only these frames, such as 10-20, even if they are in place.
        failed
            Only the frames that failed in the last run.
        missing
            Of ``frames``, only those that aren't in place.
        """
        request = runs.RerunRequest(frames=frames, failed=failed, missing=missing)
        self._start_run(lambda local: runs.rerun(self.location, request, local), nodes)

    def _start_run(self, start: Callable[[runs.LocalRun[BackgroundRun]], BackgroundRun | None], nodes: int) -> None:
        """Start another run, unless there is nothing to do."""
        earlier_runs = self._watch.poll().runs
        self._process, self._prefect_requested = None, False

        def render(read: Callable[[], RenderJob], choice: runs.FrameSelection) -> BackgroundRun:
            return launch(with_absolute_paths(read()), choice, nodes=nodes)

        def requested() -> None:
            self._prefect_requested = True

        self._process = start(runs.LocalRun(render=render, report=_LOG.info, delegated=requested))
        if self._process is not None or self._prefect_requested:
            self._earlier_runs = earlier_runs

    def _request_stop(self, state: DesiredState) -> None:
        while self._starting(self._watch.poll()):
            time.sleep(POLL_INTERVAL_S)  # a run that starts resets the desired state
        request_stop(self.location, state, _LOG.info)

    def _starting(self, status: JobStatus) -> bool:
        """Whether a run that was requested here is still to start."""
        pending = self._prefect_requested or (self._process is not None and not self._process.ended)
        return pending and status.runs <= self._earlier_runs

    def _never_started(self, status: JobStatus) -> NotCompleted:
        assert self._process is not None
        return NotCompleted(
            reason=f"{self.job_id} couldn't start: {self._process.log_tail() or 'its process printed nothing'}",
            remedy=f"Its log: {self._process.log}",
            state=status.state,
        )


def submit(job: RenderJob, *, nodes: int = 0, stays: bool = True) -> Job:
    """Have a job rendered, and return at once. Submitting the same job again goes on where it stopped.

    Parameters
    ----------
    nodes
        Nodes to start on this machine where no farm runs; 0 chooses.
    stays
        Whether the job goes on when this program ends.

    Raises
    ------
    JobRefused
        When the job can't be rendered as it is: nothing was started.
    FrontburnerError
        When its scene can't be read, or its store not be reached.
    """
    use_local_farm()
    check_job(job)
    resolved = with_absolute_paths(job)
    forget_given_scene(open_store(resolved.out), resolved.job_id)
    submitted = Job(location=JobLocation(job_id=resolved.job_id, store=open_store(resolved.out)))
    submitted._earlier_runs = submitted.status().runs  # noqa: SLF001 - set by its constructor function only
    submitted._process = launch(resolved, nodes=nodes, detached=stays)  # noqa: SLF001
    return submitted


def list_jobs(out: str | None = None) -> list[Job]:
    """Return the jobs that this machine has run, or those of a store; the last one first."""
    use_local_farm()
    return [Job(location=location) for location in registry.list_jobs(out)]


def find_job(name: str, out: str | None = None) -> Job:
    """Return the one job of `list_jobs` whose identity begins with ``name``.

    Raises
    ------
    UnknownJob
        When there is none, or more than one.
    """
    use_local_farm()
    return Job(location=registry.find_job(name, out))
