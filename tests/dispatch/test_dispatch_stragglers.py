"""Stragglers on a simulated farm: a stuck node delays nothing, and wasted time is reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.simulation.farm import CostField, FakeFarm, FakeNode, Fault, Run, hills, render
from frontburner import events as ev
from frontburner.plan.unit_sizer import Mode
from frontburner.reports.report import Report
from tests.plan.planners import assert_complete, cost_of, planner_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.simulation.farm import Attempt
    from frontburner.plan.block import Block

OVERHEAD_S = 0.01
NODES = [FakeNode(name=name) for name in "abc"]


class Stuck(CostField):
    """An uneven picture with a frame that takes many times as long on the first node that has it."""

    def __init__(self, frame_s: float, *, frame: int, factor: float) -> None:
        super().__init__(hills(640, 360, total_s=frame_s, samples=64))
        self.frame, self.factor = frame, factor

    def __call__(self, block: Block) -> float:
        seconds = super().__call__(block)
        return seconds * self.factor if block.frame == self.frame and block.duplicate_of is None else seconds


def with_straggler(
    *, mode: Mode = Mode.FRAMES, factor: float = 40.0, nodes: Sequence[FakeNode] = NODES, faults: Sequence[Fault] = ()
) -> tuple[FakeFarm, Run]:
    """Render twelve frames on three nodes, of which frame 10 hangs for long on its first node."""
    planner = planner_of(12, mode=mode)
    cost = Stuck(10.0, frame=10, factor=factor)
    farm = FakeFarm(*nodes, cost=cost, overhead_s=OVERHEAD_S, faults=faults)
    run = render(planner, farm)
    assert_complete(run, planner)
    return farm, run


def pieces(farm: FakeFarm) -> list[Attempt]:
    return [attempt for attempt in farm.attempts if attempt.block.duplicate_of is not None]


@pytest.mark.parametrize("mode", [Mode.FRAMES, Mode.AUTO])
def test_a_stuck_unit_is_taken_over_and_cancelled(mode: Mode) -> None:
    farm, run = with_straggler(mode=mode)
    assert farm.now_s < 90  # 40 s of work for each of three nodes; alone, the stuck frame takes 400 s
    for over in run.of(ev.UnitTakenOver):
        assert over.by != over.node
        assert over.block.frame == 10
    stuck = next(
        attempt for attempt in farm.attempts if attempt.block.frame == 10 and attempt.block.duplicate_of is None
    )
    assert stuck.ticket in farm.stopped
    assert [event.node for event in run.of(ev.UnitTakenOver)] == [stuck.node]


def test_the_straggler_may_finish_first_and_its_duplicates_are_cancelled() -> None:
    nodes = [FakeNode(name=name) for name in "ab"] + [FakeNode(name="slow", speed=0.2)]
    farm, run = with_straggler(factor=3.0, nodes=nodes)
    over = run.of(ev.UnitTakenOver)
    assert over
    assert len(run.of(ev.UnitWasted)) == len(over)
    assert len(farm.stopped) == len(over)


def test_a_takeover_is_announced_once_and_before_its_first_duplicate() -> None:
    _, run = with_straggler(mode=Mode.AUTO)
    seen: list[ev.UnitTakenOver] = []
    for event in run.events:
        if isinstance(event, ev.UnitTakenOver):
            seen.append(event)
        if isinstance(event, ev.UnitStarted) and event.block.duplicate_of is not None:
            assert seen
    assert len(seen) == len({event.block.duplicate_of for event in run.of(ev.UnitStarted)} - {None})


def test_a_duplicate_that_fails_leaves_the_straggler_alone() -> None:
    fault = Fault(where=lambda attempt: attempt.block.duplicate_of is not None, script=["crash"])
    farm, run = with_straggler(factor=5.0, faults=[fault])
    assert len(run.of(ev.UnitTakenOver)) == len(run.of(ev.UnitAttemptFailed)) == 1
    (rendered,) = [attempt for attempt in farm.rendered if attempt.block.frame == 10]
    assert rendered.block.duplicate_of is None


def test_a_duplicate_that_can_never_be_rendered_fails_its_frame_and_no_other() -> None:
    fault = Fault(where=lambda attempt: attempt.block.duplicate_of is not None, script=["fatal"])
    planner = planner_of(12, mode=Mode.FRAMES)
    farm = FakeFarm(*NODES, cost=Stuck(10.0, frame=10, factor=40.0), faults=[fault])
    run = render(planner, farm)
    assert set(run.dispatcher.failed_frames) == {10}
    assert sorted(run.frames) == [frame for frame in range(1, 13) if frame != 10]
    assert farm.now_s < 90  # its unit was cancelled
    assert farm.stopped


@pytest.mark.parametrize("mode", [Mode.FRAMES, Mode.AUTO])
def test_duplicates_replace_a_straggler_whose_node_dies(mode: Mode) -> None:
    _, run = with_straggler(mode=mode)
    over = run.of(ev.UnitTakenOver)[0]
    nodes = [FakeNode(name=name, available=((0, over.at_s + 1 if name == over.node else 1e6),)) for name in "abc"]
    farm, run = with_straggler(mode=mode, nodes=nodes)
    assert run.of(ev.UnitTakenOver)[0] == over
    assert [loss.node for loss in run.of(ev.NodeLost)] == [over.node]
    assert farm.now_s < 90
    assert not run.of(ev.UnitWasted)  # it was lost, and nothing of it was done twice


@pytest.mark.parametrize("mode", [Mode.FRAMES, Mode.AUTO])
def test_duplicates_whose_node_dies_are_rendered_by_the_others(mode: Mode) -> None:
    _, run = with_straggler(mode=mode)
    over = run.of(ev.UnitTakenOver)[0]
    nodes = [FakeNode(name=name, available=((0, over.at_s + 1 if name == over.by else 1e6),)) for name in "abc"]
    farm, run = with_straggler(mode=mode, nodes=nodes)
    assert [loss.node for loss in run.of(ev.NodeLost)] == [over.by]
    assert [event.node for event in run.of(ev.UnitTakenOver)] == [over.node]
    assert farm.now_s < 110


@pytest.mark.parametrize("mode", [Mode.FRAMES, Mode.AUTO])
@pytest.mark.parametrize("factor", [6.0, 40.0])
def test_all_seconds_rendered_are_either_busy_or_wasted(mode: Mode, factor: float) -> None:
    nodes = [FakeNode(name="a"), FakeNode(name="b", speed=2), FakeNode(name="c", speed=0.5)]
    farm, run = with_straggler(mode=mode, factor=factor, nodes=nodes)
    report = Report()
    for event in run.events:
        report.take(event)
    speeds = {node.name: node.speed for node in nodes}
    ended = [attempt for attempt in farm.rendered if attempt.outcome == "ok"]
    stopped = [attempt for attempt in farm.attempts if attempt.outcome == "stopped"]
    cost = Stuck(10.0, frame=10, factor=factor)
    ended_s = sum(cost(attempt.block) / speeds[attempt.node] for attempt in ended)
    stopped_s = sum(attempt.ended_s - attempt.began_s for attempt in stopped)
    assert report.taken_over == len(run.of(ev.UnitTakenOver)) > 0
    assert report.wasted_s > 0
    assert report.busy_s + report.wasted_s == pytest.approx(ended_s + stopped_s)
    counted = {(block.frame, block.region): block for block in run.blocks}
    counted_s = sum(
        cost(a.block) / speeds[a.node] for a in ended if counted.get((a.block.frame, a.block.region)) == a.block
    )
    assert report.busy_s == pytest.approx(counted_s)
    assert report.efficiency <= 1
    drawn_s = sum(bar.busy_s for bars in report.timeline.bars.values() for bar in bars)
    assert drawn_s == pytest.approx(report.busy_s + report.wasted_s)
    wasted_s = sum(bar.busy_s for bars in report.timeline.bars.values() for bar in bars if bar.activity == "wasted")
    assert wasted_s == pytest.approx(report.wasted_s)


def test_a_single_node_with_short_units_at_the_end_duplicates_nothing() -> None:
    planner = planner_of(30)
    run = render(planner, FakeFarm(FakeNode(name="a"), cost=cost_of(0.03)))
    assert_complete(run, planner)
    assert not run.of(ev.UnitTakenOver)
