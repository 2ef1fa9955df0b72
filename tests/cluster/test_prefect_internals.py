"""Contract with Prefect: all of it that we use beyond its documentation is where and what it was.

After an upgrade of Prefect, a test that fails here says which function to adapt.
"""

from __future__ import annotations

import inspect
from concurrent.futures import Future
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import prefect
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def used_by(function: str, use: str) -> Iterator[None]:
    """Fail with a sentence that names the function to adapt, however Prefect has changed."""
    try:
        yield
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - names that moved raise various errors
        pytest.fail(
            f"Prefect {prefect.__version__} has changed: {use}. Adapt `{function}` in "
            f"frontburner/cluster/prefect_internals.py. ({type(error).__name__}: {error})"
        )


@contextmanager
def flow_run_context(**fields: Any) -> Iterator[Any]:
    """As in a flow run, with only these fields of its context."""
    from prefect.context import FlowRunContext

    with FlowRunContext.model_construct(**fields) as context:
        yield context


def test_the_future_of_a_step_s_thread_is_reached() -> None:
    with used_by("thread_future", "a step's future no longer shows that of its thread as wrapped_future"):
        from prefect.futures import PrefectConcurrentFuture
        from prefect.task_runners import ThreadPoolTaskRunner

        from frontburner.cluster.prefect_internals import thread_future

        thread: Future[Any] = Future()
        assert thread_future(PrefectConcurrentFuture(uuid4(), thread)) is thread
        assert "PrefectConcurrentFuture" in inspect.getsource(ThreadPoolTaskRunner.submit)


def test_a_suspension_is_raised_where_a_flow_waits_for_nothing() -> None:
    with used_by("raise_if_suspended", "wait([]) no longer raises Pause in a flow run that was suspended"):
        from prefect._flow_run_suspension import FlowRunSuspensionRequest
        from prefect.exceptions import Pause
        from prefect.states import Suspended

        from frontburner.cluster.prefect_internals import raise_if_suspended

        raise_if_suspended()
        request = FlowRunSuspensionRequest()
        with flow_run_context(flow_run_suspension_request=request):
            raise_if_suspended()
            request.mark_requested(Suspended(timeout_seconds=1))
            with pytest.raises(Pause):
                raise_if_suspended()


def test_the_current_flow_run_is_known_and_its_state_can_be_forced() -> None:
    with used_by("force_current_state", "a flow run's context has no client that sets states by force"):
        from prefect.client.orchestration import SyncPrefectClient
        from prefect.context import FlowRunContext
        from prefect.states import Suspended

        from frontburner.cluster.prefect_internals import current_flow_run, force_current_state

        assert "SyncPrefectClient" in str(FlowRunContext.model_fields["client"].annotation)
        assert "force" in inspect.signature(SyncPrefectClient.set_flow_run_state).parameters
        calls: list[tuple[Any, ...]] = []
        client = SimpleNamespace(set_flow_run_state=lambda run, state, *, force: calls.append((run, state, force)))
        run: Any = SimpleNamespace(id=uuid4())
        state: Any = Suspended(timeout_seconds=1)
        assert current_flow_run() is None
        with flow_run_context(flow_run=run, client=client):
            assert current_flow_run() is run
            force_current_state(state)
        assert [call[1:] for call in calls] == [(state, True)]


def test_a_suspended_run_can_be_resumed_and_one_paused_in_its_process_cannot() -> None:
    with used_by("can_be_resumed", "a state's details no longer tell a suspension by pause_reschedule"):
        from prefect.client.schemas.objects import FlowRun
        from prefect.states import Paused, Running, Suspended

        from frontburner.cluster.prefect_internals import can_be_resumed

        states: list[Any] = [Suspended(timeout_seconds=1), Paused(timeout_seconds=1), Running()]
        runs = [FlowRun(flow_id=uuid4(), state=state) for state in states]
        assert [can_be_resumed(run) for run in runs] == [True, False, False]


def test_a_step_begins_after_the_end_of_another_whatever_became_of_that() -> None:
    with used_by("StepEnd", "wait_for takes other futures than PrefectFuture, or asks them for something else"):
        from prefect.client.schemas.objects import TaskRunResult
        from prefect.futures import PrefectFuture
        from prefect.utilities.engine import collect_task_run_inputs_sync, resolve_to_final_result

        from frontburner.cluster.prefect_internals import StepEnd

        assert PrefectFuture.__abstractmethods__ == {"wait", "result", "add_done_callback"}
        waited: list[Any] = []
        step: Any = SimpleNamespace(task_run_id=uuid4(), wait=waited.append)
        end = StepEnd(step)
        assert collect_task_run_inputs_sync([end]) == {TaskRunResult(id=step.task_run_id)}, "the edge is drawn"
        resolve_to_final_result(end, {})
        assert waited == [None]


def test_events_and_logs_are_flushed_with_a_time_limit() -> None:
    with used_by("flush_events and flush_logs", "EventsWorker or APILogWorker have no drain_all(timeout)"):
        from prefect.events.worker import EventsWorker
        from prefect.logging.handlers import APILogWorker

        from frontburner.cluster.prefect_internals import flush_events, flush_logs

        for worker in (EventsWorker, APILogWorker):
            assert "timeout" in inspect.signature(worker.drain_all).parameters
        flush_events(0.1)
        flush_logs(0.1)
