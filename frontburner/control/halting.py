"""What ends a run before its job is done, and how: a wish, a suspend of Prefect's, a lost farm, frames that failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from prefect.context import FlowRunContext
from prefect.exceptions import Pause
from prefect.futures import wait
from prefect.states import Cancelled, Completed, Suspended

from frontburner import events as ev
from frontburner.cluster.scheduler_connection import FarmLost
from frontburner.control.desired_state import DesiredState
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefect.client.schemas.objects import State

    from frontburner.control.desired_state import DesiredStateWatch


LONG_S = 10 * 365 * 24 * 3600


class HaltKind(StrEnum):
    """How a run ended that didn't end its job."""

    SUSPENDED = "suspended"
    CANCELLED = "cancelled"


@dataclass(kw_only=True, eq=False)
class Halted(FrontburnerError):
    """A run that was ended from outside. What is finished is kept."""

    how: HaltKind


@dataclass(kw_only=True, eq=False)
class JobFailed(FrontburnerError):
    """A job that ended with frames missing; its finished frames are in place and its report is in ``report``."""

    report: dict[str, Any] = field(default_factory=dict, repr=False)


@dataclass(slots=True, kw_only=True)
class HaltWatch:
    """Heeds what is wanted of a run.

    Parameters
    ----------
    job_id
        The job's, for what to do next.
    watch
        What is wanted of it.
    clock
        Seconds on the job's own clock.
    wind_up
        Called once when the run is to end with the units that nodes have begun.
    """

    job_id: str
    watch: DesiredStateWatch
    clock: Callable[[], float]
    wind_up: Callable[[], None] = lambda: None
    _pause: Pause | None = field(init=False, default=None)
    _winding_up: bool = field(init=False, default=False)

    def heed(self) -> None:
        """Look at what is wanted. Raises `Halted` where units under way are not to be waited for."""
        match self.watch.wish:
            case DesiredState.RUN:
                pass
            case DesiredState.SUSPEND:
                self._begin("its suspension was asked for")
            case DesiredState.SUSPEND_NOW:
                raise self._halted(HaltKind.SUSPENDED)
            case DesiredState.CANCEL:
                raise self._halted(HaltKind.CANCELLED)
        if self._pause is None:
            try:
                wait([])  # raises when the run was suspended: a flow that waits on Dask would never notice
            except Pause as pause:
                self._pause = pause
                self._begin("it was suspended in Prefect")

    @property
    def winding_up(self) -> bool:
        """Whether the run is to end with what nodes have begun."""
        return self._winding_up

    @property
    def paused(self) -> bool:
        """Whether Prefect suspended the run: no step can be asked of it any more."""
        return self._pause is not None

    def end(self) -> None:
        """Raise what ended the run, if something did."""
        if self._pause is not None:
            raise self._pause
        if self._winding_up:
            raise self._halted(HaltKind.SUSPENDED)

    def _begin(self, why: str) -> None:
        if not self._winding_up:
            self._winding_up = True
            ev.announce(ev.JobSuspending(at_s=self.clock(), why=why))
            self.wind_up()

    def _halted(self, how: HaltKind) -> Halted:
        return Halted(
            reason=f"The job {self.job_id} is {how}.",
            remedy=f"`frontburner job resume {self.job_id}` goes on; nothing that is finished is rendered again.",
            how=how,
        )


def end_state(error: BaseException | None) -> State[None]:
    """Return the state in which a step ends that the end of its run leaves unfinished, and the run where it is halted.

    Parameters
    ----------
    error
        What ended the run; None where it came to its end without the step.
    """
    match error:
        case None:
            return Completed(name="NotNeeded", message="The picture was good enough before it.")
        case Halted(how=how):
            return Cancelled(name=how.value.capitalize(), message=str(error))
        case Pause():
            return Cancelled(name=HaltKind.SUSPENDED.value.capitalize(), message="It goes on when the run is resumed.")
        case FarmLost():
            return Cancelled(name="FarmLost", message=str(error))
        case _:
            return Cancelled(name="Stopped", message=str(error) or type(error).__name__)


def stay_suspended() -> Pause:
    """Have this flow run suspended for as long as anyone likes, and return what ends it so.

    What Prefect's UI and its own functions set expires, within minutes or an hour, and the run would fail then.
    """
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    state: State[None] = Suspended(timeout_seconds=LONG_S)
    context.client.set_flow_run_state(context.flow_run.id, state, force=True)
    return Pause(state=state)
