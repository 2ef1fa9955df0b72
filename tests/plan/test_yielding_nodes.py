"""Units of nodes that may give their machines back at any moment are short, so that little is lost."""

from __future__ import annotations

from benchmarks.simulation.farm import FakeFarm, FakeNode, render
from frontburner import events as ev
from frontburner.dispatch.messages import Joined, Message
from frontburner.plan.unit_sizer import YIELDING_S, YIELDING_UNMEASURED, Mode
from tests.plan.planners import assert_complete, cost_of, planner_of


class Workstations(FakeFarm):
    """A farm whose nodes may all give their machines back."""

    def messages(self, timeout_s: float) -> list[Message]:
        return [
            Joined(node=message.node, yields=True) if isinstance(message, Joined) else message
            for message in super().messages(timeout_s)
        ]


def longest_s(farm: FakeFarm) -> float:
    return max(attempt.ended_s - attempt.began_s for attempt in farm.attempts if attempt.outcome == "ok")


def test_their_units_are_short_though_the_frames_are_long() -> None:
    planner, farm = planner_of(3), Workstations(FakeNode(name="a"), FakeNode(name="b", speed=3.0), cost=cost_of(900))
    assert_complete(render(planner, farm), planner)
    assert longest_s(farm) < 1.5 * YIELDING_S
    usual = FakeFarm(FakeNode(name="a"), FakeNode(name="b", speed=3.0), cost=cost_of(900))
    render(planner_of(3), usual)
    assert longest_s(usual) > 2 * YIELDING_S


def test_a_first_unit_is_small_as_nothing_is_known() -> None:
    planner = planner_of(20)
    planner.expect("a", yields=True)
    planner.add_node("a")
    (block,) = planner.next_unit("a", 0.0)
    assert block.pixel_samples <= 1.5 * YIELDING_UNMEASURED


def test_frames_that_cannot_be_cut_stay_whole() -> None:
    planner, farm = planner_of(4, mode=Mode.FRAMES), Workstations(FakeNode(name="a"), cost=cost_of(600))
    run = render(planner, farm)
    assert_complete(run, planner)
    assert len(farm.attempts) == 4
    (note,) = run.of(ev.JobNoted)
    assert "Frames of this job aren't cut: what a renders of one is lost" in note.notes[0]
