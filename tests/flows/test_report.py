"""A job's figures follow from its events alone, and can be checked by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from flows import events as ev
from flows.plan.block import Block
from flows.plan.planner import FrameWork, Planner
from flows.report import Report
from tasks.spec import Region, SampleRange, Size, UnitRecord
from tests.flows.fake_farm import CostField, FakeFarm, FakeNode, Fault, hills, render

BLOCK = Block(frame=1, samples=SampleRange(start=0, stop=8), region=Region(x0=0, y0=0, x1=8, y1=8))
RECORD = UnitRecord(
    unit="u", node="a", build="1", isa="x", started_s=0, wall_s=5.0, cpu_s=9.0, load_s=1.0, peak_memory_bytes=0
)
EVENTS: tuple[ev.Event, ...] = (
    ev.JobPlanned(at_s=1.0, job_id="room-1", frames=4, pixel_samples=100, reused_frames=1),
    ev.UnitReused(at_s=1.0, block=BLOCK),
    ev.NodeJoined(at_s=1.5, node="a"),
    ev.NodeJoined(at_s=1.5, node="b"),
    ev.NodeRefused(at_s=1.6, node="old", reason="It has no LLVM."),
    ev.UnitStarted(at_s=2.0, node="a", block=BLOCK),
    ev.UnitStarted(at_s=2.5, node="b", block=BLOCK),
    ev.UnitAttemptFailed(at_s=4.0, node="b", block=BLOCK, reason="crashed"),
    ev.UnitFinished(at_s=7.0, node="a", block=BLOCK, record=RECORD),
    ev.UnitFinished(at_s=8.0, node="a", block=BLOCK, record=replace(RECORD, reused=True)),
    ev.NodeLost(at_s=9.0, node="b", units=2),
    ev.UnitFinished(at_s=10.0, node="a", block=BLOCK, record=replace(RECORD, wall_s=3.0, load_s=0.0)),
    ev.FrameFailed(at_s=11.0, frame=3, reason="It crashed everywhere.", last_words="out of memory"),
    ev.FrameRendered(at_s=11.5, frame=1),
    ev.FrameWritten(at_s=12.0, frame=1, outputs=("renders/room.png", "renders/room.exr")),
)


def folded(*events: ev.Event) -> Report:
    report = Report(renderer="mitsuba 3.9.1")
    for event in events:
        report.take(event)
    return report


def test_the_figures_are_those_worked_out_by_hand() -> None:
    document = folded(*EVENTS).document()
    assert document == {
        "job_id": "room-1",
        "renderer": "mitsuba 3.9.1",
        "outputs": ["renders/room.exr", "renders/room.png"],
        "frames": 4,
        "failed_frames": {"3": "It crashed everywhere."},
        "last_words": {"3": "out of memory"},
        "units": 2,
        "reused_units": 2,
        "reused_frames": 1,
        "lost_units": 2,
        "failed_attempts": 1,
        "nodes": 2,
        "render_s": 10.0,  # from the first unit at 2 to the last picture at 12
        "busy_s": 7.0,  # (5 - 1) + 3
        "load_s": 1.0,
        "cpu_s": 18.0,
        "efficiency": 0.35,  # 7 of 2 × 10
        "per_node": {"a": {"units": 2, "busy_s": 7.0}, "b": {"units": 0, "busy_s": 0.0}},
        "notes": ["old took no part: It has no LLVM."],
        "reached": {},
    }
    assert json.loads(json.dumps(document)) == document


def test_the_last_words_of_a_failed_frame_are_kept() -> None:
    assert folded(*EVENTS).last_words == {3: "out of memory"}


def test_the_table_tells_the_facts() -> None:
    text = folded(*EVENTS).markdown()
    for fact in (
        "room-1", "4 (1 failed, 1 were there)", "2 rendered, 2 reused, 2 lost with a node", "10.0 s on 2 nodes",
        "35.0%", "| a | 2 units, 7.0 s busy |", "| b | 0 units", "frame 3: It crashed everywhere.",
        "`renders/room.exr`", "`renders/room.png`",
    ):  # fmt: skip
        assert fact in text


def test_a_job_that_rendered_nothing_has_figures_too() -> None:
    report = folded(*EVENTS[:2])
    assert (report.render_s, report.efficiency) == (0.0, 0.0)
    assert json.dumps(report.document())
    assert "**Failed**: none" in report.markdown()


def test_efficiency_of_a_whole_run_is_the_share_of_time_its_nodes_were_busy() -> None:
    whole = Size(width=320, height=180).whole
    passes = (SampleRange(start=0, stop=2), SampleRange(start=2, stop=64))
    planner = Planner(frames=[FrameWork(frame=1)], size=Size(width=320, height=180), region=whole, passes=passes)
    fault = Fault(where=lambda attempt: attempt.node == "b", script=["ok", "crash"])
    farm = FakeFarm(
        FakeNode(name="a"), FakeNode(name="b", speed=2, there=((0, 30), (40, 1e6))),
        cost=CostField(hills(320, 180, total_s=200, samples=64)), faults=[fault],
    )  # fmt: skip
    run = render(planner, farm)
    report = folded(*run.events)
    busy_s = sum(a.ended_s - a.began_s - 0.01 for a in farm.rendered)
    assert report.busy_s == pytest.approx(busy_s)
    assert report.efficiency == pytest.approx(busy_s / (2 * farm.now_s), rel=0.01)
    assert 0.5 < report.efficiency <= 1
    lost = sum(event.units for event in run.events if isinstance(event, ev.NodeLost))
    assert lost >= 1
    assert (report.failed_attempts, report.lost_units) == (1, lost)
    assert sum(own["units"] for own in report.document()["per_node"].values()) == len(farm.rendered)


def test_observers_hear_everything_until_they_are_dismissed() -> None:
    heard: list[ev.Event] = []
    dismiss = ev.observe(heard.append)
    ev.announce(EVENTS[0])
    dismiss()
    ev.announce(EVENTS[1])
    assert heard == [EVENTS[0]]
