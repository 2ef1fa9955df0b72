"""A job's figures follow from its events alone, and can be checked by hand.

One file over 300 lines: the figures are those of jobs written out here, event by event.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from frontburner import events as ev
from frontburner.plan.block import Block
from frontburner.reports.availability import Availability
from frontburner.reports.report import Report
from frontburner.reports.summary import markdown, summary
from frontburner.reports.timeline import Activity, Timeline
from tasks.limits import EndedBy, Reached
from tasks.spec import Region, SampleRange, UnitRecord

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
        "damaged_units": 0,
        "set_aside": {},
        "taken_over": 0,
        "chart": None,
        "nodes": 2,
        "render_s": 10.0,  # from the first unit at 2 to the last picture at 12
        "ideal_s": 3.5,  # 7 on two nodes
        "ideal_ratio": 2.8571,
        "finish_s": 2.0,  # the last unit ended at 10
        "tail_s": 0.0,  # a worked to the end, b was gone by then
        "tail_idle_s": 0.0,
        "busy_s": 7.0,  # (5 - 1) + 3
        "load_s": 1.0,
        "wasted_s": 0.0,
        "wasted_share": 0.0,
        "cpu_s": 18.0,
        "available_s": 17.0,  # a from 2 to 12, b from 2 to 9
        "efficiency": 0.4118,  # 7 of 17
        "node_time": {
            "rendering": 7.0, "loading": 1.0, "wasted": 0.0, "tail": 0.0, "finishing": 2.0, "between": 7.0,
        },
        "scene": None,
        "probe": {"units": 0, "seconds": 0.0, "share": 0.0},
        "prediction": {"units": 0, "median_error": None, "p90_error": None},
        "per_node": {
            "a": {
                "units": 2, "busy_s": 7.0, "load_s": 1.0, "wasted_s": 0.0, "share": 1.0, "speed": None,
                "there": [[0.0, None]],
            },
            "b": {
                "units": 0, "busy_s": 0.0, "load_s": 0.0, "wasted_s": 0.0, "share": 0.0, "speed": None,
                "there": [[0.0, 7.0]],
            },
        },
        "checked_frames": 0,
        "flagged_frames": {},
        "products": {},
        "failed_products": {},
        "notes": ["old took no part: It has no LLVM."],
        "reached": {},
    }  # fmt: skip
    assert json.loads(json.dumps(document)) == document


def test_the_last_words_of_a_failed_frame_are_in_the_report() -> None:
    assert folded(*EVENTS).pictures.last_words == {3: "out of memory"}


def finished(at_s: float, node: str, wall_s: float, *, load_s: float = 0.0, **more: Any) -> ev.UnitFinished:
    """A unit that ended."""
    record = replace(RECORD, node=node, wall_s=wall_s, load_s=load_s)
    return ev.UnitFinished(at_s=at_s, node=node, record=record, **{"block": BLOCK} | more)


def measured(**speeds: float) -> ev.FarmMeasured:
    """What dispatch learnt, told at the end."""
    return ev.FarmMeasured(at_s=0.0, speeds=speeds, rates=np.ones((2, 2)), cell_px=8)


def joined(*nodes: str, at_s: float = 0.0) -> list[ev.Event]:
    """Nodes that come, and the first unit."""
    return [*(ev.NodeJoined(at_s=at_s, node=node) for node in nodes), ev.UnitStarted(at_s=at_s, node="a", block=BLOCK)]


def test_the_ideal_counts_each_node_by_its_speed_and_availability() -> None:
    # a has speed 1, b speed 3. Work done: 12·1 + 4·3 = 24.
    # At best: a alone to 6 does 6; a and b from 6 to 10 do 16, that is 22; b is gone, a needs 2 more.
    document = folded(
        *joined("a"),
        ev.NodeJoined(at_s=6.0, node="b"),
        finished(10.0, "b", 4.0),
        ev.NodeLost(at_s=10.0, node="b", units=0),
        finished(12.0, "a", 12.0),
        measured(a=1.0, b=3.0),
        ev.FrameWritten(at_s=15.0, frame=1, outputs=()),
    ).document()
    assert (document["render_s"], document["ideal_s"], document["ideal_ratio"]) == (15.0, 12.0, 1.25)
    assert document["available_s"] == 15 + 4
    assert document["efficiency"] == round(16 / 19, 4)
    assert document["finish_s"] == 3.0
    a, b = document["per_node"]["a"], document["per_node"]["b"]
    assert (a["share"], b["share"]) == (0.5, 0.5)
    assert (a["speed"], b["speed"]) == (0.5, 1.5)
    assert (a["there"], b["there"]) == ([[0.0, None]], [[6.0, 10.0]])


def test_the_ideal_ends_before_nodes_that_are_not_needed_come() -> None:
    # a and b could have shared the 8 seconds of a; c came too late to matter.
    events = [*joined("a", "b"), finished(8.0, "a", 8.0), ev.NodeJoined(at_s=7.0, node="c"), measured(a=1, b=1, c=9)]
    assert folded(*events).document()["ideal_s"] == 4.0


def test_a_node_that_returns_counts_for_the_times_it_was_available() -> None:
    availability = Availability()
    for come_s, go_s in ((0.0, 2.0), (5.0, 6.0)):
        availability.start("a", come_s)
        availability.end("a", go_s)
    availability.end("never", 1.0)
    assert availability.intervals("a") == [(0.0, 2.0), (5.0, 6.0)]
    assert availability.node_seconds(1.0, 5.5) == 1.5
    assert availability.min_seconds(2.5, {"a": 1.0}, from_s=0.0) == 5.5


def test_wasted_seconds_are_no_efficiency_and_the_tail_is_what_idle_nodes_wait() -> None:
    waste = ev.UnitWasted(at_s=8.0, node="b", block=BLOCK, seconds=3.0)
    over = ev.UnitTakenOver(at_s=5.0, node="b", block=BLOCK, by="a")
    report = folded(*joined("a", "b", "c"), finished(5.0, "b", 5.0), finished(4.0, "c", 4.0), over, waste,
                    finished(10.0, "a", 10.0, load_s=1.0))  # fmt: skip
    document = report.document()
    assert (document["wasted_s"], document["wasted_share"], document["taken_over"]) == (3.0, 0.1, 1)
    assert document["efficiency"] == round((5 + 4 + 9) / 30, 4)
    assert document["tail_s"] == 6.0  # c has had nothing to do since 4, b since 8
    assert document["tail_idle_s"] == 8.0
    assert document["node_time"] == {
        "rendering": 18.0, "loading": 1.0, "wasted": 3.0, "tail": 8.0, "finishing": 0.0, "between": 0.0,
    }  # fmt: skip
    assert document["per_node"]["b"]["wasted_s"] == 3.0


def test_seconds_that_turn_out_wasted_are_no_longer_busy() -> None:
    # b finished its piece at 4, and a the whole unit at 10: the piece of b doesn't count.
    plan = ev.JobPlanned(at_s=0, job_id="j", frames=1, pixel_samples=1, reused_frames=0, probe=BLOCK.samples)
    piece = replace(BLOCK, duplicate_of=1)
    waste = ev.UnitWasted(at_s=10.0, node="b", block=piece, seconds=3.0, finished_s=4.0)
    events = [plan, *joined("a", "b"), finished(4.0, "b", 4.0, load_s=1.0, block=piece)]
    events += [finished(7.0, "b", 3.0, block=piece), finished(10.0, "a", 10.0)]
    before, report = folded(*events), folded(*events, waste)
    assert (before.busy_s, before.wasted_s) == (16.0, 0.0)
    assert (report.busy_s, report.wasted_s, report.load_s) == (13.0, 3.0, 1.0)
    assert report.document()["per_node"]["b"] == {
        "units": 2, "busy_s": 3.0, "load_s": 1.0, "wasted_s": 3.0, "share": round(3 / 13, 4), "speed": None,
        "there": [[0.0, None]],
    }  # fmt: skip
    assert report.document()["probe"]["seconds"] == 13.0
    assert (
        report.straggler_seconds() == before.straggler_seconds()
    )  # b has had nothing to do since 7, whenever it was told so
    bars = [(bar.activity.value, bar.from_s, bar.to_s) for bar in report.timeline.bars["b"]]
    assert bars == [("loading", 0.0, 1.0), ("wasted", 1.0, 4.0), ("rendering", 4.0, 7.0)]


def test_a_merged_bar_keeps_its_colour_when_one_of_its_units_is_wasted() -> None:
    timeline = Timeline()
    timeline.add("a", Activity.RENDERING, ended_s=9.0, seconds=9.0)
    timeline.waste("a", ended_s=9.0, seconds=2.0)
    timeline.waste("nobody", ended_s=9.0, seconds=2.0)
    assert [bar.activity for bar in timeline.bars["a"]] == [Activity.RENDERING]


def test_a_node_that_came_when_all_was_handed_out_is_idle_from_then_on() -> None:
    document = folded(*joined("a"), ev.NodeJoined(at_s=7.0, node="late"), finished(10.0, "a", 10.0)).document()
    assert (document["tail_s"], document["tail_idle_s"]) == (3.0, 3.0)
    assert document["efficiency"] == round(10 / 13, 4)


def test_the_probe_is_reported_separately_and_counts_as_work() -> None:
    probe, rest = SampleRange(start=0, stop=8), replace(BLOCK, samples=SampleRange(start=8, stop=64))
    plan = ev.JobPlanned(at_s=0, job_id="j", frames=1, pixel_samples=1, reused_frames=0, probe=probe)
    report = folded(plan, *joined("a"), finished(2.0, "a", 2.0, load_s=1.0), finished(5.0, "a", 3.0, block=rest))
    assert report.document()["probe"] == {"units": 1, "seconds": 1.0, "share": 0.25}
    assert report.document()["busy_s"] == 4.0
    assert "1 unit, 1.0 s, 25.0% of rendering: the first samples of every pixel, which are part of the picture" in (
        markdown(report.document())
    )


@pytest.mark.parametrize("turned", [False, True])
def test_predictions_are_judged_by_factor(turned: bool) -> None:
    factors = [1.0, 1.05, 1.1, 1.1, 1.2, 1.3, 1.4, 1.5, 2.0, 4.0]
    pairs = [(4.0, 4.0 * f) if turned else (4.0 * f, 4.0) for f in factors]
    events = [finished(9.0, "a", took_s, predicted_s=told_s) for told_s, took_s in pairs]
    found = folded(*joined("a"), *events, finished(9.0, "a", 1.0)).document()["prediction"]
    assert found["units"] == 10
    assert found["median_error"] == pytest.approx(0.2, abs=0.005)  # the fifth of ten
    assert found["p90_error"] == pytest.approx(1.0, abs=0.008)  # the ninth


def test_the_summary_matches_the_figures() -> None:
    rows = dict(summary(folded(*EVENTS).document()))
    assert rows["frames"] == "4, 1 reused, 1 failed"
    assert rows["units"] == "2 rendered, 2 reused, 2 lost with a node and rendered again, 1 failed attempt"
    assert rows["time"] == "10.0 s to render, the last 2.0 s of it to write the last pictures"
    assert rows["efficiency"] == (
        "41.2% of the time nodes were available went into pixels of the picture, "
        "41.2% into gaps between units and failed or lost ones, "
        "11.8% into waiting for the pictures to be written, 5.9% into opening scenes"
    )
    assert rows["ideal"] == "3.5 s is the least these nodes could have needed; it took 2.9 times as long"
    assert rows["note"] == "old took no part: It has no LLVM."
    assert not {"stragglers", "waste", "prediction"} & rows.keys()


def test_stragglers_waste_and_predictions_are_reported_where_significant() -> None:
    waste = ev.UnitWasted(at_s=8.0, node="b", block=BLOCK, seconds=3.0)
    rows = dict(summary(folded(*joined("a", "b"), waste, finished(10.0, "a", 10.0, predicted_s=8.0)).document()))
    assert rows["stragglers"] == "2.0 s from the first idle node to the end of the last unit"
    assert rows["waste"] == "3.0 node-seconds of pixels the picture didn't need"
    assert rows["prediction"] == "half of the units took what was predicted within 25%, nine in ten within 25%"
    short = ev.UnitWasted(at_s=9.9, node="b", block=BLOCK, seconds=0.1)
    rows = dict(
        summary(folded(*joined("a", "b"), finished(9.8, "b", 9.8), short, finished(10.0, "a", 10.0)).document())
    )
    assert not {"stragglers", "waste"} & rows.keys()


def test_the_page_has_all_nodes_failures_pictures_and_the_chart() -> None:
    report = folded(*EVENTS)
    report.chart = "renders/_frontburner/jobs/room-1.png"
    text = markdown(report.document())
    for fact in (
        "| room-1 |", "| a | 2 | 7.0 s | 1.0 s | 0.0 s | 100.0% | – | all the time |", "| b | 0 |", "0.0 s – 7.0 s",
        "frame 3: It crashed everywhere.", "`renders/room.exr`", "`renders/room.png`", f"`{report.chart}`",
    ):  # fmt: skip
        assert fact in text


def test_a_page_of_many_nodes_stays_short() -> None:
    names = [f"node-{number}" for number in range(1000)]
    text = markdown(folded(*joined(*names), finished(5.0, "node-1", 5.0)).document())
    assert text.count("| node-") == 50
    assert "and 950 more nodes" in text


def test_a_job_that_rendered_nothing_has_figures_too() -> None:
    report = folded(*EVENTS[:2])
    document = report.document()
    assert (document["render_s"], document["efficiency"], document["ideal_s"]) == (0.0, 0.0, None)
    assert json.dumps(document)
    assert "**Failed**: none" in markdown(document)
    assert "efficiency" not in dict(summary(document))


def test_observers_get_every_event_until_they_are_removed() -> None:
    heard: list[ev.Event] = []
    dismiss = ev.observe(heard.append)
    ev.announce(EVENTS[0])
    dismiss()
    ev.announce(EVENTS[1])
    assert heard == [EVENTS[0]]


def reached(samples: int, by: EndedBy) -> Reached:
    return Reached(samples_min=samples, samples_mean=samples, samples_max=samples, noise=0.02, ended_by=by)


def written(*reached_by_frame: Reached) -> list[ev.Event]:
    return [
        ev.FrameWritten(at_s=9.0, frame=frame, outputs=(), reached=own)
        for frame, own in enumerate(reached_by_frame, start=1)
    ]


def judged(made_it: bool | None, expected_end: str) -> ev.Event:
    return ev.DeadlineForecast(
        at_s=9.0, due="2026-03-01T08:00:00+00:00", expected_end=expected_end, spare_s=0.0, sentence="", news=True,
        made_it=made_it,
    )  # fmt: skip


def test_results_of_limits_are_reported() -> None:
    still = folded(*written(reached(432, EndedBy.NOISE))).document()
    assert still["reached"]["1"] == reached(432, EndedBy.NOISE).document()
    assert dict(summary(still))["reached"] == "432 samples a pixel, noise 2.00%; ended by noise"
    sequence = written(reached(32, EndedBy.NOISE), reached(64, EndedBy.SAMPLES), reached(48, EndedBy.NOISE))
    assert dict(summary(folded(*sequence).document()))["reached"] == (
        "32 to 64 samples a pixel; ended: 2 frames by noise, 1 frame by samples"
    )


@pytest.mark.parametrize(
    ("made_it", "expected_end", "words"),
    [
        (True, "2026-03-01T07:35:00+00:00", "ready 25 min before 08:00"),
        (False, "2026-03-01T08:00:40+00:00", "40 s late for 08:00"),
        (False, "2026-03-01T07:35:00+00:00", "not ready for 08:00: frames failed"),
    ],
)
def test_the_summary_says_whether_a_deadline_was_met(made_it: bool, expected_end: str, words: str) -> None:
    document = folded(judged(None, "2026-03-01T07:00:00+00:00"), judged(made_it, expected_end)).document()
    assert (document["finish_by"], document["made_it"]) == ("2026-03-01T08:00:00+00:00", made_it)
    assert dict(summary(document))["deadline"] == words


def test_a_withheld_node_is_available_until_its_unit_ends() -> None:
    report = folded(
        ev.NodeJoined(at_s=0.0, node="a"),
        ev.UnitStarted(at_s=0.0, node="a", block=BLOCK),
        ev.NodeWithheld(at_s=4.0, node="a", why="It is paused."),
        ev.UnitFinished(at_s=10.0, node="a", block=BLOCK, record=replace(RECORD, wall_s=10.0, load_s=0.0)),
    )
    assert report.available_s == 10.0
    assert report.efficiency == 1.0


def test_excluded_nodes_and_damaged_units_are_reported() -> None:
    events = (
        ev.NodeExcluded(at_s=5.0, node="b", reason="3 units in a row failed on it."),
        ev.UnitDamaged(at_s=6.0, node="a", frame=1, reason="The object is damaged."),
    )
    document = folded(*EVENTS, *events).document()
    assert (document["damaged_units"], document["set_aside"]) == (1, {"b": "3 units in a row failed on it."})
    words = dict(summary(document))
    assert words["excluded"] == "b: 3 units in a row failed on it."
    assert "1 damaged in the store and rendered again" in words["units"]
