"""Stragglers are duplicated on idle nodes, and the first complete result counts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from frontburner.plan.stragglers import WASTE_LIMIT
from frontburner.plan.unit_sizer import Mode
from tasks.spec import SampleRange, Size
from tests.plan.cover import assert_covered_once
from tests.plan.planners import Nodes, planner_of

if TYPE_CHECKING:
    from frontburner.plan.planner import Planner

ALL = (SampleRange(start=0, stop=64),)
SIZE = Size(width=64, height=48)


class Duplicated(Nodes):
    """Frames 1 to 7 on the fast node a, and frame 8 on the slow node b, with duplicates on a and c."""

    def __init__(self, *, frames: int = 8, mode: Mode = Mode.AUTO) -> None:
        planner: Planner = planner_of(frames, size=SIZE, region=SIZE.whole, passes=ALL, mode=Mode.FRAMES)
        super().__init__(planner, "a", "b")
        self.first = [self.give("a")[0] for _ in range(frames - 1)]
        (self.slow,) = self.give("b")
        for ticket in self.first:
            self.now_s += 4.0
            self.finish(ticket, 4.0)
        planner.mode = planner.sizer.mode = mode
        self.now_s += 60.0
        planner.add_node("c")
        self.duplicates = [*self.give("a"), *self.rest("c")]

    def rest(self, node: str) -> list[int]:
        """Give all that is left to one node; returns its tickets."""
        tickets: list[int] = []
        while not self.planner.exhausted:
            tickets += self.give(node)
        return tickets

    def assert_whole(self) -> None:
        frames = [work.frame for work in self.planner.frames]
        assert_covered_once(self.counted.values(), frames=frames, region=SIZE.whole, passes=ALL)
        assert not self.waiting
        assert not len(self.planner.in_flight)
        assert self.planner.exhausted


def test_duplicates_cover_the_unit_and_its_node_gets_none_of_them() -> None:
    nodes = Duplicated()
    assert len(nodes.duplicates) > 1
    blocks = [nodes.block(ticket) for ticket in nodes.duplicates]
    assert_covered_once(blocks, frames=[8], region=SIZE.whole, passes=ALL)
    assert {block.duplicate_of for block in blocks} == {nodes.slow}
    nodes.abort(nodes.duplicates[0], failed=False)
    assert nodes.give("b") == []


def test_the_unit_finishes_first_and_its_duplicates_are_cancelled() -> None:
    nodes = Duplicated()
    nodes.finish(nodes.duplicates[0])
    assert nodes.slow not in nodes.counted
    assert nodes.duplicates[0] not in nodes.counted
    result = nodes.finish(nodes.slow)
    assert result.superseded == (nodes.duplicates[0],)
    assert set(result.cancelled) == set(nodes.duplicates[1:])
    nodes.assert_whole()


def test_the_duplicates_finish_first_and_the_unit_is_cancelled() -> None:
    nodes = Duplicated()
    for ticket in nodes.duplicates:
        assert nodes.slow not in nodes.cancelled
        nodes.finish(ticket)
    assert nodes.cancelled == [nodes.slow]
    assert set(nodes.duplicates) <= nodes.counted.keys()
    nodes.assert_whole()


def test_duplicates_in_the_pool_leave_it_when_the_unit_finishes() -> None:
    nodes = Duplicated()
    nodes.abort(nodes.duplicates[0], failed=False)
    assert not nodes.planner.exhausted
    nodes.finish(nodes.slow)
    nodes.assert_whole()


@pytest.mark.parametrize("failed", [True, False])
def test_duplicates_replace_a_unit_that_fails_or_is_lost(failed: bool) -> None:
    nodes = Duplicated()
    nodes.finish(nodes.duplicates[0])
    result = nodes.abort(nodes.slow, failed=failed)
    assert result.counted == (nodes.duplicates[0],)
    assert not nodes.cancelled
    again = nodes.duplicates[1]
    nodes.abort(again, failed=failed)  # and of those, one is rendered again
    for ticket in [*nodes.duplicates[2:], *nodes.rest("a")]:
        nodes.finish(ticket)
    nodes.assert_whole()


def test_a_duplicate_whose_node_is_lost_is_given_to_another() -> None:
    nodes = Duplicated()
    nodes.lose("c")
    assert nodes.planner.in_flight.get(nodes.slow)
    for ticket in [*nodes.duplicates, *nodes.rest("a")]:
        if nodes.planner.in_flight.get(ticket):
            nodes.finish(ticket)
    assert nodes.cancelled == [nodes.slow]
    nodes.assert_whole()


def test_a_duplicate_that_fails_ends_duplication_for_good() -> None:
    nodes = Duplicated()
    nodes.finish(nodes.duplicates[0])
    result = nodes.abort(nodes.duplicates[1], failed=True)
    assert result.superseded == (nodes.duplicates[0],)
    assert set(result.cancelled) == set(nodes.duplicates[2:])
    nodes.now_s += 1000.0
    assert nodes.give("a") == nodes.give("c") == []
    nodes.finish(nodes.slow)
    nodes.assert_whole()


def test_a_frame_that_fails_while_it_is_duplicated_leaves_nothing_behind() -> None:
    nodes = Duplicated()
    nodes.finish(nodes.duplicates[0])
    nodes.abort(nodes.duplicates[1], failed=False)
    nodes.abandon(8)
    assert set(nodes.cancelled) == {nodes.slow, *nodes.duplicates[2:]}
    assert not nodes.planner.pending(8)
    assert nodes.planner.exhausted
    assert nodes.give("a") == []


def test_no_unit_is_duplicated_twice_and_no_duplicate_is_duplicated() -> None:
    nodes = Duplicated()
    nodes.now_s += 10_000.0
    nodes.planner.add_node("d")
    assert nodes.give("d") == []


def test_whole_frames_are_duplicated_whole() -> None:
    nodes = Duplicated(mode=Mode.FRAMES)
    assert [nodes.block(ticket).region for ticket in nodes.duplicates] == [SIZE.whole]
    nodes.finish(*nodes.duplicates)
    nodes.assert_whole()


@pytest.mark.parametrize("mode", Mode)
def test_a_node_never_duplicates_its_own_units(mode: Mode) -> None:
    nodes = Nodes(planner_of(2, size=SIZE, region=SIZE.whole, passes=ALL, mode=mode), "a")
    while not nodes.planner.exhausted:
        tickets = nodes.give("a")
        if not nodes.planner.cost.measured:
            nodes.finish(tickets[0], 0.01)
    nodes.now_s += 1000.0
    assert nodes.give("a") == []


def test_only_an_idle_node_duplicates() -> None:
    nodes = Nodes(planner_of(8, size=SIZE, region=SIZE.whole, passes=ALL, mode=Mode.FRAMES), "a", "b")
    (slow,) = nodes.give("b")
    for _ in range(6):
        nodes.now_s += 1.0
        nodes.finish(nodes.give("a")[0], 1.0)
    (held,) = nodes.give("a")
    nodes.now_s = 1000.0
    assert nodes.give("a") == []
    nodes.finish(held, 1.0)
    (duplicate,) = nodes.give("a")
    assert nodes.block(duplicate).duplicate_of == slow


def test_a_unit_that_ends_soon_anyway_is_not_duplicated() -> None:
    nodes = Nodes(planner_of(8, size=SIZE, region=SIZE.whole, passes=ALL, mode=Mode.FRAMES), "a", "b")
    for _ in range(3):
        tickets = [*nodes.give("a"), *nodes.give("b")]
        nodes.now_s += 10.0
        for ticket in tickets:
            nodes.finish(ticket, 10.0)
    (first,), _ = nodes.give("a"), nodes.give("b")
    nodes.now_s += 9.0
    nodes.finish(first, 9.0)
    assert nodes.planner.exhausted
    assert nodes.give("a") == []


def test_duplicates_are_a_bounded_part_of_the_job() -> None:
    slow = [f"s{i}" for i in range(20)]
    nodes = Nodes(planner_of(40, size=SIZE, region=SIZE.whole, passes=ALL, mode=Mode.FRAMES), "a", *slow)
    for name in slow:
        nodes.give(name)
    for _ in range(20):
        (ticket,) = nodes.give("a")
        nodes.now_s += 1.0
        nodes.finish(ticket, 1.0)
    nodes.now_s += 1e4
    duplicated = 0
    while tickets := nodes.give("a"):
        assert nodes.block(tickets[0]).duplicate_of
        duplicated += 1
        nodes.abort(tickets[0], failed=True)  # so that duplicating never pays off
    assert 1 <= duplicated <= math.ceil(WASTE_LIMIT * 40)


def test_finished_duplicates_count_when_their_frame_is_ended_early() -> None:
    nodes = Duplicated()
    assert len(nodes.duplicates) > 1
    duplicate, *others = nodes.duplicates
    nodes.finish(duplicate)
    result = nodes.end(8, 0)
    assert result.counted == (duplicate,)
    assert set(result.cancelled) == {nodes.slow, *others}
    assert not nodes.planner.pending(8)
    assert not nodes.waiting


def test_a_duplicate_requeued_after_its_frame_was_ended_is_not_handed_out_again() -> None:
    nodes = Duplicated()
    block = nodes.block(nodes.duplicates[0])
    nodes.end(8, 0)
    nodes.planner.requeue(block)
    assert nodes.planner.exhausted


def test_units_before_the_end_of_a_frame_continue() -> None:
    nodes = Duplicated()
    result = nodes.end(8, ALL[0].stop)
    assert not result.cancelled
    for ticket in nodes.duplicates:
        nodes.finish(ticket)
    nodes.assert_whole()
