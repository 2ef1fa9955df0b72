"""The report of a simulated run matches what its farm did."""

from __future__ import annotations

import pytest

from benchmarks.simulation.farm import CostField, FakeFarm, FakeNode, Fault, hills, render
from frontburner import events as ev
from frontburner.plan.planner import FrameWork, Planner
from frontburner.reports.report import Report
from tasks.spec import SampleRange, Size


def test_efficiency_of_a_whole_run_is_the_share_of_time_its_nodes_were_busy() -> None:
    whole = Size(width=320, height=180).whole
    passes = (SampleRange(start=0, stop=2), SampleRange(start=2, stop=64))
    planner = Planner(frames=[FrameWork(frame=1)], size=Size(width=320, height=180), region=whole, passes=passes)
    fault = Fault(where=lambda attempt: attempt.node == "b", script=["ok", "crash"])
    farm = FakeFarm(
        FakeNode(name="a"), FakeNode(name="b", speed=2, available=((0, 30), (40, 1e6))),
        cost=CostField(hills(320, 180, total_s=200, samples=64)), faults=[fault],
    )  # fmt: skip
    run = render(planner, farm)
    report = Report()
    for event in run.events:
        report.take(event)
    wasted = [event for event in run.events if isinstance(event, ev.UnitWasted)]
    for_nothing_s = sum(event.seconds for event in wasted if event.finished_s is not None)  # the race was lost later
    busy_s = sum(a.ended_s - a.began_s - 0.01 for a in farm.rendered) - for_nothing_s
    assert report.wasted_s == pytest.approx(sum(event.seconds for event in wasted))
    assert report.busy_s == pytest.approx(busy_s)
    assert report.efficiency == pytest.approx(busy_s / (2 * farm.now_s - 10), rel=0.01)  # b was away for ten seconds
    assert 0.5 < report.efficiency <= 1
    document = report.document()
    assert 0 < document["ideal_s"] <= document["render_s"]
    assert sum(document["node_time"].values()) == pytest.approx(document["available_s"], abs=0.01)
    lost = sum(event.units for event in run.events if isinstance(event, ev.NodeLost))
    assert lost >= 1
    assert (report.failed_attempts, report.lost_units) == (1, lost)
    assert sum(own["units"] for own in report.document()["per_node"].values()) == len(farm.rendered)
