"""A job's record has every event of all runs in order; an unavailable store only delays it."""

from __future__ import annotations

import json
import time
from dataclasses import MISSING, fields
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import pytest

from frontburner import events as ev
from frontburner.record.event_codec import EVENT_TYPES, decode, encode
from frontburner.record.event_log import read_events
from frontburner.record.event_writer import HEARTBEAT_INTERVAL_S, MAX_PENDING, PART_BYTES, EventWriter
from storage.objects import INTERNAL_PREFIX, open_store
from tasks.picture.inspection import Fault
from tasks.spec import SampleRange
from tests.end_to_end.conftest import until
from tests.record.recorded_runs import (
    BLOCK,
    NOW,
    detachable_folder,
    detached,
    ended,
    event_names,
    finished,
    planned,
    record,
    recorded_lines,
    started,
    unit_record,
)
from tests.storage.proxy import proxy

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from storage.objects import ObjectStore

EVENTS = f"{INTERNAL_PREFIX}/jobs/job-1/events/"


def test_events_of_all_runs_come_back_in_order(store: ObjectStore) -> None:
    record(store, "run-1", started(), planned(), finished(10))
    record(store, "run-2", started(flow_run="abc"), ended(ev.RunState.CANCELLED, "so"))
    events = recorded_lines(store)
    assert event_names(store) == ["run started", "job planned", "unit finished", "run started", "run ended"]
    unit = events[2]
    assert (unit["frame"], unit["samples"], unit["region"]) == (3, [0, 8], [0, 0, 4, 2])
    assert (unit["node"], unit["wall_s"], unit["peak_memory_bytes"], unit["reused"]) == ("n1", 2.0, 7, False)
    assert events[3]["flow_run"] == "abc"
    assert events[4]["state"] == "cancelled"


EXAMPLES: dict[str, Any] = {
    "float": 1.0, "int": 1, "str": "x", "bool": True, "Block": BLOCK, "UnitRecord": unit_record(),
    "SampleRange": SampleRange(start=0, stop=2), "Reached": None, "RunState": ev.RunState.LOST,
    "StageState": ev.StageState.FAILED, "Fault": Fault.BLACK,
    "Mapping[str, float]": {"n1": np.float64(2.0)}, "Mapping[str, Any]": {"scene": "a.xml", "aovs": ["depth"]},
    "tuple[str, ...]": ("a.png",), "npt.NDArray[np.float64]": np.ones((2, 2)),
}  # fmt: skip
"""A value of each type that fields of events have."""


@pytest.mark.parametrize("name", EVENT_TYPES)
def test_every_event_survives_encoding_as_a_line_of_json(name: str) -> None:
    kind = EVENT_TYPES[name]
    needed = [each for each in fields(kind) if each.default is MISSING and each.default_factory is MISSING]
    event = kind(**{each.name: EXAMPLES[str(each.type).removesuffix(" | None")] for each in needed})
    line = json.dumps(encode(event, NOW), allow_nan=False)
    assert "\n" not in line
    assert "[[" not in line, "no arrays"
    back = json.loads(line)
    assert back["at"] == "2026-01-01T00:00:00.000+00:00"
    assert back["what"] == name
    again = decode(back)
    assert type(again) is kind
    assert encode(again, NOW) == back


def test_arrays_are_left_out_and_numbers_stay_numbers() -> None:
    speeds: dict[str, Any] = {"n1": np.float32(0.5), "n2": float("nan")}
    event = encode(ev.FarmMeasured(at_s=0, speeds=speeds, rates=np.ones((2, 2)), cell_px=4), NOW)
    assert "rates" not in event
    assert json.loads(json.dumps(event, allow_nan=False))["speeds"] == {"n1": 0.5, "n2": None}


def test_an_unavailable_store_delays_the_record(tmp_path: Path) -> None:
    store = open_store(str(detachable_folder(tmp_path / "store")))
    with EventWriter(store=store, job_id="job-1", run="run-1", now=lambda: NOW, flush_interval_s=0.01) as recorder:
        recorder.take(started())
        until(lambda: recorded_lines(store))
        with detached(tmp_path / "store"):
            recorder.take(planned())
            until(lambda: not recorder._pending)  # it was tried
        until(lambda: event_names(store) == ["run started", "job planned"])
        recorder.take(finished(10))
    assert event_names(store) == ["run started", "job planned", "unit finished"]


