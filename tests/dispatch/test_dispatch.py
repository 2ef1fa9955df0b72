"""The dispatcher on a simulated farm: nodes get work in time, and all end at the same time."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING

import pytest

from benchmarks.simulation.farm import CostField, FakeFarm, FakeNode, hills, render
from frontburner import events as ev
from frontburner.dispatch.capacity import SINGLE_AHEAD_S
from frontburner.plan.unit_sizer import Mode
from storage.errors import FrontburnerError
from tasks.spec import Region
from tests.plan.planners import SEQUENCE, WHOLE, assert_complete, cost_of, planner_of

if TYPE_CHECKING:
    from benchmarks.simulation.farm import Run


class Suspended(Exception):
    pass


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("frames", [1, 12])
def test_all_frames_are_rendered_and_each_pixel_once(frames: int, mode: Mode) -> None:
    planner = planner_of(frames, mode=mode)
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b", speed=3), cost=cost_of(10))
    run = render(planner, farm)
    assert_complete(run, planner)
    duplicated = {a.ticket for a in farm.attempts if a.block.duplicate_of is not None} | {
        a.block.duplicate_of for a in farm.attempts
    }
    assert all(a.outcome == "ok" and a.block in run.blocks for a in farm.attempts if a.ticket not in duplicated)
    assert {attempt.node for attempt in farm.rendered} == {"a", "b"}
    assert [event.frame for event in run.of(ev.FrameRendered)] == list(run.frames)


def test_units_that_exist_are_added_and_not_rendered_again() -> None:
    half = Region(x0=0, y0=0, x1=640, y1=200)
    planner = planner_of(2, done={1: ((SEQUENCE[0], WHOLE),), 2: ((SEQUENCE[0], half),)})
    farm = FakeFarm(FakeNode(name="a"), cost=cost_of(10))
    run = render(planner, farm)
    assert_complete(run, planner)
    assert all(attempt.block.frame == 2 and attempt.block.region.y0 >= 200 for attempt in farm.attempts)
    assert [event.block for event in run.of(ev.UnitReused)] == planner.reused


def test_a_complete_job_needs_no_node() -> None:
    planner = planner_of(2, done=dict.fromkeys((1, 2), ((SEQUENCE[0], WHOLE),)))
    run = render(planner, FakeFarm(cost=cost_of(10)))
    assert_complete(run, planner)


def test_nodes_that_join_late_get_work_at_once() -> None:
    planner = planner_of(1)
    late = FakeNode(name="late", available=((10, math.inf),))
    farm = FakeFarm(FakeNode(name="a"), late, cost=cost_of(60))
    run = render(planner, farm)
    assert_complete(run, planner)
    first = next(attempt for attempt in farm.attempts if attempt.node == "late")
    assert first.began_s == pytest.approx(10)
    assert farm.now_s < 50  # 60 s alone, 35 s if the first node could be relieved of what it has


def test_without_any_node_the_job_gives_up_with_its_remedy() -> None:
    farm = FakeFarm(cost=cost_of(1))
    with pytest.raises(FrontburnerError, match=r"There has been no node for 40 s\. Start a node") as error:
        render(planner_of(1), farm, no_node_timeout_s=40)
    assert error.value.retryable
    assert 40 < farm.now_s < 41


def test_a_job_waits_for_a_node_that_joins_in_time() -> None:
    planner = planner_of(1)
    away = FakeNode(name="a", available=((30, 50), (85, math.inf)))
    assert_complete(render(planner, FakeFarm(away, cost=cost_of(40)), no_node_timeout_s=40), planner)


def test_refused_nodes_get_nothing_and_their_reason_is_reported() -> None:
    planner = planner_of(1)
    refused = FakeNode(name="old", refusal="It has Mitsuba 3.5.")
    farm = FakeFarm(refused, FakeNode(name="a"), cost=cost_of(5))
    run = render(planner, farm)
    assert_complete(run, planner)
    assert {attempt.node for attempt in farm.attempts} == {"a"}
    assert [(event.node, event.reason) for event in run.of(ev.NodeRefused)] == [("old", "It has Mitsuba 3.5.")]


def test_an_interruption_cancels_exactly_the_units_in_flight() -> None:
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b"), cost=cost_of(60))

    def on_step() -> None:
        if farm.now_s > 20:
            raise Suspended

    with pytest.raises(Suspended):
        render(planner_of(1), farm, on_step=on_step)
    ended = {attempt.ticket for attempt in farm.rendered}
    assert sorted(farm.stopped) == sorted(farm.given.keys() - ended)
    assert len(farm.stopped) == 2  # units of seconds: each node has one


def test_an_interrupted_job_continues_with_what_is_missing() -> None:
    first = FakeFarm(FakeNode(name="a"), FakeNode(name="b"), cost=cost_of(60))

    def on_step() -> None:
        if first.now_s > 20:
            raise Suspended

    with pytest.raises(Suspended):
        render(planner_of(1), first, on_step=on_step)
    done = tuple((attempt.block.samples, attempt.block.region) for attempt in first.rendered)
    planner = planner_of(1, done={1: done})
    second = FakeFarm(FakeNode(name="c"), cost=cost_of(60))
    run = render(planner, second)
    assert_complete(run, planner)
    assert len(run.of(ev.UnitReused)) == len(done)
    spent_s = sum(cost_of(60)(attempt.block) for attempt in [*first.rendered, *second.rendered])
    assert spent_s == pytest.approx(60)


# A first bound, to catch what makes jobs end late; the benchmarks say how good it really is.
@pytest.mark.parametrize("uneven", [0.0, 20.0])
@pytest.mark.parametrize("speeds", [(1.0,), (1.0, 0.5), (2.0, 1.0, 1.0, 0.5)], ids=["1", "2", "4"])
def test_all_nodes_of_a_still_end_together(speeds: tuple[float, ...], uneven: float) -> None:
    total_s = 120.0
    cost = CostField(hills(640, 360, total_s=total_s, samples=64, uneven=uneven))
    nodes = [FakeNode(name=f"n{i}", speed=speed) for i, speed in enumerate(speeds)]
    farm = FakeFarm(*nodes, cost=cost, overhead_s=0.02)
    planner = planner_of(1)
    assert_complete(render(planner, farm), planner)
    assert farm.now_s <= 1.25 * total_s / sum(speeds)


def test_all_nodes_of_a_sequence_end_together() -> None:
    planner = planner_of(30)
    nodes = [FakeNode(name=f"n{i}", speed=speed) for i, speed in enumerate((2.0, 1.0, 1.0, 0.5))]
    farm = FakeFarm(*nodes, cost=cost_of(20), overhead_s=0.02)
    assert_complete(render(planner, farm), planner)
    assert farm.now_s <= 1.25 * 30 * 20 / 4.5


@pytest.mark.parametrize("overhead_s", [0.02, 0.3])
@pytest.mark.parametrize("frames", [1, 12])
def test_the_overhead_of_units_is_learnt_and_waiting_does_not_count(frames: int, overhead_s: float) -> None:
    planner = planner_of(frames)
    nodes = [FakeNode(name=f"n{i}", speed=speed) for i, speed in enumerate((2.0, 1.0, 0.5))]
    run = render(planner, FakeFarm(*nodes, cost=cost_of(60), overhead_s=overhead_s))
    assert_complete(run, planner)
    assert 0.5 * overhead_s <= planner.learning.overhead_s <= 1.1 * overhead_s


def test_equal_nodes_get_work_in_the_order_of_their_names() -> None:
    names = [f"n{i}" for i in range(8)]
    farm = FakeFarm(*(FakeNode(name=name) for name in names), cost=cost_of(60))
    render(planner_of(1), farm)
    assert [attempt.node for attempt in farm.attempts[:8]] == names


def held(run: Run) -> dict[str, list[int]]:
    """Record how many units each node had after each one it got."""
    having: dict[str, int] = {}
    found: dict[str, list[int]] = {}
    for event in run.events:
        if isinstance(event, ev.UnitStarted | ev.UnitFinished | ev.UnitWasted):
            if isinstance(event, ev.UnitWasted) and event.finished_s is not None:
                continue
            having[event.node] = having.get(event.node, 0) + (1 if isinstance(event, ev.UnitStarted) else -1)
            found.setdefault(event.node, []).append(having[event.node])
    assert not any(having.values())
    return found


def test_a_node_that_holds_a_long_unit_gets_no_other_ahead_of_time() -> None:
    planner = planner_of(8, mode=Mode.FRAMES)
    run = render(planner, FakeFarm(FakeNode(name="a"), FakeNode(name="b"), cost=cost_of(SINGLE_AHEAD_S * 4)))
    assert_complete(run, planner)
    assert all(max(counts) == 1 for counts in held(run).values())


def test_nodes_with_short_units_have_the_next_ones_before_they_end() -> None:
    planner = planner_of(400, mode=Mode.FRAMES)
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b"), cost=cost_of(0.05), overhead_s=0.001)
    run = render(planner, farm)
    assert_complete(run, planner)
    counts = held(run)
    for node in ("a", "b"):
        of_node = [attempt for attempt in farm.attempts if attempt.node == node]
        assert all(later.began_s == earlier.ended_s for earlier, later in itertools.pairwise(of_node))
        assert 2 <= max(counts[node]) <= 4  # two tenths of a second, and not half of the job


def test_the_time_left_is_known_in_seconds_from_the_first_unit_on() -> None:
    planner = planner_of(24, mode=Mode.FRAMES)
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b", speed=1.5), cost=cost_of(10))
    run = render(planner, farm)
    ended_s = farm.now_s
    for event in run.of(ev.UnitFinished):
        assert event.seconds_left is not None
        assert event.at_s + event.seconds_left == pytest.approx(ended_s, rel=0.25)
