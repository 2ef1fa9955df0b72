"""A job's record: every event is kept, in order, over all runs; a store that is away only delays it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np

from flows import events as ev
from flows.history import HEARTBEAT_EVERY_S, Recorder, jobs_in, read
from flows.plan.block import Block
from flows.status import SILENT_AFTER, status
from storage.objects import HOUSE, open_store
from tasks.spec import Region, SampleRange, UnitRecord
from tests.end_to_end.conftest import until

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from storage.objects import ObjectStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BLOCK = Block(frame=3, samples=SampleRange(start=0, stop=8), region=Region(x0=0, y0=0, x1=4, y1=2))


def started(**fields: Any) -> ev.RunStarted:
    return ev.RunStarted(at_s=0, job_id="job-1", job={"scene": "a.xml"}, host="h", pid=1, **fields)


def finished(done: int, node: str = "n1") -> ev.UnitFinished:
    record = UnitRecord(
        unit="u", node=node, build="1", isa="x", started_s=0, wall_s=2.0, cpu_s=1.0, load_s=0.5, peak_memory_bytes=7
    )
    return ev.UnitFinished(
        at_s=1, node=node, block=BLOCK, record=record, seconds_left=float(100 - done), pixel_samples_done=done
    )


def planned() -> ev.JobPlanned:
    return ev.JobPlanned(at_s=0, job_id="job-1", frames=2, pixel_samples=100, reused_frames=0)


def record(store: ObjectStore, run: str, *events: ev.Event) -> None:
    with Recorder(store=store, job_id="job-1", run=run, now=lambda: NOW) as recorder:
        for event in events:
            recorder.take(event)


def told(store: ObjectStore) -> list[dict[str, Any]]:
    return [event for _, event in read(store, "job-1")]


def test_events_of_all_runs_come_back_in_order(store: ObjectStore) -> None:
    record(store, "run-1", started(), planned(), finished(10))
    record(store, "run-2", started(flow_run="abc"), ev.RunEnded(at_s=9, state=ev.RunState.CANCELLED, sentence="so"))
    events = told(store)
    assert [event["what"] for event in events] == [
        "run started", "job planned", "unit finished", "run started", "run ended",
    ]  # fmt: skip
    unit = events[2]
    assert (unit["frame"], unit["samples"], unit["region"]) == (3, [0, 8], [0, 0, 4, 2])
    assert (unit["node"], unit["wall_s"], unit["peak_memory_bytes"], unit["reused"]) == ("n1", 2.0, 7, False)
    assert events[3]["flow_run"] == "abc"
    assert events[4]["state"] == "cancelled"
    assert jobs_in(store) == ["job-1"]


def test_arrays_are_left_out(store: ObjectStore) -> None:
    record(store, "run-1", ev.FarmMeasured(at_s=0, speeds={"n1": 1.0}, rates=np.ones((2, 2)), cell_px=4))
    (event,) = told(store)
    assert event["speeds"] == {"n1": 1.0}
    assert "rates" not in event


def test_a_store_that_is_away_delays_the_record(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    store = open_store(str(folder))
    with Recorder(store=store, job_id="job-1", run="run-1", now=lambda: NOW, flush_every_s=0.01) as recorder:
        recorder.take(started())
        until(lambda: told(store), timeout_s=10)
        folder.rename(tmp_path / "away")
        folder.write_text("no folder any more")
        recorder.take(planned())
        recorder._flush()
        folder.unlink()
        (tmp_path / "away").rename(folder)
    assert [event["what"] for event in told(store)] == ["run started", "job planned"]


def test_a_quiet_run_says_that_it_is_alive(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    step_s = HEARTBEAT_EVERY_S / 50
    with Recorder(store=store, job_id="job-1", run="run-1", now=lambda: NOW, flush_every_s=step_s):
        until(lambda: any(event["what"] == "alive" for event in told(store)), timeout_s=30)


def test_a_torn_line_takes_no_other_with_it(store: ObjectStore) -> None:
    record(store, "run-1", started())
    store.write(f"{HOUSE}/jobs/job-1/events/run-2-000000.jsonl", b'{"at": "2026-01-01T00:00:00+00:00", "what": "al')
    record(store, "run-3", planned())
    assert [event["what"] for event in told(store)] == ["run started", "job planned"]


def test_status_of_a_running_job(store: ObjectStore) -> None:
    joined = ev.NodeJoined(at_s=0, node="n1")
    failed = ev.UnitAttemptFailed(at_s=1, node="n2", block=BLOCK, reason="crash")
    written = ev.FrameWritten(at_s=2, frame=1, outputs=("a.png",))
    gone = ev.FrameFailed(at_s=2, frame=2, reason="It is broken.", last_words="segmentation fault")
    record(store, "run-1", started(), planned(), joined, finished(25), failed, written, gone)
    found = status("job-1", told(store))
    assert found.running(NOW)
    assert (found.fraction, found.seconds_left, found.frames) == (0.25, 75.0, 2)
    assert found.written == {1: ("a.png",)}
    assert found.failed == {2: ("It is broken.", "segmentation fault")}
    assert (found.nodes["n1"].state, found.nodes["n1"].units, found.nodes["n1"].seconds) == ("there", 1, 2.0)
    assert found.nodes["n2"].failures == 1


def test_status_of_a_run_that_fell_silent_is_lost(store: ObjectStore) -> None:
    record(store, "run-1", started(), planned())
    found = status("job-1", told(store))
    assert found.stand(NOW + SILENT_AFTER) is ev.RunState.RUNNING
    assert found.stand(NOW + SILENT_AFTER + timedelta(seconds=1)) is ev.RunState.LOST
    assert not found.running(NOW + timedelta(minutes=1))


def test_status_of_a_suspended_job_that_goes_on(store: ObjectStore) -> None:
    suspending = ev.JobSuspending(at_s=1, why="asked")
    record(store, "run-1", started(), planned(), finished(25), suspending)
    assert status("job-1", told(store)).stand(NOW) is ev.RunState.ENDING
    record(store, "run-2", ev.RunEnded(at_s=2, state=ev.RunState.SUSPENDED))
    assert status("job-1", told(store)).stand(NOW) is ev.RunState.SUSPENDED
    record(store, "run-3", started())
    found = status("job-1", told(store))
    assert (found.stand(NOW), found.runs) == (ev.RunState.RUNNING, 2)
