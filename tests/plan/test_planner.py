"""Units follow the work left and what is known of nodes and picture."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulation.farm import CostField, hills
from frontburner.plan.unit_sizer import Mode
from tasks.spec import SampleRange
from tests.plan.cover import assert_covered_once
from tests.plan.planners import SIZE, Nodes, planner_of

ALL = (SampleRange(start=0, stop=16),)
TWO = (SampleRange(start=0, stop=2), SampleRange(start=2, stop=16))


def nodes_of(count: int, frames: int = 1, **options: object) -> tuple[Nodes, list[str]]:
    names = [f"n{i}" for i in range(count)]
    return Nodes(planner_of(frames, **({"passes": ALL} | options)), *names), names  # type: ignore[arg-type]


@settings(max_examples=30)
@given(count=st.integers(1, 5), frames=st.integers(1, 9), passes=st.sampled_from([ALL, TWO]))
def test_frames_mode_never_cuts_a_frame(count: int, frames: int, passes: tuple[SampleRange, ...]) -> None:
    nodes, names = nodes_of(count, frames, mode=Mode.FRAMES, passes=passes)
    blocks = nodes.render_all(*names)
    assert {block.region for block in blocks} == {SIZE.whole}
    assert len(blocks) == frames * len(passes)


@pytest.mark.parametrize("count", [1, 2, 4])
def test_tiles_mode_spreads_every_frame_over_the_nodes(count: int) -> None:
    nodes, names = nodes_of(count, 6, mode=Mode.TILES)
    blocks = nodes.render_all(*names)
    for frame in range(1, 7):
        assert sum(block.frame == frame for block in blocks) >= count


def test_auto_gives_whole_frames_while_many_are_left_and_regions_at_the_end() -> None:
    nodes, names = nodes_of(4, 40)
    blocks = nodes.render_all(*names, rate=1e-6)
    whole = [block.region == SIZE.whole for block in blocks]
    assert sum(whole) > 20
    assert not any(whole[-4:])
    assert_covered_once(blocks, frames=range(1, 41), region=SIZE.whole, passes=ALL)


@pytest.mark.parametrize(("frames", "samples", "whole"), [(2, 1, True), (1, 1, False), (2, 16, False)])
def test_small_frames_are_given_out_whole_before_anything_is_known(frames: int, samples: int, whole: bool) -> None:
    nodes, names = nodes_of(2, frames, passes=(SampleRange(start=0, stop=samples),))
    blocks = [nodes.block(nodes.give(name)[0]) for name in names]
    assert [block.region == SIZE.whole for block in blocks] == [whole, whole]


def test_the_probe_is_two_units_a_node_of_two_sizes() -> None:
    nodes, names = nodes_of(4, passes=TWO)
    given_out = [nodes.block(nodes.give(name)[0]) for _ in range(2) for name in names]
    assert {block.samples for block in given_out} == {TWO[0]}
    assert_covered_once(given_out, frames=[1], region=SIZE.whole, passes=TWO[:1])
    first, second = ([block.region.area for block in given_out[start : start + 4]] for start in (0, 4))
    assert max(first) <= min(second)
    assert max(first) < 0.6 * max(second)


def test_units_shrink_towards_the_end() -> None:
    nodes, names = nodes_of(2, passes=TWO)
    work = [block.pixel_samples for block in nodes.render_all(*names, rate=1e-4) if block.samples == TWO[1]]
    assert work[0] > 4 * work[-1]
    half = len(work) // 2
    assert sum(work[:half]) > 1.5 * sum(work[half:])


def test_a_fast_node_gets_more_than_a_slow_one() -> None:
    nodes, names = nodes_of(2, passes=TWO)
    speeds = dict(zip(names, (1.0, 4.0), strict=True))
    for _ in range(10):
        for name, speed in speeds.items():
            (ticket,) = nodes.give(name)
            nodes.finish(ticket, 1e-4 * nodes.block(ticket).pixel_samples / speed)
    slow, fast = (nodes.planner.nodes[name].speed for name in names)
    assert fast > 1.8 * slow
    slow_px, fast_px = (nodes.block(nodes.give(name)[0]).pixel_samples for name in names)
    assert fast_px > slow_px


def test_units_are_not_cut_so_small_that_their_overhead_matters() -> None:
    nodes, names = nodes_of(1)
    for _ in range(60):
        nodes.planner.learning.learn_overhead(1.0)
    blocks = nodes.render_all(*names, rate=200 / SIZE.whole.area / 16)
    seconds = [200 * block.pixel_samples / SIZE.whole.area / 16 for block in blocks]
    assert len(seconds) * 1.0 < 0.1 * sum(seconds)


def test_the_time_left_is_known_after_the_first_measurement() -> None:
    nodes, _ = nodes_of(1, 10, mode=Mode.FRAMES)
    (ticket,) = nodes.give("n0")
    assert nodes.planner.seconds_left(nodes.now_s) is None
    nodes.now_s = 6.0
    nodes.finish(ticket, 6.0)
    assert nodes.planner.seconds_left(6.0) == pytest.approx(54.0)
    nodes.planner.add_node("b")
    assert nodes.planner.seconds_left(6.0) == pytest.approx(27.0)
    nodes.give("b")
    assert nodes.planner.seconds_left(6.0) == pytest.approx(27.0, rel=0.01)
    assert nodes.planner.seconds_left(9.0) == pytest.approx(25.5, rel=0.01)


def test_durations_of_units_in_flight_are_set_with_the_first_measurement() -> None:
    nodes, _ = nodes_of(3, 3, mode=Mode.FRAMES)
    first, *_ = (nodes.give(name)[0] for name in ("n0", "n1", "n2"))
    nodes.now_s = 6.0
    nodes.finish(first, 6.0)
    assert nodes.planner.seconds_left(6.0) == pytest.approx(0.0, abs=0.05)
    assert nodes.give("n0") == []  # they are about to end: not worth duplicating
    nodes.now_s = 60.0
    assert nodes.planner.seconds_left(60.0) == 0


def test_units_of_an_uneven_picture_cost_about_the_same_once_it_is_known() -> None:
    cost = CostField(hills(640, 360, total_s=400, samples=16))
    nodes, names = nodes_of(4, passes=TWO)
    seconds: list[float] = []
    while not nodes.planner.exhausted:
        for name in names:
            for ticket in nodes.give(name):
                block = nodes.block(ticket)
                nodes.now_s += cost(block) / len(names)
                nodes.finish(ticket, cost(block), costs=cost.grid(block))
                if block.samples == TWO[1]:
                    seconds.append(cost(block))
    assert math.fsum(seconds) == pytest.approx(350)
    early = seconds[6:20]  # units grow at first
    assert max(early) < 2.5 * min(early)  # the picture itself varies twentyfold
