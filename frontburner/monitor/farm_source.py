"""The farm that a monitor shows and controls: its nodes and licences, and the jobs of this machine or of a store."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

from frontburner.control.desired_state import DesiredState, current_user, set_desired_state
from frontburner.record.snapshot import status_of
from frontburner.settings import Settings
from storage.errors import FrontburnerError
from system.processes import start_detached

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frontburner.control.resume import RerunRequest
    from frontburner.record.registry import JobLocation

COMMAND = "import sys; from frontburner.cli import main; main()"
FAILURE_CODES = (2, 3)
"""Exit codes of a command that was refused or failed."""
LAST_LINES = 5
_REQUESTED = {
    DesiredState.SUSPEND: "it is suspended once the units in flight have ended.",
    DesiredState.SUSPEND_NOW: "it is suspended; units in flight are rendered again later.",
    DesiredState.CANCEL: "it is cancelled; what is finished is kept.",
    DesiredState.RUN: "it goes on.",
}

Report = Callable[[str], None]


class FarmSource(Protocol):
    """A farm to show and control. All calls may block; every error is a `FrontburnerError`."""

    def list_jobs(self) -> Sequence[JobLocation]:
        """Return the jobs and the stores of their records, the last one first."""
        ...

    def snapshot(self) -> Mapping[str, Any]:
        """Return the arbiter's view of nodes, jobs and licences."""
        ...

    def call_arbiter(self, call: str, **arguments: Any) -> None:  # noqa: ANN401 - depends on the call
        """Have the arbiter change something."""
        ...

    def request_stop(self, job: JobLocation, state: DesiredState, report: Report) -> None:
        """Suspend or cancel a job."""
        ...

    def resume(self, job: JobLocation, request: RerunRequest | None, report: Report) -> None:
        """Resume a job, or with a request run it again; returns once its run has ended or moved to Prefect."""
        ...

    def check(self, node: str) -> Mapping[str, Any]:
        """Check a node, which takes a while; returns its readiness as a document."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalFarm:
    """The farm that runs here, or at an address, and the jobs this machine knows of.

    Parameters
    ----------
    scheduler
        Address of the scheduler; empty is that of the environment, or the only farm of this machine.
    out
        A store whose jobs are shown; None shows those this machine has run.
    """

    scheduler: str = ""
    out: str | None = None

    def list_jobs(self) -> Sequence[JobLocation]:
        """Return the jobs, the last one first."""
        from frontburner.record.registry import list_jobs

        return list_jobs(self.out)

    def snapshot(self) -> Mapping[str, Any]:
        """Return the arbiter's view."""
        return self._call("snapshot")  # type: ignore[no-any-return]

    def call_arbiter(self, call: str, **arguments: Any) -> None:  # noqa: ANN401
        """Have the arbiter change something."""
        self._call(call, **arguments)

    def request_stop(self, job: JobLocation, state: DesiredState, report: Report) -> None:
        """Suspend or cancel a job; without a run, it is cancelled at its Prefect deployment."""
        if status_of(job.store, job.job_id).open:
            set_desired_state(job.store, job.job_id, state, at=datetime.now().astimezone(), by=current_user())
            report(f"{job.job_id}: {_REQUESTED[state]}")
        else:
            self._run_command(job, "cancel" if state is DesiredState.CANCEL else "suspend", report=report)

    def resume(self, job: JobLocation, request: RerunRequest | None, report: Report) -> None:
        """Resume as the command does: at the job's Prefect deployment, or in a process of its own on this machine."""
        if request is None:
            self._run_command(job, "resume", report=report)
        else:
            self._run_command(job, "rerun", *_options(request), report=report)

    def check(self, node: str) -> Mapping[str, Any]:
        """Check a node."""
        from frontburner.cluster.farm_checks import farm_check
        from frontburner.cluster.running_farms import find_scheduler
        from tasks.node.node_checks import CheckRequest

        with farm_check(find_scheduler(self.scheduler)) as farm:
            return farm.nodes(CheckRequest(renderers=(), scene="", store_url=""), [node])[0].document()

    def _run_command(self, job: JobLocation, action: str, *options: str, report: Report) -> None:
        """Run a command of `frontburner job` in a process that outlives this one, and wait for its end.

        Raises
        ------
        FrontburnerError
            With the end of its output, if it was refused or failed.
        """
        where = [] if self.out is None else ["--out", self.out]
        log = Settings().home / "logs" / "jobs" / f"{job.job_id}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as sink:
            start = sink.tell()
            process = start_detached(
                [sys.executable, "-c", COMMAND, "job", action, job.job_id, *options, *where],
                stdin=subprocess.DEVNULL, stdout=sink, stderr=sink,
            )  # fmt: skip
        if action in ("resume", "rerun"):
            report(f"{job.job_id} goes on: its process starts on this machine.")
        code = process.wait()
        with log.open("rb") as written:
            written.seek(start)
            last = " ".join(written.read().decode(errors="replace").strip().splitlines()[-LAST_LINES:])
        if code in FAILURE_CODES:
            raise FrontburnerError(reason=last or f"{job.job_id}: {action} failed.", remedy=f"Its log: {log}")
        report(last)

    def _call(self, name: str, **arguments: Any) -> Any:  # noqa: ANN401
        from frontburner.cluster.arbiter_calls import call
        from frontburner.cluster.running_farms import find_scheduler

        return call(find_scheduler(self.scheduler), name, **arguments)


def _options(request: RerunRequest) -> list[str]:
    """Return a request as options of `frontburner job rerun`."""
    flags = [f"--{name.replace('_', '-')}" for name in ("failed", "missing", "new_seed") if getattr(request, name)]
    return [*(["--frames", request.frames] if request.frames.strip() else []), *flags]
