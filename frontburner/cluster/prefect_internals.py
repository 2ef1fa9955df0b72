"""What Frontburner uses of Prefect beyond its documented interface, in one place.

``tests/cluster/test_prefect_internals.py`` checks each use, and says which one to adapt when an upgrade changes it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefect.context import FlowRunContext
from prefect.events.worker import EventsWorker
from prefect.futures import PrefectFuture, wait
from prefect.logging.handlers import APILogWorker
from prefect.states import Completed

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future
    from uuid import UUID

    from prefect.client.schemas.objects import FlowRun, State


def current_flow_run() -> FlowRun | None:
    """Return the flow run this code belongs to, if any."""
    context = FlowRunContext.get()
    return context.flow_run if context else None


def force_current_state(state: State[Any]) -> None:
    """Set the state of the current flow run, whatever state it is in."""
    context = FlowRunContext.get()
    assert context is not None
    assert context.flow_run is not None
    context.client.set_flow_run_state(context.flow_run.id, state, force=True)


def raise_if_suspended() -> None:
    """Raise `prefect.exceptions.Pause` if the current flow run was suspended in Prefect.

    Prefect checks this only where a flow waits for Prefect's futures; a flow that waits for Dask would never notice.
    """
    wait([])


def can_be_resumed(run: FlowRun) -> bool:
    """Whether a flow run is suspended so that resuming it has a worker start it.

    One that is paused in its process would become Running again, without a process.
    """
    return run.state is not None and run.state.is_paused() and bool(run.state.state_details.pause_reschedule)


def thread_future(step: PrefectFuture[Any]) -> Future[Any]:
    """Return the future of the thread a step runs in: Prefect asks its server for the state of its own future."""
    future: Future[Any] = step.wrapped_future  # type: ignore[attr-defined]
    return future


def flush_events(timeout_s: float) -> None:
    """Wait until the events of this process are sent to Prefect's server, then stop sending."""
    EventsWorker.drain_all(timeout=timeout_s)


def flush_logs(timeout_s: float) -> None:
    """Wait until the log lines of this process are sent to Prefect's server, then stop sending."""
    APILogWorker.drain_all(timeout=timeout_s)


class StepEnd(PrefectFuture[None]):
    """The end of a step, for ``wait_for``: Prefect draws the edge, and starts what comes after it in any case.

    Prefect itself never starts a step after one that was cancelled, nor ends it: it would be pending for ever.
    """

    def __init__(self, step: PrefectFuture[Any]) -> None:
        self._step = step

    @property
    def task_run_id(self) -> UUID:
        """The step's id, from which Prefect draws the edge."""
        return self._step.task_run_id

    @property
    def state(self) -> State[None]:
        """Completed, which Prefect asks for when it has waited."""
        return Completed(data=True)

    def wait(self, timeout: float | None = None) -> None:
        """Wait for the step to end."""
        self._step.wait(timeout)

    def result(self, timeout: float | None = None, raise_on_failure: bool = True) -> None:  # noqa: ARG002, FBT001, FBT002 - as Prefect has it
        """Wait for the step to end; its outcome is ignored."""
        self.wait(timeout)

    def add_done_callback(self, fn: Callable[[PrefectFuture[None]], None]) -> None:
        """Have a function called when the step has ended."""
        self._step.add_done_callback(lambda _: fn(self))
