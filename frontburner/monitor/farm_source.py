"""Where the monitor's knowledge comes from, and whom its controls reach: the farm and the jobs of this machine."""

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

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frontburner.record.registry import JobLocation

COMMAND = "import sys; from frontburner.cli import main; main()"
WENT_WRONG = (2, 3)
"""Exit codes of a command that did not do what it was asked for."""
LAST_LINES = 5
_ASKED = {
    DesiredState.SUSPEND: "it is suspended when the units under way have ended.",
    DesiredState.SUSPEND_NOW: "it is suspended; units under way are rendered again later.",
    DesiredState.CANCEL: "it is cancelled; what is finished is kept.",
    DesiredState.RUN: "it goes on.",
}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunAgain:
    """What of a job is to be run again, as `frontburner job rerun` has it."""

    frames: str = ""
    failed: bool = False
    missing: bool = False
    new_seed: bool = False

    def options(self) -> list[str]:
        """Its options."""
        flags = [f"--{name.replace('_', '-')}" for name in ("failed", "missing", "new_seed") if getattr(self, name)]
        return [*(["--frames", self.frames] if self.frames.strip() else []), *flags]


class FarmSource(Protocol):
    """A farm to look at, and to steer. All calls may block; each error is a `FrontburnerError`."""

    def places(self) -> Sequence[JobLocation]:
        """Jobs, and the stores their records are in, the last one first."""
        ...

    def snapshot(self) -> Mapping[str, Any]:
        """What the farm's arbiter tells of nodes, jobs and licences."""
        ...

    def steer(self, call: str, **what: Any) -> None:  # noqa: ANN401 - as the call has it
        """Have the arbiter change something."""
        ...

    def wish(self, place: JobLocation, wish: DesiredState, say: Say) -> None:
        """Suspend or cancel a job, and return when its run has ended."""
        ...

    def go_on(self, place: JobLocation, again: RunAgain | None, say: Say) -> None:
        """Go on with a job, or run it again; returns once that is under way, and raises what kept it from beginning."""
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
        Address of the scheduler; empty is that of the environment or the one farm of this machine.
    out
        A store whose jobs are shown; None shows those this machine has run.
    """

    scheduler: str = ""
    out: str | None = None

    def places(self) -> Sequence[JobLocation]:
        """Jobs, the last one first."""
        from frontburner.record.registry import list_jobs

        return list_jobs(self.out)

    def snapshot(self) -> Mapping[str, Any]:
        """What the arbiter tells."""
        return self._call("snapshot")  # type: ignore[no-any-return]

    def steer(self, call: str, **what: Any) -> None:  # noqa: ANN401
        """Have the arbiter change something."""
        self._call(call, **what)

    def wish(self, place: JobLocation, wish: DesiredState, say: Say) -> None:
        """Suspend or cancel a job; one that has no run is cancelled where Prefect holds it."""
        if status_of(place.store, place.job_id).open:
            set_desired_state(place.store, place.job_id, wish, at=datetime.now().astimezone(), by=current_user())
            say(f"{place.job_id}: {_ASKED[wish]}")
        else:
            self._command(place, "cancel" if wish is DesiredState.CANCEL else "suspend", say=say)

    def go_on(self, place: JobLocation, again: RunAgain | None, say: Say) -> None:
        """Go on as the command does: at the job's Prefect deployment, or in a process of its own on this machine."""
        if again is None:
            self._command(place, "resume", say=say)
        else:
            self._command(place, "rerun", *again.options(), say=say)

    def check(self, node: str) -> Mapping[str, Any]:
        """Check a node."""
        from frontburner.cluster.farm_checks import farm_check
        from frontburner.cluster.running_farms import find_scheduler
        from tasks.node.node_checks import CheckRequest

        with farm_check(find_scheduler(self.scheduler)) as farm:
            return farm.nodes(CheckRequest(renderers=(), scene="", store_url=""), [node])[0].document()

    def _command(self, place: JobLocation, *words: str, say: Say) -> None:
        """Give a command of `frontburner job` in a process that outlives this one, and wait for its end.

        Raises
        ------
        FrontburnerError
            With its last words, where it didn't do what it was asked for.
        """
        action, *options = words
        where = [] if self.out is None else ["--out", self.out]
        log = Settings().home / "logs" / "jobs" / f"{place.job_id}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as said:
            begin = said.tell()
            process = subprocess.Popen(
                [sys.executable, "-c", COMMAND, "job", action, place.job_id, *options, *where],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True,
            )  # fmt: skip
        if action in ("resume", "rerun"):
            say(f"{place.job_id} goes on: its process starts on this machine.")
        code = process.wait()
        with log.open("rb") as told:
            told.seek(begin)
            last = " ".join(told.read().decode(errors="replace").strip().splitlines()[-LAST_LINES:])
        if code in WENT_WRONG:
            raise FrontburnerError(reason=last or f"{place.job_id}: nothing came of it.", remedy=f"Its log: {log}")
        say(last)

    def _call(self, name: str, **what: Any) -> Any:  # noqa: ANN401
        from frontburner.cluster.arbiter_calls import call
        from frontburner.cluster.running_farms import find_scheduler

        return call(find_scheduler(self.scheduler), name, **what)
