"""A job's status follows from its record alone, and is known without reading all of it."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from frontburner import events as ev
from frontburner.record.event_codec import encode
from frontburner.record.job_status import HEARTBEAT_TIMEOUT, MAX_RUNS
from frontburner.record.snapshot import Snapshot, job_ids, status_of
from storage.errors import StoreError
from storage.objects import INTERNAL_PREFIX, open_store
from tests.record.recorded_runs import (
    BLOCK,
    NOW,
    detachable_folder,
    detached,
    ended,
    finished,
    planned,
    record,
    recorded_lines,
    started,
    status_from,
)
from tests.storage.counting import count_calls

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from storage.objects import ObjectStore

SNAPSHOT = f"{INTERNAL_PREFIX}/standing/job-1.json"


def test_a_running_job(store: ObjectStore) -> None:
    joined = ev.NodeJoined(at_s=0, node="n1")
    failed = ev.UnitAttemptFailed(at_s=1, node="n2", block=BLOCK, reason="crash")
    written = ev.FrameWritten(at_s=2, frame=1, outputs=("a.png",))
    gone = ev.FrameFailed(at_s=2, frame=2, reason="It is broken.", last_words="segmentation fault")
    record(store, "run-1", started(), planned(), joined, finished(25), failed, written, gone)
    found = status_from("job-1", recorded_lines(store))
    assert found.running(NOW)
    assert (found.fraction, found.seconds_left, found.frames) == (0.25, 75.0, 2)
    assert found.written == {1: ("a.png",)}
    assert found.failed == {2: ("It is broken.", "segmentation fault")}
    assert (found.nodes["n1"].state, found.nodes["n1"].units, found.nodes["n1"].seconds) == ("there", 1, 2.0)
    assert found.nodes["n2"].failures == 1


def test_units_in_flight_on_a_node(store: ObjectStore) -> None:
    begun = ev.UnitStarted(at_s=1, node="n1", block=BLOCK)
    record(store, "run-1", started(), planned(), begun, begun, finished(10))
    found = status_from("job-1", recorded_lines(store))
    assert found.nodes["n1"].under_way == ["frame 3, samples 0-7 of 0,0,4,2"]
    record(store, "run-2", ev.NodeLost(at_s=2, node="n1", units=1))
    assert status_from("job-1", recorded_lines(store)).nodes["n1"].under_way == []


def test_a_run_without_a_heartbeat_is_lost_and_one_command_resumes_it(store: ObjectStore) -> None:
    record(store, "run-1", started(), planned())
    found = status_from("job-1", recorded_lines(store))
    assert found.state_at(NOW + HEARTBEAT_TIMEOUT) is ev.RunState.RUNNING
    later = NOW + HEARTBEAT_TIMEOUT + timedelta(seconds=1)
    assert found.state_at(later) is ev.RunState.LOST
    assert not found.running(later)
    assert "frontburner job resume job-1" in found.advice(later)
    record(store, "run-2", started())
    assert [run.state for run in status_from("job-1", recorded_lines(store)).last_runs] == [
        ev.RunState.LOST,
        ev.RunState.RUNNING,
    ]


@pytest.mark.parametrize("state", list(ev.RunState))
def test_every_state_has_its_advice(store: ObjectStore, state: ev.RunState) -> None:
    record(store, "run-1", started(), planned(), ended(state, "because"))
    found = status_from("job-1", recorded_lines(store))
    assert (found.state_at(NOW), found.sentence) == (state, "because")
    done = state in {ev.RunState.RUNNING, ev.RunState.ENDING, ev.RunState.COMPLETED}
    assert ("frontburner job" in found.advice(NOW)) is not done


def test_a_suspended_job_that_is_resumed(store: ObjectStore) -> None:
    suspending = ev.JobSuspending(at_s=1, why="asked")
    record(store, "run-1", started(), planned(), finished(25), suspending)
    assert status_from("job-1", recorded_lines(store)).state_at(NOW) is ev.RunState.ENDING
    record(store, "run-2", ended(ev.RunState.SUSPENDED))
    assert status_from("job-1", recorded_lines(store)).state_at(NOW) is ev.RunState.SUSPENDED
    record(store, "run-3", started())
    found = status_from("job-1", recorded_lines(store))
    assert (found.state_at(NOW), found.runs) == (ev.RunState.RUNNING, 2)


def test_only_the_last_runs_are_listed_but_all_are_counted() -> None:
    found = status_from("job-1", [encode(started(), NOW)] * (MAX_RUNS + 5))
    assert (found.runs, len(found.last_runs)) == (MAX_RUNS + 5, MAX_RUNS)


def test_an_event_of_another_version_takes_no_other_with_it() -> None:
    events: list[dict[str, Any]] = [
        encode(started(), NOW),
        {"what": "job planned"},
        {"what": "job planned", "job_id": "job-1", "frames": "two", "pixel_samples": 100, "reused_frames": 0},
        {"what": "run ended", "state": "?"},
        {"what": "frame failed", "frame": 2, "reason": "broken"},
    ]
    found = status_from("job-1", [{"at": NOW.isoformat(), **event} for event in events])
    assert found.state_at(NOW) is ev.RunState.RUNNING
    assert found.failed == {2: ("broken", "")}


def runs(store: ObjectStore) -> None:
    written = ev.FrameWritten(at_s=2, frame=7, outputs=("a.png", "a.exr"))
    gone = ev.FrameFailed(at_s=2, frame=2, reason="It is broken.", last_words="words")
    record(store, "run-1", started(), planned(), finished(25), written, ended(ev.RunState.CANCELLED))
    record(store, "run-2", started(), planned(), finished(50, "n2"), gone, ended(ev.RunState.FAILED, "1 frame failed"))


def test_the_snapshot_equals_the_whole_record(store: ObjectStore) -> None:
    runs(store)
    assert status_of(store, "job-1") == status_from("job-1", recorded_lines(store))
    assert job_ids(store) == ["job-1"]


def test_the_whole_record_need_not_be_read(store: ObjectStore) -> None:
    runs(store)
    whole = status_of(store, "job-1")
    store.write(f"{INTERNAL_PREFIX}/jobs/job-1/events/run-1-000000.jsonl", b"no longer read")
    assert status_of(store, "job-1") == whole
    record(store, "run-3", started())
    assert (status_of(store, "job-1").runs, status_of(store, "job-1").written) == (3, whole.written)


def test_the_snapshot_of_a_long_job_is_written_seldom(tmp_path: Path) -> None:
    store = count_calls(open_store(str(tmp_path)))
    snapshot = Snapshot(store=store, job_id="job-1")
    written = [encode(ev.FrameWritten(at_s=2, frame=n, outputs=(f"{n:06d}.exr",)), NOW) for n in range(20_000)]
    snapshot.catch_up()
    part, sizes = 400, []
    for number, event in enumerate(written):
        snapshot.take(f"{number:06d}", event)
        if number % part == 0:
            snapshot.note_growth(sum(len(json.dumps(each)) for each in written[number : number + part]))
            snapshot.save()
            sizes.append(len(store.read(SNAPSHOT)))
    saved_bytes = sum(after for before, after in pairwise([0, *sizes]) if after != before)
    assert saved_bytes < 2 * sum(len(json.dumps(each)) for each in written)
    assert store.calls["write"] < len(sizes) // 2
    assert len(sizes) - sizes.index(sizes[-1]) < 10, "little of the record itself is left to be read"


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"version": 0}', b'{"version": 1, "position": "", "status": 3}'])
def test_a_damaged_snapshot_is_ignored(store: ObjectStore, torn: bytes) -> None:
    runs(store)
    store.write(SNAPSHOT, torn)
    assert status_of(store, "job-1") == status_from("job-1", recorded_lines(store))


def test_an_unavailable_store_is_an_error_and_no_empty_job(tmp_path: Path) -> None:
    store = open_store(str(detachable_folder(tmp_path / "store")))
    runs(store)
    with detached(tmp_path / "store"), pytest.raises(StoreError):
        status_of(store, "job-1")
