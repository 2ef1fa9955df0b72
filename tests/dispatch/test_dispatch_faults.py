"""Faults on a simulated farm: everything is rendered once, whatever nodes and units do."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulation.farm import FakeFarm, FakeNode, Fault, Outcome, render
from frontburner import events as ev
from frontburner.plan.unit_sizer import Mode
from tests.plan.planners import STILL, assert_complete, cost_of, planner_of

if TYPE_CHECKING:
    from frontburner.plan.block import Block
    from tasks.spec import Region

OUTCOMES: tuple[Outcome, ...] = ("ok", "crash")


def test_the_units_of_a_lost_node_are_rendered_again_and_no_others() -> None:
    planner = planner_of(6)
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="lost", available=((0, 7.5),)), cost=cost_of(4))
    run = render(planner, farm)
    assert_complete(run, planner)
    (loss,) = run.of(ev.NodeLost)
    assert loss.node == "lost"
    assert loss.units == 1
    assert len(farm.rendered) == len(run.blocks)  # nothing was finished twice
    assert sum(attempt.outcome == "stopped" for attempt in farm.attempts) == 1
    assert len(farm.stopped) == loss.units


def test_a_lost_node_can_rejoin() -> None:
    planner = planner_of(8)
    farm = FakeFarm(FakeNode(name="a", available=((0, 9), (20, 31), (40, math.inf))), cost=cost_of(5))
    run = render(planner, farm)
    assert_complete(run, planner)
    assert [type(e) for e in run.events if isinstance(e, ev.NodeJoined | ev.NodeLost)] == [
        ev.NodeJoined, ev.NodeLost, ev.NodeJoined, ev.NodeLost, ev.NodeJoined,
    ]  # fmt: skip


def test_a_unit_that_fails_goes_to_another_node() -> None:
    planner = planner_of(4, mode=Mode.FRAMES)
    fault = Fault(where=lambda attempt: attempt.node == "bad", then="crash")
    farm = FakeFarm(FakeNode(name="bad", speed=5), FakeNode(name="good"), cost=cost_of(4), faults=[fault])
    run = render(planner, farm)
    assert_complete(run, planner)
    assert {attempt.node for attempt in farm.rendered} == {"good"}
    tried = [attempt.block.frame for attempt in farm.attempts if attempt.node == "bad"]
    assert len(tried) == len(set(tried))  # never twice where it failed
    reasons = {event.reason for event in run.of(ev.UnitAttemptFailed)}
    assert reasons == {"The renderer on bad crashed. It is tried again."}


def test_a_unit_that_fails_once_is_rendered_in_the_end_on_a_single_node() -> None:
    planner = planner_of(3, mode=Mode.FRAMES)
    fault = Fault(where=lambda attempt: attempt.block.frame == 2, script=["crash", "crash", "ok"])
    farm = FakeFarm(FakeNode(name="a"), cost=cost_of(4), faults=[fault])
    assert_complete(render(planner, farm), planner)
    assert [a.outcome for a in farm.attempts if a.block.frame == 2] == ["crash", "crash", "ok"]


@pytest.mark.parametrize("attempts", [1, 3, 5])
def test_a_frame_that_fails_everywhere_fails_with_its_error_and_the_others_continue(attempts: int) -> None:
    planner = planner_of(5, mode=Mode.FRAMES)
    fault = Fault(where=lambda attempt: attempt.block.frame == 3, then="crash")
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b"), cost=cost_of(4), faults=[fault])
    run = render(planner, farm, attempts=attempts)
    assert sorted(run.frames) == [1, 2, 4, 5]
    assert sum(attempt.block.frame == 3 for attempt in farm.attempts) == attempts
    (event,) = run.of(ev.FrameFailed)
    assert (event.frame, event.last_words) == (3, "segmentation fault")
    assert event.reason == str(run.dispatcher.failed_frames[3])
    assert "crashed" in event.reason


def test_no_unit_is_tried_more_often_than_allowed_even_when_it_is_cut_meanwhile() -> None:
    planner = planner_of(1)
    fault = Fault(where=lambda attempt: attempt.block.samples == STILL[1], then="crash")
    farm = FakeFarm(*(FakeNode(name=f"n{i}") for i in range(5)), cost=cost_of(60), faults=[fault])
    run = render(planner, farm, attempts=3)
    assert not run.frames
    assert max(event.block.failures for event in run.of(ev.UnitAttemptFailed)) == 3


def test_a_permanent_error_fails_the_frame_at_once() -> None:
    planner = planner_of(5, mode=Mode.FRAMES)
    fault = Fault(where=lambda attempt: attempt.block.frame == 4, then="fatal")
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b"), cost=cost_of(4), faults=[fault])
    run = render(planner, farm)
    assert fault.count == 1, "its node has rendered others before: it can be trusted"
    assert sorted(run.frames) == [1, 2, 3, 5]
    assert str(run.dispatcher.failed_frames[4]) == "The scene is broken. Repair it."


def test_a_failed_frame_cancels_its_other_units() -> None:
    planner = planner_of(2, mode=Mode.TILES)
    fault = Fault(where=lambda attempt: attempt.block.frame == 2 and attempt.node == "a", script=["fatal"])
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b", speed=0.01), cost=cost_of(40), faults=[fault])
    run = render(planner, farm)
    assert list(run.frames) == [1]
    failed_s = run.of(ev.FrameFailed)[0].at_s
    assert all(a.ended_s <= failed_s for a in farm.attempts if a.block.frame == 2)
    assert farm.stopped


@settings(max_examples=25)
@given(data=st.data(), frames=st.sampled_from([1, 3]), mode=st.sampled_from(Mode))
def test_every_frame_is_rendered_whatever_goes_wrong_on_the_way(data: st.DataObject, frames: int, mode: Mode) -> None:
    moments = st.lists(st.floats(0, 60), min_size=2, max_size=4, unique=True).map(sorted)
    comers = [
        FakeNode(name=f"n{i}", speed=data.draw(st.sampled_from([0.3, 1.0, 4.0])), available=((m[0], m[1]),))
        for i, m in enumerate(data.draw(st.lists(moments, max_size=3)))
    ]
    script = data.draw(st.lists(st.sampled_from(OUTCOMES), max_size=8))
    faults = [Fault(script=script)]
    planner = planner_of(frames, mode=mode)
    farm = FakeFarm(FakeNode(name="sure"), *comers, cost=cost_of(20), faults=faults)
    run = render(planner, farm, attempts=9)
    assert_complete(run, planner)
    superseded = [event for event in run.of(ev.UnitWasted) if event.finished_s is not None]
    assert len(farm.rendered) == len(run.blocks) + len(superseded)


def test_a_unit_that_was_stored_by_a_node_that_died_before_it_reported_it_is_not_rendered_again() -> None:
    planner = planner_of(4)
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="lost", available=((0, 7.5),)), cost=cost_of(4))
    recovered: list[Region] = []

    def recover(_ticket: int, block: Block) -> bool:
        recovered.append(block.region)
        return True

    run = render(planner, farm, recover=recover)
    assert recovered
    assert len(run.of(ev.UnitReused)) == len(recovered)
    assert {event.frame for event in run.of(ev.FrameRendered)} == {1, 2, 3, 4}


def test_what_all_nodes_that_are_left_have_failed_on_is_tried_again_by_them() -> None:
    # a fails on frame 1, b has it then and dies, but not before a unit of b turned out to be in the store.
    planner = planner_of(2, mode=Mode.FRAMES)
    fault = Fault(where=lambda attempt: attempt.node == "a" and attempt.block.frame == 1, script=["crash"])
    a, b = FakeNode(name="a"), FakeNode(name="b", speed=0.01, available=((0, 30),))
    farm = FakeFarm(a, b, cost=cost_of(4), faults=[fault])
    run = render(planner, farm, recover=lambda _ticket, block: block.frame == 2)
    assert_complete(run, planner)
    assert [attempt.node for attempt in farm.rendered if attempt.block.frame == 1] == ["a"]


def test_a_lost_node_takes_nothing_else_down_when_its_units_are_settled() -> None:
    planner = planner_of(200, mode=Mode.FRAMES)
    nodes = [FakeNode(name="sure"), *(FakeNode(name=f"n{i}", available=((0, 2 + i / 7),)) for i in range(6))]
    stored: set[int] = set()
    farm = FakeFarm(*nodes, cost=cost_of(0.2))

    def recover(ticket: int, block: Block) -> bool:
        stored.add(ticket)
        return block.frame % 2 == 0

    run = render(planner, farm, recover=recover)
    assert_complete(run, planner)
    assert len(stored) >= 6
