"""How a run is halted before its job is done: by the desired state, by a suspension in Prefect, or by an error."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from prefect.exceptions import Pause
from prefect.states import Cancelled, Completed, Suspended

from frontburner import events as ev
from frontburner.cluster.prefect_internals import force_current_state, raise_if_suspended
from frontburner.cluster.scheduler_connection import FarmLost
from frontburner.control.desired_state import DesiredState
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.schemas.objects import State

    from frontburner.control.desired_state import DesiredStateWatch

TEN_YEARS_S = 10 * 365 * 24 * 3600


class HaltKind(StrEnum):
    """How a run ended that was halted."""

    SUSPENDED = "suspended"
    CANCELLED = "cancelled"


@dataclass(kw_only=True, eq=False)
class Halted(FrontburnerError):
    """A run that was halted from outside. What is finished is kept."""

    how: HaltKind


@dataclass(kw_only=True, eq=False)
class JobFailed(FrontburnerError):
    """A job that ended with frames missing; its finished frames are in place and its report is in ``report``."""

    report: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(slots=True, kw_only=True)
class HaltWatch:
    """Checks whether a run is to be halted.

    Parameters
    ----------
    job_id
        The job's, for the remedy.
    watch
        The job's desired state.
    clock
        Seconds since the job began.
    wind_up
        Called once when the run is to end after the units that nodes have begun.
    """

    job_id: str
    watch: DesiredStateWatch
    clock: Callable[[], float]
    wind_up: Callable[[], None] = lambda: None
    winding_up: bool = field(init=False, default=False)
    """Whether the run is to end after the units that nodes have begun."""
    _pause: Pause | None = field(init=False, default=None)

    def check(self) -> None:
        """Raise `Halted` if the run is to end at once; wind up if it is to end after the units in flight."""
        match self.watch.state:
            case DesiredState.RUN:
                pass
            case DesiredState.SUSPEND:
                self._begin_winding_up("its suspension was requested")
            case DesiredState.SUSPEND_NOW:
                raise self._halted(HaltKind.SUSPENDED)
            case DesiredState.CANCEL:
                raise self._halted(HaltKind.CANCELLED)
        if self._pause is None:
            try:
                raise_if_suspended()
            except Pause as pause:
                self._pause = pause
                self._begin_winding_up("it was suspended in Prefect")

    @property
    def paused(self) -> bool:
        """Whether Prefect suspended the run: it starts no more steps."""
        return self._pause is not None

    def raise_if_halted(self) -> None:
        """Raise what halts the run, if anything does; for when no unit is in flight."""
        if self._pause is not None:
            raise self._pause
        if self.winding_up:
            raise self._halted(HaltKind.SUSPENDED)

    def _begin_winding_up(self, why: str) -> None:
        if not self.winding_up:
            self.winding_up = True
            ev.announce(ev.JobSuspending(at_s=self.clock(), why=why))
            self.wind_up()

    def _halted(self, how: HaltKind) -> Halted:
        return Halted(
            reason=f"The job {self.job_id} is {how}.",
            remedy=f"`frontburner job resume {self.job_id}` continues it; nothing that is finished is rendered again.",
            how=how,
        )


def end_state(error: BaseException | None) -> State[None]:
    """Return the state of a step that the end of its run leaves unfinished; also that of a run that is halted.

    Parameters
    ----------
    error
        What ended the run; None if it completed without the step.
    """
    match error:
        case None:
            return Completed(name="NotNeeded", message="The picture was good enough before it.")
        case Halted(how=how):
            return Cancelled(name=how.value.capitalize(), message=str(error))
        case Pause():
            return Cancelled(name=HaltKind.SUSPENDED.value.capitalize(), message="Resume the run to continue it.")
        case FarmLost():
            return Cancelled(name="FarmLost", message=str(error))
        case _:
            return Cancelled(name="Stopped", message=str(error) or type(error).__name__)


def stay_suspended() -> Pause:
    """Suspend this flow run without a time limit, and return the exception that ends it so.

    A suspension set by Prefect's UI or its own functions expires within minutes or an hour, and the run then fails.
    """
    state: State[None] = Suspended(timeout_seconds=TEN_YEARS_S)
    force_current_state(state)
    return Pause(state=state)
