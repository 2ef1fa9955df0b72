"""Bad nodes, bad units, an unavailable store and units that hang are told apart, and everything else continues.

One file over 300 lines: all faults happen to the same simulated farm.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.simulation.farm import CostField, FakeFarm, FakeNode, Fault, hills, render
from frontburner import events as ev
from frontburner.dispatch.failures import MAX_LOSSES, MIN_BACKOFF_S, STORE_TIMEOUT_S
from frontburner.dispatch.messages import Joined, Message, Waiting, Withheld
from frontburner.dispatch.node_health import EXCLUSION_S
from frontburner.dispatch.timeouts import MIN_TIMEOUT_S, START_TIMEOUT_S, TIMEOUT_FACTOR
from frontburner.plan.unit_sizer import Mode
from storage.errors import FrontburnerError, StoreError
from tests.plan.planners import assert_complete, cost_of, planner_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.simulation.farm import Attempt, Run


def on(*names: str) -> Callable[[Attempt], bool]:
    def is_there(attempt: Attempt) -> bool:
        return attempt.node in names

    return is_there


def nodes(*names: str, **options: Any) -> list[FakeNode]:
    return [FakeNode(name=name, **options) for name in names]


def _said(message: Message) -> Message:
    return message


class ScriptedFarm(FakeFarm):
    """A farm that sends messages at given times."""

    def __init__(self, *farm_nodes: FakeNode, at: Sequence[tuple[float, Message]], **options: Any) -> None:
        super().__init__(*farm_nodes, **options)
        for at_s, message in at:
            self._at(at_s, partial(_said, message))


# Units that fail.


def test_the_backoff_of_a_unit_doubles_with_each_failure() -> None:
    planner = planner_of(1, mode=Mode.FRAMES, passes=planner_of(2).passes)
    fault = Fault(script=["crash"] * 4)
    farm = FakeFarm(*nodes("a"), cost=cost_of(4), faults=[fault])
    assert_complete(render(planner, farm, attempts=9), planner)
    backoffs = [
        later.began_s - earlier.ended_s for earlier, later in zip(farm.attempts, farm.attempts[1:], strict=False)
    ]
    assert backoffs == pytest.approx([MIN_BACKOFF_S * 2**n for n in range(4)], abs=0.3)


def test_a_recalled_unit_is_rendered_elsewhere_at_once_and_nothing_has_failed() -> None:
    planner = planner_of(4, mode=Mode.FRAMES)
    fault = Fault(where=on("artist"), then="recall")
    farm = FakeFarm(*nodes("artist", "a"), cost=cost_of(10), faults=[fault])
    run = render(planner, farm, attempts=1)
    assert_complete(run, planner)
    recalled = [attempt for attempt in farm.attempts if attempt.outcome == "recall"]
    assert recalled
    assert not run.of(ev.UnitAttemptFailed), "it counts as no failure"
    assert not run.of(ev.NodeExcluded)
    assert {event.node for event in run.of(ev.UnitWasted)} == {"artist"}
    order = [attempt.block.frame for attempt in farm.attempts if attempt.node == "a"]
    assert order[1] == recalled[0].block.frame, "the next free node gets it first"


def test_other_work_continues_while_a_unit_backs_off() -> None:
    planner = planner_of(6, mode=Mode.FRAMES)
    fault = Fault(where=lambda attempt: attempt.block.frame == 1, script=["crash"] * 2)
    farm = FakeFarm(*nodes("a"), cost=cost_of(10), faults=[fault])
    assert_complete(render(planner, farm), planner)
    assert [attempt.block.frame for attempt in farm.attempts[:3]] == [1, 2, 1]
    assert farm.now_s < 8 * 10 + 3


def test_a_frame_fails_with_the_renderers_last_words_and_the_others_continue() -> None:
    planner = planner_of(5, mode=Mode.FRAMES)
    fault = Fault(where=lambda attempt: attempt.block.frame == 2, then="crash")
    farm = FakeFarm(*nodes("a", "b", "c", "d"), cost=cost_of(4), faults=[fault])
    run = render(planner, farm)
    assert sorted(run.frames) == [1, 3, 4, 5]
    (failed,) = run.of(ev.FrameFailed)
    assert (failed.frame, failed.last_words) == (2, "segmentation fault")
    assert not run.of(ev.NodeExcluded), "a bad unit is no bad node"


def test_units_do_not_fail_because_most_nodes_are_bad() -> None:
    planner = planner_of(12, mode=Mode.FRAMES)
    bad = nodes("b1", "b2", "b3", "b4", speed=1000)
    fault = Fault(where=on("b1", "b2", "b3", "b4"), then="crash")
    farm = FakeFarm(*bad, *nodes("good"), cost=cost_of(60), faults=[fault])
    run = render(planner, farm, attempts=3)
    assert_complete(run, planner)
    assert {event.node for event in run.of(ev.NodeExcluded)} == {"b1", "b2", "b3", "b4"}


def test_a_scene_that_is_missing_on_one_node_fails_no_frame() -> None:
    planner = planner_of(12, mode=Mode.FRAMES)
    farm = FakeFarm(*nodes("unmounted", "a", "b"), cost=cost_of(4), faults=[Fault(where=on("unmounted"), then="fatal")])
    run = render(planner, farm)
    assert_complete(run, planner)
    (event,) = run.of(ev.NodeExcluded)
    assert event.node == "unmounted"
    assert "The scene is broken." in event.reason


def test_a_unit_that_kills_nodes_fails_its_frame_in_the_end() -> None:
    planner = planner_of(2, mode=Mode.FRAMES)
    available = tuple((float(20 * n), 20.0 * n + 6) for n in range(8))
    farm = FakeFarm(FakeNode(name="a", available=available), cost=cost_of(10))
    with pytest.raises(FrontburnerError, match="There has been no node"):
        render(planner, farm)
    lost = [attempt.block.frame for attempt in farm.attempts]
    assert lost.count(1) == MAX_LOSSES


# Nodes that fail.


def test_a_node_that_fails_where_others_succeed_is_excluded_with_its_reason() -> None:
    planner = planner_of(40, mode=Mode.FRAMES)
    farm = FakeFarm(*nodes("bad", "a", "b"), cost=cost_of(4), faults=[Fault(where=on("bad"), then="crash")])
    run = render(planner, farm)
    assert_complete(run, planner)
    (event,) = run.of(ev.NodeExcluded)
    assert event.node == "bad"
    assert "The renderer on bad crashed." in event.reason
    assert len([attempt for attempt in farm.attempts if attempt.node == "bad"]) <= 4


def test_no_node_is_excluded_for_a_frame_that_fails_everywhere() -> None:
    planner = planner_of(6, mode=Mode.FRAMES)
    fault = Fault(where=lambda attempt: attempt.block.frame == 3, then="crash")
    run = render(planner, FakeFarm(*nodes("a", "b"), cost=cost_of(1), faults=[fault]))
    assert {event.frame for event in run.events if isinstance(event, ev.FrameFailed)} == {3}
    assert not [event for event in run.events if isinstance(event, ev.NodeExcluded)]


def test_a_node_that_was_excluded_is_tried_again_after_a_time_that_grows() -> None:
    planner = planner_of(70, mode=Mode.FRAMES)
    farm = FakeFarm(*nodes("bad", "a"), cost=cost_of(40), faults=[Fault(where=on("bad"), then="crash")])
    run = render(planner, farm)
    assert_complete(run, planner)
    excluded = [event.at_s for event in run.of(ev.NodeExcluded)]
    came = [event.at_s for event in run.of(ev.NodeJoined) if event.node == "bad"][1:]
    assert len(excluded) >= 3
    excluded_s = [there - gone for gone, there in zip(excluded, came, strict=False)]
    assert excluded_s == pytest.approx([EXCLUSION_S * 2**n for n in range(len(excluded_s))], abs=1)


def test_a_node_that_recovers_works_again() -> None:
    planner = planner_of(50, mode=Mode.FRAMES)
    farm = FakeFarm(*nodes("bad", "a"), cost=cost_of(20), faults=[Fault(where=on("bad"), script=["crash"] * 3)])
    run = render(planner, farm)
    assert_complete(run, planner)
    assert run.of(ev.NodeExcluded)
    assert sum(attempt.node == "bad" for attempt in farm.rendered) > 5


def test_the_last_node_is_never_excluded() -> None:
    planner = planner_of(30, mode=Mode.FRAMES)
    gone = FakeNode(name="gone", available=((0.0, 41.0),))
    faults = [Fault(where=lambda attempt: attempt.node == "only" and attempt.block.frame % 2 == 0, then="crash")]
    farm = FakeFarm(*nodes("only"), gone, cost=cost_of(4), faults=faults)
    run = render(planner, farm)
    assert set(run.frames) >= set(range(1, 31, 2))
    assert run.frames.keys() | run.dispatcher.failed_frames.keys() == set(range(1, 31))
    assert not [event for event in run.of(ev.NodeExcluded) if event.at_s > 41.0]


def test_a_node_that_is_excluded_is_readmitted_when_all_others_are_gone() -> None:
    planner = planner_of(20, mode=Mode.FRAMES)
    good = FakeNode(name="good", available=((0.0, 45.0),))
    faults = [Fault(where=on("bad"), script=["crash"] * 3)]
    farm = FakeFarm(*nodes("bad"), good, cost=cost_of(4), faults=faults)
    run = render(planner, farm)
    assert_complete(run, planner)
    (event,) = run.of(ev.NodeExcluded)
    assert event.at_s < 45.0
    again = next(attempt.began_s for attempt in farm.attempts if attempt.node == "bad" and attempt.began_s > event.at_s)
    assert again == pytest.approx(45.0, abs=1)


def excluded_then(*at: tuple[float, Message]) -> tuple[FakeFarm, Run]:
    """Render with a bad node that is excluded by 100 s and then works, and with messages about it."""
    planner = planner_of(100, mode=Mode.FRAMES)
    fault = Fault(where=on("bad"), script=["crash"] * 3)
    farm = ScriptedFarm(*nodes("bad", "a"), at=at, cost=cost_of(4), faults=[fault])
    run = render(planner, farm)
    assert_complete(run, planner)
    (event,) = run.of(ev.NodeExcluded)
    assert event.at_s < 100.0
    return farm, run


def began_after(farm: FakeFarm, node: str, at_s: float) -> float:
    return min((a.began_s for a in farm.attempts if a.node == node and a.began_s >= at_s), default=math.inf)


def test_a_node_that_another_job_hands_back_stays_excluded() -> None:
    farm, run = excluded_then((100.0, Withheld(node="bad", why="another job has it")), (110.0, Joined(node="bad")))
    (event,) = run.of(ev.NodeExcluded)
    assert began_after(farm, "bad", 100.0) >= event.at_s + EXCLUSION_S - 1


def test_a_readmitted_node_that_is_withheld_is_not_used() -> None:
    planner = planner_of(200, mode=Mode.FRAMES)
    at: list[tuple[float, Message]] = [(100.0, Withheld(node="bad", why="paused")), (600.0, Joined(node="bad"))]
    farm = ScriptedFarm(
        *nodes("bad", "a"), at=at, cost=cost_of(4), faults=[Fault(where=on("bad"), script=["crash"] * 3)]
    )  # fmt: skip
    assert_complete(render(planner, farm), planner)
    assert began_after(farm, "bad", 100.0) == pytest.approx(600.0, abs=1)


def test_a_restarted_node_is_readmitted() -> None:
    planner = planner_of(100, mode=Mode.FRAMES)
    bad = FakeNode(name="bad", available=((0.0, 100.0), (120.0, math.inf)))
    fault = Fault(where=on("bad"), script=["crash"] * 3)
    farm = FakeFarm(bad, *nodes("a"), cost=cost_of(4), faults=[fault])
    run = render(planner, farm)
    assert_complete(run, planner)
    assert run.of(ev.NodeExcluded)
    assert began_after(farm, "bad", 100.0) == pytest.approx(120.0, abs=1)


# An unavailable store.


def test_a_store_outage_fails_no_frame_and_no_node() -> None:
    planner = planner_of(30, mode=Mode.FRAMES)
    away = Fault(where=lambda attempt: 20 < attempt.began_s < 320, then="store")
    farm = FakeFarm(*nodes("a", "b", "c"), cost=cost_of(4), faults=[away])
    run = render(planner, farm, attempts=1)
    assert_complete(run, planner)
    assert not run.of(ev.NodeExcluded)
    assert not run.of(ev.UnitAttemptFailed)
    (event,) = run.of(ev.StoreUnavailable)
    assert (event.reason, event.remedy) == ("The server is away.", "Start it.")
    assert away.count < 90, "it is tried ever more seldom"


def test_a_job_gives_up_on_a_store_that_stays_unavailable_with_one_error() -> None:
    planner = planner_of(20, mode=Mode.FRAMES)
    away = Fault(where=lambda attempt: attempt.began_s > 20, then="store")
    farm = FakeFarm(*nodes("a", "b"), cost=cost_of(4), faults=[away])
    with pytest.raises(StoreError, match=r"The server is away\. This has lasted for 10 minutes\. Start it\.") as caught:
        render(planner, farm)
    assert caught.value.retryable
    assert STORE_TIMEOUT_S + 20 < farm.now_s < STORE_TIMEOUT_S + 100


def test_a_unit_that_still_renders_may_find_the_store_working_again() -> None:
    planner = planner_of(2, mode=Mode.FRAMES)
    farm = FakeFarm(
        FakeNode(name="quick"), FakeNode(name="slow", speed=0.02),
        cost=cost_of(20), faults=[Fault(where=on("quick"), then="store")],
    )  # fmt: skip
    run = render(planner, farm)
    assert farm.now_s > STORE_TIMEOUT_S
    assert_complete(run, planner)


def test_a_node_that_alone_cannot_reach_the_store_is_excluded() -> None:
    planner = planner_of(60, mode=Mode.FRAMES)
    farm = FakeFarm(*nodes("cut off", "a", "b"), cost=cost_of(4), faults=[Fault(where=on("cut off"), then="store")])
    run = render(planner, farm)
    assert_complete(run, planner)
    assert [event.node for event in run.of(ev.NodeExcluded)] == ["cut off"]
    assert len(run.of(ev.StoreUnavailable)) == 1, "reported once, though it comes and goes"


# Units that take too long.


def test_a_unit_that_hangs_times_out_with_a_reason() -> None:
    planner = planner_of(40, mode=Mode.FRAMES)
    hang = Fault(where=lambda attempt: attempt.block.frame == 20, script=["hang"])
    farm = FakeFarm(*nodes("a"), cost=cost_of(8), faults=[hang])
    run = render(planner, farm)
    assert_complete(run, planner)
    (event,) = run.of(ev.UnitAttemptFailed)
    assert event.reason.startswith("a didn't finish the unit within")
    (stuck,) = [attempt for attempt in farm.attempts if attempt.outcome == "stopped"]
    assert MIN_TIMEOUT_S < stuck.ended_s - stuck.began_s < 2 * TIMEOUT_FACTOR * 8


def test_a_unit_that_is_more_expensive_than_all_before_is_still_rendered() -> None:
    planner = planner_of(30, mode=Mode.FRAMES)
    expensive = CostField(hills(640, 360, total_s=8, samples=64), of_frame=lambda frame: 60.0 if frame == 20 else 1.0)
    assert_complete(render(planner, FakeFarm(*nodes("a"), cost=expensive)), planner)


def test_a_first_unit_may_take_long_since_nothing_is_known_yet() -> None:
    planner = planner_of(2, mode=Mode.FRAMES)
    run = render(planner, FakeFarm(*nodes("a"), cost=cost_of(1500)))
    assert_complete(run, planner)
    assert not run.of(ev.UnitAttemptFailed)


def test_a_scene_that_never_opens_fails_in_the_end() -> None:
    planner = planner_of(1, mode=Mode.FRAMES, passes=planner_of(2).passes)
    farm = FakeFarm(*nodes("a"), cost=cost_of(10), faults=[Fault(then="hang")])
    run = render(planner, farm, attempts=2)
    assert not run.frames
    assert "opening the scene included" in str(run.dispatcher.failed_frames[1])


class Silent(ScriptedFarm):
    """Nodes that never report that they begin."""

    def _report_began(self, queue: Any, attempt: Attempt) -> Message | None:  # noqa: ARG002
        return None


def test_a_unit_that_waits_behind_another_jobs_is_not_late() -> None:
    planner = planner_of(1, mode=Mode.FRAMES, passes=planner_of(2).passes)
    farm = Silent(*nodes("a"), at=[(1.0, Waiting(ticket=1))], cost=cost_of(4 * START_TIMEOUT_S))
    run = render(planner, farm)
    assert_complete(run, planner)
    assert len(farm.attempts) == 1


def test_a_node_that_never_begins_loses_its_unit() -> None:
    planner = planner_of(2, mode=Mode.FRAMES)
    hang = Fault(where=on("mute"), then="hang")
    farm = Silent(*nodes("mute", "a"), at=[], cost=cost_of(4), faults=[hang])
    run = render(planner, farm)
    assert_complete(run, planner)
    assert farm.now_s < START_TIMEOUT_S, "an idle node has rendered it meanwhile"
    planner = planner_of(25, mode=Mode.FRAMES)
    farm = Silent(*nodes("mute", "a"), at=[], cost=cost_of(40), faults=[hang])
    run = render(planner, farm)
    assert_complete(run, planner)
    assert "got the unit 60" in run.of(ev.UnitAttemptFailed)[0].reason


# Memory.


def test_a_node_whose_memory_is_short_gets_smaller_units() -> None:
    planner = planner_of(20)
    max_px = 20_000
    short = Fault(where=lambda a: a.node == "small" and a.block.region.area > max_px, then="memory")
    farm = FakeFarm(*nodes("small", "large"), cost=cost_of(20), faults=[short])
    run = render(planner, farm)
    assert_complete(run, planner)
    rendered = [attempt.block.region.area for attempt in farm.rendered if attempt.node == "small"]
    assert max(rendered) <= max_px
    assert sum(rendered) > 640 * 360, "it does its part"
    assert not run.of(ev.NodeExcluded)
    assert max(a.block.region.area for a in farm.rendered if a.node == "large") == 640 * 360


def test_a_frame_that_no_memory_is_enough_for_fails() -> None:
    planner = planner_of(2)
    farm = FakeFarm(
        *nodes("a", "b"), cost=cost_of(20), faults=[Fault(where=lambda a: a.block.frame == 1, then="memory")]
    )  # fmt: skip
    run = render(planner, farm)
    assert sorted(run.frames) == [2]
    assert list(run.dispatcher.failed_frames) == [1]