def test_the_start_of_a_run_is_written_at_once(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    with EventWriter(store=store, job_id="job-1", run="run-1", now=lambda: NOW, flush_interval_s=600) as recorder:
        recorder.take(started())
        until(lambda: event_names(store) == ["run started"])
        recorder.take(ev.JobSuspending(at_s=1.0, why="asked"))
        until(lambda: event_names(store) == ["run started", "job suspending"])


def test_the_end_of_a_run_is_written_though_the_store_is_unavailable_then(tmp_path: Path) -> None:
    store = open_store(str(detachable_folder(tmp_path / "store")))
    recorder = EventWriter(store=store, job_id="job-1", run="run-1", now=lambda: NOW, flush_interval_s=0.01)
    with recorder:
        recorder.take(started())
        until(lambda: recorded_lines(store))
        with detached(tmp_path / "store"):
            recorder.take(ended(ev.RunState.COMPLETED))
            recorder._ended = True
            recorder._wake.set()
            until(lambda: not recorder._pending)
    assert event_names(store) == ["run started", "run ended"]


def test_a_store_that_stays_unavailable_doesn_t_delay_the_end(tmp_path: Path) -> None:
    store = open_store(str(detachable_folder(tmp_path / "store")))
    recorder = EventWriter(store=store, job_id="job-1", run="run-1", now=lambda: NOW, close_timeout_s=0.3)
    with detached(tmp_path / "store"):
        began_s = time.monotonic()
        with recorder:
            recorder.take(started())
        assert time.monotonic() - began_s > 0.2, "it was tried"
        recorder._thread.join()


def test_events_beyond_the_limit_are_dropped_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert MAX_PENDING > 10_000
    monkeypatch.setattr("frontburner.record.event_writer.MAX_PENDING", 10)
    store = open_store(str(tmp_path / "store"))
    with EventWriter(store=store, job_id="job-1", run="run-1", now=lambda: NOW, flush_interval_s=60) as recorder:
        for done in range(15):
            recorder.take(finished(done))
    assert event_names(store) == ["unit finished"] * 10 + ["events dropped"]
    assert recorded_lines(store)[-1]["count"] == 5


def test_a_lost_reply_loses_and_doubles_nothing(
    s3_store: ObjectStore, s3_server: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lost, lock = [0], Lock()

    def lose(connection: int, data: bytes) -> bool:
        """Cut the connection at every answer for a while, so that writes arrive and seem to have failed."""
        with lock:
            if lost[0] >= 6 or data.startswith(b"HTTP/1.1 100"):
                return True
            lost[0] += 1
            return False

    direct = s3_server["AWS_ENDPOINT_URL"]
    with proxy(direct, reply=lose) as relay:
        monkeypatch.setenv("AWS_ENDPOINT_URL", relay)
        writer = EventWriter(store=s3_store, job_id="job-1", run="run-1", now=lambda: NOW, flush_interval_s=0.02)
        with writer as recorder:
            for done in range(40):
                recorder.take(finished(done))
                until(lambda: lost[0] >= 6 or not recorder._pending)
        monkeypatch.setenv("AWS_ENDPOINT_URL", direct)
        assert lost[0] == 6
    assert [event["pixel_samples_done"] for event in recorded_lines(s3_store)] == list(range(40))


def test_a_quiet_run_has_a_heartbeat(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    step_s = HEARTBEAT_INTERVAL_S / 50
    with EventWriter(store=store, job_id="job-1", run="run-1", now=lambda: NOW, flush_interval_s=step_s):
        until(lambda: "alive" in event_names(store))


def test_an_incomplete_line_is_skipped(store: ObjectStore) -> None:
    record(store, "run-1", started())
    store.write(f"{EVENTS}run-2-000000.jsonl", b'{"at": "2026-01-01T00:00:00+00:00", "what": "al')
    record(store, "run-3", planned())
    assert event_names(store) == ["run started", "job planned"]


def test_a_long_run_makes_few_objects_and_loses_nothing_between_them(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    line = len(json.dumps(encode(finished(1), NOW)))
    count = 3 * PART_BYTES // line
    with EventWriter(store=store, job_id="job-1", run="run-1", now=lambda: NOW, flush_interval_s=0.01) as recorder:
        for done in range(count):
            recorder.take(finished(done))
    assert [event["pixel_samples_done"] for event in recorded_lines(store)] == list(range(count))
    assert len(list(store.list(EVENTS))) <= 4


def list_after(store: ObjectStore, position: str) -> list[tuple[str, dict[str, Any]]]:
    return list(read_events(store, "job-1", after=position))


def test_reading_resumes_after_a_position(store: ObjectStore) -> None:
    recorder = EventWriter(store=store, job_id="job-1", run="run-1", now=lambda: NOW, flush_interval_s=0.01)
    position, seen = "", []
    with recorder:
        for done in range(5):
            recorder.take(finished(done))
            fresh = until(partial(list_after, store, position))
            position = fresh[-1][0]
            seen += [event["pixel_samples_done"] for _, event in fresh]
    record(store, "run-2", finished(5))
    seen += [event["pixel_samples_done"] for _, event in read_events(store, "job-1", after=position)]
    assert seen == list(range(6))
