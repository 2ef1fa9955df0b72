"""Races: pixels that a node takes too long for are given to idle nodes too; the first complete cover counts."""

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


class Raced(Nodes):
    """Frames 1 to 7 on the fast node a, and frame 8 on the slow node b, which a and c are given as well."""

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
        self.pieces = [*self.give("a"), *self.rest("c")]

    def rest(self, node: str) -> list[int]:
        """Tickets of all that is left, which one node gets."""
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


def test_pieces_cover_the_unit_and_its_own_node_gets_none_of_them() -> None:
    raced = Raced()
    assert len(raced.pieces) > 1
    blocks = [raced.block(ticket) for ticket in raced.pieces]
    assert_covered_once(blocks, frames=[8], region=SIZE.whole, passes=ALL)
    assert {block.duplicate_of for block in blocks} == {raced.slow}
    raced.gone(raced.pieces[0], failed=False)
    assert raced.give("b") == []


def test_the_unit_wins_and_its_pieces_are_called_back() -> None:
    raced = Raced()
    raced.finish(raced.pieces[0])
    assert raced.slow not in raced.counted
    assert raced.pieces[0] not in raced.counted
    settlement = raced.finish(raced.slow)
    assert settlement.superseded == (raced.pieces[0],)
    assert set(settlement.cancelled) == set(raced.pieces[1:])
    raced.assert_whole()


def test_the_pieces_win_and_the_unit_is_called_back() -> None:
    raced = Raced()
    for ticket in raced.pieces:
        assert raced.slow not in raced.called_back
        raced.finish(ticket)
    assert raced.called_back == [raced.slow]
    assert set(raced.pieces) <= raced.counted.keys()
    raced.assert_whole()


def test_pieces_that_nobody_has_yet_leave_the_pool_with_the_race() -> None:
    raced = Raced()
    raced.gone(raced.pieces[0], failed=False)
    assert not raced.planner.exhausted
    raced.finish(raced.slow)
    raced.assert_whole()


@pytest.mark.parametrize("failed", [True, False])
def test_the_pieces_are_all_there_is_when_the_units_node_fails_or_is_lost(failed: bool) -> None:
    raced = Raced()
    raced.finish(raced.pieces[0])
    settlement = raced.gone(raced.slow, failed=failed)
    assert settlement.counted == (raced.pieces[0],)
    assert not raced.called_back
    again = raced.pieces[1]
    raced.gone(again, failed=failed)  # and of those, one is rendered again
    for ticket in [*raced.pieces[2:], *raced.rest("a")]:
        raced.finish(ticket)
    raced.assert_whole()


def test_a_piece_whose_node_is_lost_is_given_again_and_the_race_goes_on() -> None:
    raced = Raced()
    raced.lose("c")
    assert raced.planner.in_flight.get(raced.slow)
    for ticket in [*raced.pieces, *raced.rest("a")]:
        if raced.planner.in_flight.get(ticket):
            raced.finish(ticket)
    assert raced.called_back == [raced.slow]
    raced.assert_whole()


def test_a_piece_that_fails_calls_the_race_off_for_good() -> None:
    raced = Raced()
    raced.finish(raced.pieces[0])
    settlement = raced.gone(raced.pieces[1], failed=True)
    assert settlement.superseded == (raced.pieces[0],)
    assert set(settlement.cancelled) == set(raced.pieces[2:])
    raced.now_s += 1000.0
    assert raced.give("a") == raced.give("c") == []
    raced.finish(raced.slow)
    raced.assert_whole()


def test_a_frame_that_is_given_up_while_it_is_raced_leaves_nothing_behind() -> None:
    raced = Raced()
    raced.finish(raced.pieces[0])
    raced.gone(raced.pieces[1], failed=False)
    raced.abandon(8)
    assert set(raced.called_back) == {raced.slow, *raced.pieces[2:]}
    assert not raced.planner.pending(8)
    assert raced.planner.exhausted
    assert raced.give("a") == []


def test_nothing_is_raced_twice_and_no_piece_is_raced() -> None:
    raced = Raced()
    raced.now_s += 10_000.0
    raced.planner.add_node("d")
    assert raced.give("d") == []


def test_whole_frames_are_raced_whole() -> None:
    raced = Raced(mode=Mode.FRAMES)
    assert [raced.block(ticket).region for ticket in raced.pieces] == [SIZE.whole]
    raced.finish(*raced.pieces)
    raced.assert_whole()


@pytest.mark.parametrize("mode", Mode)
def test_a_node_never_races_what_it_has_itself(mode: Mode) -> None:
    nodes = Nodes(planner_of(2, size=SIZE, region=SIZE.whole, passes=ALL, mode=mode), "a")
    while not nodes.planner.exhausted:
        tickets = nodes.give("a")
        if not nodes.planner.cost.measured:
            nodes.finish(tickets[0], 0.01)
    nodes.now_s += 1000.0
    assert nodes.give("a") == []


def test_only_a_node_that_has_nothing_races() -> None:
    nodes = Nodes(planner_of(8, size=SIZE, region=SIZE.whole, passes=ALL, mode=Mode.FRAMES), "a", "b")
    (slow,) = nodes.give("b")
    for _ in range(6):
        nodes.now_s += 1.0
        nodes.finish(nodes.give("a")[0], 1.0)
    (held,) = nodes.give("a")
    nodes.now_s = 1000.0
    assert nodes.give("a") == []
    nodes.finish(held, 1.0)
    (piece,) = nodes.give("a")
    assert nodes.block(piece).duplicate_of == slow


def test_a_unit_that_ends_soon_anyway_is_left_alone() -> None:
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


def test_what_is_done_twice_is_a_bounded_part_of_the_job() -> None:
    slow = [f"s{i}" for i in range(20)]
    nodes = Nodes(planner_of(40, size=SIZE, region=SIZE.whole, passes=ALL, mode=Mode.FRAMES), "a", *slow)
    for name in slow:
        nodes.give(name)
    for _ in range(20):
        (ticket,) = nodes.give("a")
        nodes.now_s += 1.0
        nodes.finish(ticket, 1.0)
    nodes.now_s += 1e4
    speculation = 0
    while tickets := nodes.give("a"):
        assert nodes.block(tickets[0]).duplicate_of
        speculation += 1
        nodes.gone(tickets[0], failed=True)  # so that no race pays off
    assert 1 <= speculation <= math.ceil(WASTE_LIMIT * 40)


def test_pieces_that_are_finished_count_when_their_frame_is_ended_early() -> None:
    nodes = Raced()
    assert len(nodes.pieces) > 1
    piece, *others = nodes.pieces
    nodes.finish(piece)
    settlement = nodes.end(8, 0)
    assert settlement.counted == (piece,)
    assert set(settlement.cancelled) == {nodes.slow, *others}
    assert not nodes.planner.pending(8)
    assert not nodes.waiting


def test_a_piece_taken_back_after_its_frame_was_ended_is_not_handed_out_again() -> None:
    nodes = Raced()
    block = nodes.block(nodes.pieces[0])
    nodes.end(8, 0)
    nodes.planner.requeue(block)
    assert nodes.planner.exhausted


def test_what_lies_before_the_end_of_a_frame_goes_on() -> None:
    nodes = Raced()
    settlement = nodes.end(8, ALL[0].stop)
    assert not settlement.cancelled
    for ticket in nodes.pieces:
        nodes.finish(ticket)
    nodes.assert_whole()
