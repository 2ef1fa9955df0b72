"""Rows and details of jobs and nodes, folded from records, agree with the report and the command line."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.simulation.farm import CostField, FakeFarm, FakeNode, Fault, hills, render
from frontburner import events as ev
from frontburner.monitor import nodes as node_rows
from frontburner.monitor.job_rows import LiveJob, details, row
from frontburner.monitor.json_patch import merged, patch, without_none
from frontburner.plan.planner import FrameWork, Planner
from frontburner.record.event_codec import decode, encode
from frontburner.record.job_status import JobStatus, fold
from frontburner.reports.report import Report
from tasks.limits import EndedBy, Reached
from tasks.spec import Region, SampleRange, Size
from tests.monitor.fake_farm import SIZE, block, finished, node, planned, started

if TYPE_CHECKING:
    from collections.abc import Sequence

BEGAN = datetime(2026, 3, 2, 12, tzinfo=UTC)
JOB = "room-1a2b3c4d"
SCALARS = st.booleans() | st.integers(-9, 9) | st.text(max_size=3) | st.lists(st.integers(0, 3), max_size=2)
DOCUMENTS: Any = st.recursive(
    st.dictionaries(st.text(max_size=2), SCALARS, max_size=3),
    lambda inner: st.dictionaries(st.text(max_size=2), SCALARS | inner, max_size=4),
    max_leaves=12,
)
LEFT, RIGHT = Region(x0=0, y0=0, x1=320, y1=360), Region(x0=320, y0=0, x1=640, y1=360)


def told(*events: ev.Event) -> list[dict[str, Any]]:
    return [encode(event, BEGAN + timedelta(seconds=event.at_s)) for event in events]


def live(*events: ev.Event) -> LiveJob:
    found = LiveJob()
    for each in told(*events):
        found.on_event(each)
    return found


def status(*events: ev.Event) -> JobStatus:
    found = JobStatus(job_id=JOB)
    for each in told(*events):
        fold(found, each)
    return found


def row_of(events: Sequence[ev.Event], at_s: float = 60, **more: Any) -> dict[str, Any]:
    known, now = status(*events), BEGAN + timedelta(seconds=at_s)
    return row(known, known.state_at(now), now, live=live(*events), **more)


@given(DOCUMENTS, DOCUMENTS)
def test_a_patch_turns_one_document_into_the_other(before: dict[str, Any], after: dict[str, Any]) -> None:
    change = patch(before, after)
    assert merged(before, change) == after
    assert bool(change) == (before != after)


def test_patches_contain_only_changes() -> None:
    before = {"a": {"x": 1, "y": {"z": [1]}}, "b": {"x": 1}}
    assert patch(before, {"a": {"x": 1, "y": {"z": [2]}}, "b": {"x": 1}}) == {"a": {"y": {"z": [2]}}}
    assert without_none({"a": None, "b": {"c": None, "d": 0}}) == {"b": {"d": 0}}


def test_every_event_survives_encoding() -> None:
    reached = Reached(samples_min=1, samples_mean=2.5, samples_max=4, noise=0.02, seconds=3.0, ended_by=EndedBy.NOISE)
    events: list[ev.Event] = [
        started(JOB),
        replace(planned(JOB, "1-3", 3), at_s=1, probe=SampleRange(start=0, stop=1)),
        ev.SceneSent(at_s=1, there_bytes=5, size_bytes=9, sent_bytes=4, seconds=0.5),
        ev.NodeJoined(at_s=2, node="n1"),
        ev.NodeWithheld(at_s=2, node="n1", why="it is paused by a"),
        ev.NodeLost(at_s=2, node="n1", units=2),
        ev.UnitStarted(at_s=2, node="n1", block=block()),
        ev.UnitReused(at_s=2, block=block(), pixel_samples_done=3),
        ev.UnitTakenOver(at_s=2, node="n1", block=block(), by="n2"),
        ev.UnitWasted(at_s=2, node="n1", block=block(), seconds=2.0),
        ev.UnitAttemptFailed(at_s=2, node="n1", block=block(), reason="It crashed."),
        ev.FrameWritten(at_s=3, frame=2, outputs=("a.exr",), reached=reached),
        ev.FrameFailed(at_s=3, frame=3, reason="It is broken.", last_words="oh"),
        ev.PassMeasured(at_s=3, frame=1, samples=4, noise=0.1),
        ev.PreviewMade(at_s=3, frame=1, samples=4, caption="4 of 64"),
        ev.DeadlineForecast(at_s=4, due="d", expected_end="e", spare_s=3.0, sentence="s", news=True),
        ev.RunEnded(at_s=5, state=ev.RunState.FAILED, sentence="1 of 3 frames failed"),
    ]
    assert [decode(each, event.at_s) for each, event in zip(told(*events), events, strict=True)] == events


def test_events_of_other_versions_are_skipped() -> None:
    assert decode({"what": "unit finished", "at": "x"}) is None
    assert decode({"what": "something new", "at": "x"}) is None
    assert decode({"what": "job planned", "frames": 2}) is None
    assert decode({"what": ["job planned"]}) is None


def test_live_figures_equal_those_of_the_report() -> None:
    size = Size(width=320, height=180)
    passes = (SampleRange(start=0, stop=2), SampleRange(start=2, stop=64))
    planner = Planner(frames=[FrameWork(frame=1)], size=size, region=size.whole, passes=passes)
    fault = Fault(where=lambda attempt: attempt.node == "b", script=["ok", "crash"])
    farm = FakeFarm(
        FakeNode(name="a"), FakeNode(name="b", speed=2, available=((0, 30), (40, 1e6))),
        cost=CostField(hills(320, 180, total_s=200, samples=64)), faults=[fault],
    )  # fmt: skip
    run = render(planner, farm)
    report = Report()
    for event in run.events:
        report.take(event)
    again = live(replace(started(JOB), at_s=0), *run.events).report
    for name in ("units", "lost_units", "taken_over", "failed_attempts"):
        assert getattr(again, name) == getattr(report, name)
    assert again.efficiency == pytest.approx(report.efficiency, abs=0.002)
    assert again.nodes["b"].busy_s == pytest.approx(report.nodes["b"].busy_s, abs=0.05)


def test_a_row_shows_progress_and_when_the_job_is_ready() -> None:
    whole = SIZE.whole.area * 64
    events = [
        started(JOB, name="The room"), planned(JOB, "1-2", 2), ev.NodeJoined(at_s=1, node="n1"),
        ev.UnitStarted(at_s=1, node="n1", block=block(1, stop=64)),
        finished("n1", block(1, stop=64), 11, done=whole, left_s=120.0),
        ev.FrameWritten(at_s=12, frame=1, outputs=("/x/a.png",)),
        ev.UnitStarted(at_s=12, node="n1", block=block(2, stop=64)),
        ev.DeadlineForecast(at_s=12, due="2026-03-02T12:05:00+00:00", expected_end="2026-03-02T12:02:00+00:00",
                          spare_s=180.0, sentence="Ready in time.", news=True),
    ]  # fmt: skip
    found = row_of(events, 15)
    assert (found["title"], found["kind"], found["state"], found["running"]) == (
        "The room",
        "sequence",
        "running",
        True,
    )
    assert (found["fraction"], found["frames"], found["written"], found["left_s"]) == (0.5, 2, 1, 120.0)
    assert found["ends_at"] == "2026-03-02T12:02:12+00:00"
    assert found["finish_by"]["spare_s"] == 180.0
    assert 0.5 < found["efficiency"] <= 1
    assert found["flow_run"] == "http://10.0.0.1:4200/runs/flow-run/0b0e"
    assert found["picture"] == "1?v=1"
    assert "waits" not in found
    assert row_of(events, 3000)["state"] == "lost"
    assert "frontburner job resume" in row_of(events, 3000)["advice"]


def test_a_job_that_waits_for_nodes_says_why() -> None:
    withheld = [ev.NodeWithheld(at_s=1, node=name, why="urgent has it, priority 80") for name in ("n1", "n2")]
    events = [started(JOB), planned(JOB, "", 1)]
    assert row_of(events, 3)["waits"] == "No node has joined yet."
    assert row_of([*events, *withheld], 3)["waits"] == "Waits for a node; 2 of 2 nodes: urgent has it, priority 80"


def test_a_finished_job_shows_its_report() -> None:
    events = [started(JOB), planned(JOB, "1-2", 2), ev.RunEnded(at_s=9, state=ev.RunState.COMPLETED)]
    report = {"units": 3, "efficiency": 0.97, "renderer": "mitsuba 3.9.1 llvm", "made_it": False,
              "finish_by": "2026-03-02T12:00:00+00:00", "expected_end": "2026-03-02T12:01:00+00:00"}  # fmt: skip
    found = row_of(events, report=report, priority=80)
    assert (found["efficiency"], found["renderer"], found["priority"]) == (0.97, "mitsuba 3.9.1 llvm", 80)
    assert (found["finish_by"]["made_it"], found["finish_by"]["spare_s"]) == (False, -60.0)


def test_states_of_frames_follow_their_units() -> None:
    events: list[ev.Event] = [started(JOB), planned(JOB, "1-4", 4)]

    def frames(*more: ev.Event) -> str:
        events.extend(more)
        found = live(*events)
        return "".join(details(status(*events), ev.RunState.RUNNING, found)["frames"].values())

    assert frames() == "wwww"
    assert (
        frames(ev.UnitStarted(at_s=1, node="n1", block=block(2)), ev.UnitStarted(at_s=1, node="n2", block=block(3)))
        == "wrrw"
    )
    assert frames(ev.NodeLost(at_s=2, node="n2", units=1)) == "wrww"
    assert frames(finished("n1", block(2), 3, done=1), ev.FrameRendered(at_s=3, frame=2)) == "wsww"
    assert (
        frames(ev.FrameWritten(at_s=4, frame=2, outputs=("a",)), ev.FrameFailed(at_s=4, frame=1, reason="r")) == "fpww"
    )
    assert (
        frames(ev.UnitStarted(at_s=5, node="n1", block=block(4)), ev.RunEnded(at_s=6, state=ev.RunState.SUSPENDED))
        == "fpww"
    )


def test_parts_of_a_still_are_dropped_once_a_preview_has_them() -> None:
    left, right = (replace(block(), region=region) for region in (LEFT, RIGHT))
    more = replace(left, samples=SampleRange(start=4, stop=16))
    events = [
        started(JOB), planned(JOB, "1", 1), ev.UnitStarted(at_s=1, node="n1", block=left),
        ev.UnitStarted(at_s=1, node="n2", block=right), finished("n1", left, 2, done=1),
        ev.UnitStarted(at_s=2, node="n1", block=more),
    ]  # fmt: skip
    still = live(*events).pictures.still_document()
    assert list(still["parts"]) == ["s0-4_x0-320_y0-360"]
    assert still["at"] == {"n1": [[0, 0, 320, 360]], "n2": [[320, 0, 640, 360]]}
    events += [finished("n2", right, 3, done=2), finished("n1", more, 4, done=3),
               ev.PreviewMade(at_s=5, frame=1, samples=4, caption="4 of 64 samples")]  # fmt: skip
    found = live(*events)
    still = found.pictures.still_document()
    assert (list(still["parts"]), still["preview"]["samples"]) == (["s4-16_x0-320_y0-360"], 4)
    found.on_event(told(ev.FrameWritten(at_s=9, frame=1, outputs=("a.png",)))[0])
    assert found.pictures.still_document()["parts"] == {}, "they are deleted once the picture is in place"


def test_a_record_without_its_beginning_still_has_units() -> None:
    units = [finished("n1", block(number), 100 + 10 * number, done=number, wall_s=5.0) for number in range(4)]
    (bars,) = live(ev.NodeJoined(at_s=100, node="n1"), *units).report.timeline.bars.values()
    assert [bar.to_s for bar in bars if bar.activity == "rendering"] == [0, 10, 20, 30]


def test_rows_of_nodes_combine_the_farm_and_its_jobs() -> None:
    events = [
        started(JOB), planned(JOB, "1-3", 3), *(ev.NodeJoined(at_s=1, node=name) for name in ("n1", "n2", "n3")),
        ev.UnitStarted(at_s=2, node="n1", block=block(1)), finished("n1", block(1), 12, done=1, wall_s=10.2),
        ev.UnitStarted(at_s=12, node="n1", block=block(2)), ev.UnitStarted(at_s=12, node="n2", block=block(3)),
        ev.UnitAttemptFailed(at_s=13, node="n2", block=block(3), reason="It crashed."),
        ev.NodeLost(at_s=14, node="n3", units=1),
    ]  # fmt: skip
    doings = {JOB: live(*events).activities.nodes}
    broken = node("n4", problems=["mitsuba: libLLVM.so is missing."], remedies=["apt-get install libllvm19"])
    snapshot = {"nodes": [node("n1", "rendering", job=JOB), node("n2", "idle"), broken]}
    found = node_rows.rows(snapshot, doings)
    assert found["n1"]["doing"] == "frame 2, 640×360 at 0,0, samples 0–4"
    assert found["n1"]["rate"] == round(SIZE.whole.area * 4 / 10.0)
    assert found["n1"]["since"].startswith("2026-03-02T12:00:12")
    assert (found["n2"]["failures"], found["n2"]["mishap"][1]) == (1, "It crashed.")
    assert (found["n3"]["state"], found["n4"]["state"]) == ("gone", "not ready")
    assert "n3" in found
    assert "frontburner node start" in found["n3"]["remedies"][0]
    history = node_rows.details("n1", doings, [(1.0, 50.0, 0.2)])
    assert [span[3] for span in history["spans"]] == [1]
    assert history["load"] == [[1.0, 50.0, 0.2]]
    assert all(value is not None for each in found.values() for value in each.values()), "None would take it away"


def test_every_event_can_be_folded() -> None:
    """A record with everything in it leaves no fold behind in trouble."""
    names = {field.name for field in fields(ev.UnitFinished)}
    assert {"node", "block", "record"} <= names
    found = live(
        started(JOB), planned(JOB, "1", 1),
        ev.UnitWasted(at_s=1, node="nobody", block=block(), seconds=1, finished_s=0.5),
        ev.SceneFetched(at_s=1, node="n1", fetched_bytes=1, size_bytes=2, seconds=1),
        ev.TimeLimitReached(at_s=2, early=False),
        ev.ExpectedWorkChanged(at_s=2, pixel_samples=5), ev.StoreUnavailable(at_s=2, reason="It is away."),
    )  # fmt: skip
    assert [said for _, _, said in found.lines][-1].startswith("store away")
