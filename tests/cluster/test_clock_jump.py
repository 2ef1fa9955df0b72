"""Clocks that are set while jobs run: Dask continues, and nobody is wrongly taken for dead or alive."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from distributed import Scheduler, Worker
from tornado.ioloop import IOLoop

from frontburner import events as ev
from frontburner.cluster import running_farms
from frontburner.cluster.clock_jump import ClockJump, ClockJumpWatch
from frontburner.cluster.dask_internals import WORKER_TTL
from frontburner.control.single_run import wait_for_earlier_run
from frontburner.dispatch.settlement import Overhead
from frontburner.plan.in_flight import Assignment
from frontburner.record.event_log import new_run_name
from frontburner.record.job_status import HEARTBEAT_TIMEOUT
from frontburner.record.snapshot import status_of
from tests.end_to_end.conftest import TIMEOUT_S
from tests.record.recorded_runs import BLOCK, NOW, ended, event_names, planned, record, started, unit_record

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from storage.objects import ObjectStore

HOUR_S = 3600.0


@dataclass(slots=True)
class Clocks:
    """The wall clock and the steady clock of a machine."""

    wall_s: float = 1e9
    steady_s: float = 50.0

    def advance(self, seconds: float) -> None:
        self.wall_s += seconds
        self.steady_s += seconds

    @property
    def wall(self) -> ClockJump:
        return ClockJump(wall=lambda: self.wall_s, steady=lambda: self.steady_s)


@pytest.mark.parametrize("moved_s", [HOUR_S, -HOUR_S, 10.0])
def test_a_clock_that_is_set_is_detected_once(moved_s: float) -> None:
    clocks = Clocks()
    wall = clocks.wall
    clocks.advance(1000)
    assert wall.moved_s() == 0
    clocks.wall_s += moved_s
    assert wall.moved_s() == pytest.approx(moved_s)
    clocks.advance(7)
    assert wall.moved_s() == 0


def test_small_corrections_of_a_clock_are_followed_when_they_add_up() -> None:
    clocks = Clocks()
    wall, found = clocks.wall, 0.0
    for _ in range(100):
        clocks.wall_s -= 0.1
        found += wall.moved_s()
    assert found == pytest.approx(-10, abs=5)


class ShiftedTime:
    """The time of Tornado and Dask, which both use the wall clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.shift_s = 0.0
        monkeypatch.setattr(IOLoop, "time", lambda _: self.now())
        for module in ("scheduler", "batched"):
            monkeypatch.setattr(f"distributed.{module}.time", self.now)

    def now(self) -> float:
        return time.time() + self.shift_s

    @property
    def wall(self) -> ClockJump:
        return ClockJump(wall=self.now)


def with_dask(act: Callable[[Scheduler, Worker], Awaitable[None]]) -> None:
    """Run a test with a scheduler and a worker that sends ten heartbeats a second."""

    async def run() -> None:
        async with (
            Scheduler(host="127.0.0.1", port=0, dashboard=False, dashboard_address="127.0.0.1:0") as scheduler,
            Worker(scheduler.address, heartbeat_interval="100ms", host="127.0.0.1") as worker,
        ):
            await act(scheduler, worker)

    asyncio.run(run())


async def wait_until(condition: Callable[[], Any]) -> None:
    """Wait for something that Dask does."""
    async with asyncio.timeout(TIMEOUT_S):
        while not condition():
            await asyncio.sleep(0.02)


async def heartbeat(scheduler: Scheduler) -> None:
    """Wait for a heartbeat of the worker."""
    (state,) = scheduler.workers.values()
    before = state.last_seen
    await wait_until(lambda: state.last_seen != before)


def test_a_worker_sends_heartbeats_after_its_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    shifted = ShiftedTime(monkeypatch)

    async def act(scheduler: Scheduler, worker: Worker) -> None:
        watch = ClockJumpWatch(server=worker, clock=shifted.wall)
        await heartbeat(scheduler)
        shifted.shift_s = -HOUR_S
        due_s = worker.periodic_callbacks["heartbeat"]._next_timeout
        assert due_s > shifted.now() + HOUR_S / 2, "Dask copes by itself now: clock_jump.py can be deleted"
        watch.check()
        for _ in range(3):  # one was in flight
            await heartbeat(scheduler)

    with_dask(act)


@pytest.mark.parametrize("moved_s", [HOUR_S, -HOUR_S])
def test_no_worker_is_taken_for_dead_because_the_clock_of_the_scheduler_is_set(
    monkeypatch: pytest.MonkeyPatch, moved_s: float
) -> None:
    shifted = ShiftedTime(monkeypatch)
    silent: list[str] = []

    async def restart(workers: list[str], **_: Any) -> None:
        silent.extend(workers)

    async def act(scheduler: Scheduler, worker: Worker) -> None:
        monkeypatch.setattr(scheduler, "restart_workers", restart)
        watch = asyncio.create_task(ClockJumpWatch(server=scheduler, clock=shifted.wall).run())
        await asyncio.sleep(0)
        worker.periodic_callbacks["heartbeat"].stop()
        search = scheduler.periodic_callbacks[WORKER_TTL].callback
        shifted.shift_s = moved_s
        await search()
        assert silent == []
        (state,) = scheduler.workers.values()
        state.last_seen -= HOUR_S / 2
        await scheduler.periodic_callbacks[WORKER_TTL].callback()
        assert silent == [worker.address], "a silent worker is still found"
        watch.cancel()

    with_dask(act)


