"""Withheld nodes and drained jobs: units that are rendering finish, and nothing is rendered twice."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from benchmarks.simulation.farm import FakeFarm, FakeNode, render
from frontburner import events as ev
from frontburner.dispatch.dispatcher import Dispatcher
from frontburner.dispatch.messages import Joined, Withheld
from tests.plan.planners import assert_complete, cost_of, planner_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from frontburner.dispatch.messages import Message


def _said(message: Message) -> Message:
    return message


class ScriptedFarm(FakeFarm):
    """A farm that withholds nodes and returns them at given times."""

    def __init__(self, *nodes: FakeNode, at: Sequence[tuple[float, Message]], **options: Any) -> None:
        super().__init__(*nodes, **options)
        for at_s, message in at:
            self._at(at_s, partial(_said, message))


def two(*at: tuple[float, Message], frames_s: float = 10.0) -> ScriptedFarm:
    return ScriptedFarm(FakeNode(name="a"), FakeNode(name="b"), at=at, cost=cost_of(frames_s))


def test_a_withheld_node_finishes_its_unit_and_gets_no_more() -> None:
    planner, farm = planner_of(8), two((15.0, Withheld(node="b", why="paused")))
    run = render(planner, farm)
    assert_complete(run, planner)
    on_b = [attempt for attempt in farm.attempts if attempt.node == "b"]
    assert all(attempt.began_s <= 15.0 for attempt in on_b)
    assert {attempt.outcome for attempt in on_b} == {"ok"}
    (held,) = run.of(ev.NodeWithheld)
    assert (held.node, held.why) == ("b", "paused")
    assert not run.of(ev.NodeLost)


def test_a_node_that_is_returned_works_again() -> None:
    planner = planner_of(8)
    farm = two((15.0, Withheld(node="b", why="paused")), (35.0, Joined(node="b")))
    run = render(planner, farm)
    assert_complete(run, planner)
    began = [attempt.began_s for attempt in farm.attempts if attempt.node == "b"]
    assert not [at_s for at_s in began if 15.0 < at_s < 35.0]
    assert [at_s for at_s in began if at_s >= 35.0]


def test_units_that_had_not_begun_go_to_others() -> None:
    planner, farm = planner_of(60), two((1.03, Withheld(node="b", why="paused")), frames_s=0.1)
    run = render(planner, farm)
    assert_complete(run, planner)
    assert not [attempt for attempt in farm.attempts if attempt.node == "b" and attempt.began_s > 1.03]


def test_a_job_waits_while_all_its_nodes_are_withheld() -> None:
    planner = planner_of(4)
    farm = two(
        (5.0, Withheld(node="a", why="another job")),
        (5.0, Withheld(node="b", why="paused")),
        (5000.0, Joined(node="a")),
    )
    run = render(planner, farm)
    assert_complete(run, planner)
    assert max(attempt.ended_s for attempt in farm.attempts) > 5000.0


def test_a_withheld_node_that_dies_loses_its_unit() -> None:
    planner = planner_of(4)
    farm = ScriptedFarm(
        FakeNode(name="a"), FakeNode(name="b", available=((0.0, 6.0),)), at=[(5.0, Withheld(node="b", why="paused"))],
        cost=cost_of(30.0),
    )  # fmt: skip
    run = render(planner, farm)
    assert_complete(run, planner)
    last = [attempt for attempt in farm.attempts if attempt.node == "b"][-1]
    assert (last.outcome, last.ended_s) == ("stopped", 6.0)


def test_a_drained_job_finishes_units_that_are_rendering_and_nothing_else() -> None:
    planner, farm = planner_of(8), two()
    dispatcher = Dispatcher(planner=planner, farm=farm, clock=farm.clock)
    asked: list[float] = []

    def on_step() -> None:
        if farm.now_s >= 15.0 and not asked:
            asked.append(farm.now_s)
            dispatcher.drain()

    dispatcher.on_step = on_step
    dispatcher.run()
    assert {attempt.outcome for attempt in farm.attempts} == {"ok"}
    assert all(attempt.began_s <= asked[0] for attempt in farm.attempts)
    rendered = sum(attempt.block.pixel_samples for attempt in farm.rendered)
    assert 0 < rendered == dispatcher.pixel_samples_done < planner.region.area * 64 * 8
