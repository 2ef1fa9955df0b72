"""What Frontburner uses of Dask beyond its documented interfaces is still there, and does what it is used for.

A test here fails when an upgrade of Dask, Distributed or Tornado moves one of these, and says what it was used for.
"""

from __future__ import annotations

import asyncio
import inspect
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dask.config
import pytest
from distributed import Client, LocalCluster, Security, Worker

from frontburner.cluster import dask_internals
from tests.end_to_end.conftest import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from distributed import Scheduler

MODULE = "frontburner/cluster/dask_internals.py"
MOVED = (AttributeError, KeyError, TypeError, AssertionError)


@contextmanager
def used(what: str, purpose: str, see: str = MODULE) -> Iterator[None]:
    """Fail with a sentence where something isn't there any more."""
    try:
        yield
    except MOVED as error:
        pytest.fail(f"distributed moved {what}, which Frontburner uses for {purpose}; see {see} ({error!r})")


class DescribedWorker(Worker):  # type: ignore[misc]
    """A worker that sends information when it joins, as our nodes do."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        with used("Worker.startup_information", "telling the scheduler what machine a node is"):
            dask_internals.add_startup_information(self, "contract", lambda _: {"threads": 3})


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, protocol="tls://", dashboard_address="127.0.0.1:0",
        worker_class=DescribedWorker, security=Security.temporary(), silence_logs=50,
    ) as running:  # fmt: skip
        yield running


@pytest.fixture(scope="module")
def client(cluster: LocalCluster) -> Iterator[Client]:
    with Client(cluster, set_as_default=False) as connected:
        yield connected


@pytest.fixture
def scheduler(cluster: LocalCluster) -> Scheduler:
    return cluster.scheduler


@pytest.fixture
def worker(cluster: LocalCluster) -> Worker:
    return cluster.workers[0]


def test_a_client_looks_for_its_scheduler_as_long_as_it_is_told(client: Client) -> None:
    with used("Client._timeout", "waiting for a scheduler that is restarted"):
        dask_internals.set_reconnect_timeout(client, client._timeout)
        assert "self._timeout" in inspect.getsource(Client._reconnect)


def test_the_connection_of_a_client_is_the_same_until_it_is_lost(client: Client) -> None:
    with used("Client.scheduler_comm", "noticing that the scheduler was restarted"):
        first = dask_internals.scheduler_connection(client)
        assert first is not None
        assert dask_internals.scheduler_connection(client) is first


def test_events_of_a_topic_can_be_deleted(cluster: LocalCluster, scheduler: Scheduler) -> None:
    async def forget() -> tuple[Any, ...]:
        scheduler.log_event("contract", {"number": 1})
        assert scheduler.get_events("contract")
        dask_internals.forget_events(scheduler, "contract")
        return tuple(scheduler.get_events("contract"))

    with used("Scheduler._broker.truncate", "deleting the events of runs that have ended"):
        assert cluster.sync(forget) == ()


def test_servers_answer_our_calls(client: Client, scheduler: Scheduler, worker: Worker) -> None:
    with used("Server.handlers", "the calls of the arbiter and the list of revoked certificates"):
        for server in (scheduler, worker):
            dask_internals.add_handler(server, "contract_add", lambda first, second: first + second)
        assert client.sync(client.scheduler.contract_add, first=1, second=2) == 3
        broadcast = {"op": "contract_add", "first": 1, "second": 2}
        assert client.sync(scheduler.broadcast, msg=broadcast) == {worker.address: 3}


def test_the_scheduler_knows_what_machine_a_node_is(scheduler: Scheduler) -> None:
    with used("Worker.startup_information", "telling the scheduler what machine a node is"):
        (state,) = scheduler.workers.values()
        assert state.extra["contract"] == {"threads": 3}


def test_the_scheduler_knows_the_certificates_of_its_workers(scheduler: Scheduler, worker: Worker) -> None:
    with used("Scheduler.stream_comms and the comm's 'peercert'", "disconnecting nodes whose certificate was revoked"):
        serials = dask_internals.certificate_serials(scheduler)
        assert serials.keys() == {worker.address}
        assert serials[worker.address] > 0


def test_the_scheduler_knows_its_dashboard(scheduler: Scheduler) -> None:
    with used("Scheduler.http_server and http_application", "the link to Dask's dashboard"):
        assert isinstance(scheduler.http_application.applications, list)
        assert dask_internals.dashboard_url(scheduler) in ("", f"http://127.0.0.1:{scheduler.http_server.port}/status")


def test_a_configuration_reaches_another_process_by_its_environment() -> None:
    config = {"distributed": {"admin": {"tick": {"limit": "61s"}}}}
    with used("DASK_INTERNAL_INHERIT_CONFIG", "the configuration of nodes in batch jobs and pods"):
        found = dask.config.collect(paths=[], env=dask_internals.config_variable(config))
        assert found["distributed"]["admin"]["tick"]["limit"] == "61s"


def test_timers_and_streams_are_adjusted_when_the_clock_was_set(
    cluster: LocalCluster, scheduler: Scheduler, worker: Worker
) -> None:
    """That they need it is shown in test_clock_jump.py."""

    async def adjust() -> float:
        assert "heartbeat" in worker.periodic_callbacks
        assert dask_internals._streams(scheduler)
        for stream in dask_internals._streams(scheduler) + dask_internals._streams(worker):
            assert {"next_deadline", "waker"} <= vars(stream).keys()
        before = scheduler.workers[worker.address].last_seen
        dask_internals.shift_clock(worker, 0.0)
        dask_internals.shift_clock(scheduler, 100.0)
        return float(scheduler.workers[worker.address].last_seen - before)

    with used("Server.periodic_callbacks, WorkerState.last_seen or BatchedSend", "a wall clock that is set"):
        assert cluster.sync(adjust) == pytest.approx(100.0)
    until(lambda: abs(scheduler.workers[worker.address].last_seen - time.time()) < 50)  # it sends heartbeats on


def test_a_timer_runs_as_long_as_its_worker(cluster: LocalCluster) -> None:
    calls: list[bool] = []

    class TimedWorker(Worker):  # type: ignore[misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            dask_internals.add_timer(self, "contract", lambda: calls.append(True), 10)

    async def run() -> None:
        async with TimedWorker(cluster.scheduler_address, security=cluster.security, host="127.0.0.1"):
            await asyncio.sleep(1)
        assert calls
        count = len(calls)
        await asyncio.sleep(0.1)
        assert len(calls) == count

    with used("Server.periodic_callbacks", "rotating the log of nodes"):
        cluster.sync(run)


def test_the_clock_is_checked_before_workers_are_taken_for_dead(cluster: LocalCluster, scheduler: Scheduler) -> None:
    checked: list[bool] = []

    async def check() -> None:
        assert dask_internals.WORKER_TTL in scheduler.periodic_callbacks
        dask_internals.check_clock_before_worker_ttl(scheduler, lambda: checked.append(True))
        await scheduler.periodic_callbacks[dask_internals.WORKER_TTL].callback()

    with used("the timer 'worker-ttl' or Scheduler.check_worker_ttl", "a wall clock that is set"):
        cluster.sync(check)
        assert checked


def test_a_task_on_a_node_sees_that_it_was_cancelled(client: Client, worker: Worker) -> None:
    def state_of_this_task() -> str:
        from distributed import get_worker

        here = get_worker()
        return str(here.state.tasks[here.get_current_task()].state)

    purpose, see = "ending the renderer of a unit that was cancelled", "tasks/node/unit_channel.py"
    with used("Worker.state.tasks or Worker.get_current_task", purpose, see):
        assert client.submit(state_of_this_task, workers=[worker.address]).result(30) == "executing"


def test_a_worker_can_be_given_no_tasks(cluster: LocalCluster, client: Client) -> None:
    scheduler: Scheduler = cluster.scheduler
    (address,) = scheduler.workers

    async def give(*, give: bool) -> None:
        with used("Scheduler.handle_worker_status_change", "giving a node that doesn't answer no tasks"):
            dask_internals.give_tasks(scheduler, address, give=give)

    client.sync(give, give=False)
    waiting = client.submit(abs, -1, pure=False)
    until(lambda: client.sync(_state_of, scheduler, waiting.key) == "no-worker")
    client.sync(give, give=True)
    assert waiting.result(30) == 1


async def _state_of(scheduler: Scheduler, key: str) -> str:
    task = scheduler.tasks.get(key)
    return task.state if task is not None else ""