def test_a_stream_that_waits_for_a_time_of_the_old_clock_sends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    shifted = ShiftedTime(monkeypatch)

    async def act(scheduler: Scheduler, worker: Worker) -> None:
        watch = ClockJumpWatch(server=worker, clock=shifted.wall)
        worker.batched_stream.next_deadline = shifted.now() + HOUR_S  # what the clock's step makes of some milliseconds
        worker.batched_stream.send({"op": "log-event", "topic": "here", "msg": 1})
        for _ in range(3):
            await heartbeat(scheduler)
        assert not scheduler.get_events("here")
        shifted.shift_s = -HOUR_S
        watch.check()
        await wait_until(lambda: scheduler.get_events("here"))

    with_dask(act)


def test_a_gap_over_which_a_node_s_clock_was_set_teaches_nothing() -> None:
    gaps, now_s = Overhead(), 100.0

    def ends(clock_s: float) -> float | None:
        nonlocal now_s
        now_s += 2.05
        done = Assignment(
            ticket=1, block=BLOCK, node="n1", assigned_s=now_s - 2.05, starts_s=0, duration_s=2, predicted_s=2
        )
        return gaps.measure(done, unit_record(started_s=clock_s + now_s - 2, load_s=0.0), now_s)

    assert ends(0) is None
    assert ends(0) == pytest.approx(0.05)
    for clock_s in (HOUR_S, -HOUR_S):
        assert ends(clock_s) is None
        assert ends(clock_s) == pytest.approx(0.05)


def test_what_a_node_opens_for_a_unit_is_part_of_what_the_unit_costs_besides() -> None:
    gaps, found = Overhead(), []
    for number, load_s in enumerate((20.0, 0.0, 0.4)):
        now_s = 100.0 + 5 * number
        done = Assignment(
            ticket=1, block=BLOCK, node="n1", assigned_s=now_s - 5, starts_s=0, duration_s=4, predicted_s=4
        )
        record = unit_record(started_s=now_s - 4.9, wall_s=4.9, load_s=load_s)
        found.append(gaps.measure(done, record, now_s))
    assert found == [None, pytest.approx(0.1), pytest.approx(0.5)]


def test_runs_sort_as_they_began_although_clocks_were_set(store: ObjectStore) -> None:
    first = new_run_name(store, "job-1", NOW, "aaaaaa")
    assert first.startswith("20260101T000000000000-")
    record(store, first, started(), planned(), ended(ev.RunState.SUSPENDED))
    second = new_run_name(store, "job-1", NOW - timedelta(hours=1), "000000")
    record(store, second, started(), at=NOW - timedelta(hours=1))
    assert event_names(store) == ["run started", "job planned", "run ended", "run started"]
    assert status_of(store, "job-1").state is ev.RunState.RUNNING
    assert new_run_name(store, "job-1", NOW + timedelta(hours=1), "ffffff") > second > first


@pytest.mark.parametrize("hours", [1, -1])
def test_a_run_without_a_sign_of_these_seconds_is_lost_whichever_clock_is_wrong(store: ObjectStore, hours: int) -> None:
    record(store, "run-1", started(), planned(), at=NOW + timedelta(hours=hours))
    assert status_of(store, "job-1").state_at(NOW) is ev.RunState.LOST


class Waiting:
    """Waits for an earlier run on a clock that only moves as it waits."""

    def __init__(self, store: ObjectStore) -> None:
        self.store, self.now_s, self.said = store, 0.0, 0

    def wait(self, meanwhile: Callable[[float], None] = lambda _: None) -> float:
        def sleep(seconds: float) -> None:
            self.now_s += seconds
            meanwhile(self.now_s)

        def say(_: str) -> None:
            self.said += 1

        wait_for_earlier_run(self.store, "job-1", log=say, clock=lambda: self.now_s, sleep=sleep)
        return self.now_s


def test_a_job_without_an_earlier_run_begins_at_once(store: ObjectStore) -> None:
    assert Waiting(store).wait() == 0
    record(store, "run-1", started(), planned(), ended(ev.RunState.SUSPENDED))
    assert Waiting(store).wait() == 0


def test_a_run_on_a_machine_with_another_clock_is_waited_for_as_long_as_it_lives(store: ObjectStore) -> None:
    record(store, "run-1", started(host="elsewhere"), at=NOW)  # long ago by the clock here

    def lives_on(now_s: float) -> None:
        if now_s % 5 == 0 and now_s < 100:
            record(store, f"run-1b{now_s:06.0f}", planned(), at=NOW)
        elif now_s == 100:
            record(store, "run-1c", ended(ev.RunState.COMPLETED), at=NOW)

    waiting = Waiting(store)
    assert waiting.wait(lives_on) == 100
    assert waiting.said == 1


def test_a_run_that_is_gone_is_not_waited_for_for_long(store: ObjectStore) -> None:
    record(store, "run-1", started(host="elsewhere"), at=NOW + timedelta(days=365 * 50))
    assert 0 < Waiting(store).wait() <= HEARTBEAT_TIMEOUT.total_seconds()
    record(store, "run-2", started(host=socket.gethostname(), pid=2**22 + 1))
    assert Waiting(store).wait() == 0


@pytest.mark.parametrize("moved_s", [HOUR_S, -HOUR_S])
def test_a_farm_is_found_although_the_clock_was_set_since(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moved_s: float
) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))
    with running_farms.registered("tcp://127.0.0.1:1"):
        boot_s = psutil.boot_time()
        system = psutil._psplatform.__name__  # type: ignore[attr-defined]
        for module in ("psutil", system):  # Linux tells when it began by the clock on the wall
            monkeypatch.setattr(f"{module}.boot_time", lambda: boot_s + moved_s)
        assert [farm.pid for farm in running_farms.running_farms()] == [os.getpid()]
    assert running_farms.running_farms() == []
