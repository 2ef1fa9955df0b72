"""The desired state of a job reaches its run, and stays in force while the store is unavailable."""

from __future__ import annotations

import socket
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from frontburner.control.desired_state import (
    DesiredState,
    DesiredStateWatch,
    cancelled_by,
    current_user,
    desired_state_of,
    priority_of,
    set_desired_state,
    set_priority,
)
from frontburner.control.halting import Halted, HaltKind
from frontburner.control.single_run import wait_for_earlier_run
from storage.objects import INTERNAL_PREFIX, open_store
from tests.end_to_end.conftest import until
from tests.record.recorded_runs import detachable_folder, detached, record, started

if TYPE_CHECKING:
    from pathlib import Path

    from storage.objects import ObjectStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_job_runs_unless_another_state_was_set(store: ObjectStore) -> None:
    assert desired_state_of(store, "job-1") is DesiredState.RUN


@pytest.mark.parametrize("state", list(DesiredState))
def test_a_desired_state_is_kept_for_its_job_alone(store: ObjectStore, state: DesiredState) -> None:
    set_desired_state(store, "job-1", DesiredState.CANCEL, at=NOW)
    set_desired_state(store, "job-1", state, at=NOW)
    assert desired_state_of(store, "job-1") is state
    assert desired_state_of(store, "job-2") is DesiredState.RUN


@pytest.mark.parametrize("torn", [b'{"wish": "fly"}', b"", b"[]", b'{"wish": {}}', b"\xff"])
def test_a_state_that_can_t_be_read_is_ignored(store: ObjectStore, torn: bytes) -> None:
    store.write(f"{INTERNAL_PREFIX}/jobs/job-1/wish.json", torn)
    assert desired_state_of(store, "job-1") is DesiredState.RUN


def test_a_priority_that_was_set_is_kept(store: ObjectStore) -> None:
    assert priority_of(store, "job-1") is None
    set_priority(store, "job-1", -5, at=NOW, by=current_user())
    assert priority_of(store, "job-1") == -5
    assert desired_state_of(store, "job-1") is DesiredState.RUN
    store.write(f"{INTERNAL_PREFIX}/jobs/job-1/priority.json", b'{"priority": "high"}')
    assert priority_of(store, "job-1") is None


def seen(watch: DesiredStateWatch) -> tuple[DesiredState, int | None]:
    return watch.state, watch.priority


def test_a_run_sees_the_desired_state_and_keeps_it_while_the_store_is_away(tmp_path: Path) -> None:
    store = open_store(str(detachable_folder(tmp_path / "store")))
    with DesiredStateWatch(store=store, job_id="job-1", every_s=0.01) as watch:
        assert watch.priority is None
        set_desired_state(store, "job-1", DesiredState.SUSPEND, at=NOW)
        set_priority(store, "job-1", 7, at=NOW)
        until(lambda: seen(watch) == (DesiredState.SUSPEND, 7))
        with detached(tmp_path / "store"):
            with pytest.raises(Exception, match="store"):
                store.read("anything")
            watch._poll()
            assert seen(watch) == (DesiredState.SUSPEND, 7)
        (tmp_path / "store").rename(tmp_path / "unmounted")
        watch._poll()
        assert seen(watch) == (DesiredState.SUSPEND, 7)
        (tmp_path / "unmounted").rename(tmp_path / "store")
        set_desired_state(store, "job-1", DesiredState.RUN, at=NOW)
        until(lambda: watch.state is DesiredState.RUN)


def test_an_event_of_its_context_cancels_a_run_whatever_the_desired_state(store: ObjectStore) -> None:
    stop = threading.Event()
    with cancelled_by(stop):
        watch = DesiredStateWatch(store=store, job_id="job-1")
    other = DesiredStateWatch(store=store, job_id="job-1")
    assert watch.state is DesiredState.RUN
    stop.set()
    assert (watch.state, other.state) == (DesiredState.CANCEL, DesiredState.RUN)
    assert desired_state_of(store, "job-1") is DesiredState.RUN, "the store keeps none of it"


def test_a_run_that_waits_for_an_earlier_one_is_cancelled_all_the_same(store: ObjectStore) -> None:
    record(store, "run-1", started(host="elsewhere"), at=datetime.now(UTC))
    stop = threading.Event()
    with cancelled_by(stop), pytest.raises(Halted) as halted:
        wait_for_earlier_run(store, "job-1", log=lambda _: None, sleep=lambda _: stop.set())
    assert halted.value.how is HaltKind.CANCELLED


def test_a_store_that_hangs_does_not_block_a_run(s3_store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with DesiredStateWatch(store=s3_store, job_id="job-1", every_s=0.01) as watch:
            asked, _ = silent.accept()
            assert watch.state is DesiredState.RUN
        with asked:
            assert watch._thread.is_alive(), "it still waits for an answer"
