"""The dispatcher on a simulated farm: everything is rendered once, whatever nodes and units do."""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows import events as ev
from flows.dispatch import AHEAD
from flows.plan.planner import FrameWork, Mode, Planner
from storage.errors import FrontburnerError
from tasks.spec import Region, SampleRange, Size
from tests.flows.cover import assert_covered_once
from tests.flows.fake_farm import CostField, FakeFarm, FakeNode, Fault, Outcome, Run, hills, render

if TYPE_CHECKING:
    from flows.plan.block import Block

MOST_HELD = dict(AHEAD)[0.05]  # the fake units of these tests take seconds
SIZE = Size(width=640, height=360)
WHOLE = SIZE.whole
STILL = (SampleRange(start=0, stop=2), SampleRange(start=2, stop=64))
SEQUENCE = (SampleRange(start=0, stop=64),)


def planner_of(frames: int = 1, *, mode: Mode = Mode.AUTO, done: dict[int, Any] | None = None) -> Planner:
    return Planner(
        frames=[FrameWork(frame=n, done=(done or {}).get(n, ())) for n in range(1, frames + 1)],
        size=SIZE,
        region=WHOLE,
        passes=STILL if frames == 1 else SEQUENCE,
        mode=mode,
    )


def cost_of(frame_s: float) -> CostField:
    return CostField(hills(640, 360, total_s=frame_s, samples=64))


def assert_complete(run: Run, planner: Planner) -> None:
    frames = [work.frame for work in planner.frames]
    assert sorted(run.frames) == frames
    assert not run.dispatcher.failed_frames
    assert_covered_once(run.blocks, frames=frames, region=planner.region, passes=planner.passes)


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize("frames", [1, 12])
def test_all_frames_are_rendered_and_each_pixel_once(frames: int, mode: Mode) -> None:
    planner = planner_of(frames, mode=mode)
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b", speed=3), cost=cost_of(10))
    run = render(planner, farm)
    assert_complete(run, planner)
    assert len(farm.attempts) == len(farm.rendered) == len(run.blocks)
    assert {attempt.node for attempt in farm.rendered} == {"a", "b"}
    assert [event.frame for event in run.of(ev.FrameRendered)] == list(run.frames)


def test_a_node_has_the_next_unit_before_it_ends_one_and_no_more() -> None:
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b"), cost=cost_of(20))
    run = render(planner_of(8), farm)
    held = dict.fromkeys(["a", "b"], 0)
    for event in run.events:
        if isinstance(event, ev.UnitStarted | ev.UnitFinished):
            held[event.node] += 1 if isinstance(event, ev.UnitStarted) else -1
            assert held[event.node] <= MOST_HELD
    for node in held:
        own = [attempt for attempt in farm.attempts if attempt.node == node]
        assert all(later.began_s == earlier.ended_s for earlier, later in itertools.pairwise(own))


def test_units_that_exist_are_adopted_and_not_rendered_again() -> None:
    half = Region(x0=0, y0=0, x1=640, y1=200)
    planner = planner_of(2, done={1: ((SEQUENCE[0], WHOLE),), 2: ((SEQUENCE[0], half),)})
    farm = FakeFarm(FakeNode(name="a"), cost=cost_of(10))
    run = render(planner, farm)
    assert_complete(run, planner)
    assert all(attempt.block.frame == 2 and attempt.block.region.y0 >= 200 for attempt in farm.attempts)
    assert [event.block for event in run.of(ev.UnitReused)] == planner.reused


def test_a_job_that_is_all_there_needs_no_node() -> None:
    planner = planner_of(2, done=dict.fromkeys((1, 2), ((SEQUENCE[0], WHOLE),)))
    run = render(planner, FakeFarm(cost=cost_of(10)))
    assert_complete(run, planner)


def test_the_units_of_a_lost_node_are_rendered_again_and_no_others() -> None:
    planner = planner_of(6)
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="lost", there=((0, 7.5),)), cost=cost_of(4))
    run = render(planner, farm)
    assert_complete(run, planner)
    (loss,) = run.of(ev.NodeLost)
    assert loss.node == "lost"
    assert 1 <= loss.units <= MOST_HELD
    assert len(farm.rendered) == len(run.blocks)  # nothing was finished twice
    assert sum(attempt.outcome == "stopped" for attempt in farm.attempts) == 1
    assert len(farm.stopped) == loss.units


def test_a_node_may_come_back() -> None:
    planner = planner_of(8)
    farm = FakeFarm(FakeNode(name="a", there=((0, 9), (20, 31), (40, math.inf))), cost=cost_of(5))
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
def test_a_frame_that_fails_everywhere_fails_with_its_error_and_the_others_go_on(attempts: int) -> None:
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


def test_an_error_that_will_come_again_fails_the_frame_at_once() -> None:
    planner = planner_of(3, mode=Mode.FRAMES)
    fault = Fault(where=lambda attempt: attempt.block.frame == 2, then="fatal")
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b"), cost=cost_of(4), faults=[fault])
    run = render(planner, farm)
    assert fault.struck == 1
    assert sorted(run.frames) == [1, 3]
    assert str(run.dispatcher.failed_frames[2]) == "The scene is broken. Mend it."


def test_a_failed_frame_takes_its_other_units_along() -> None:
    planner = planner_of(2, mode=Mode.TILES)
    fault = Fault(where=lambda attempt: attempt.block.frame == 1 and attempt.node == "a", script=["fatal"])
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b", speed=0.01), cost=cost_of(40), faults=[fault])
    run = render(planner, farm)
    assert list(run.frames) == [2]
    failed_s = run.of(ev.FrameFailed)[0].at_s
    assert all(a.ended_s <= failed_s for a in farm.attempts if a.block.frame == 1)
    assert farm.stopped


def test_nodes_that_join_late_get_work_at_once() -> None:
    planner = planner_of(1)
    late = FakeNode(name="late", there=((10, math.inf),))
    farm = FakeFarm(FakeNode(name="a"), late, cost=cost_of(60))
    run = render(planner, farm)
    assert_complete(run, planner)
    first = next(attempt for attempt in farm.attempts if attempt.node == "late")
    assert first.began_s == pytest.approx(10)
    assert farm.now_s < 50  # 60 s alone, 35 s if the first node could be relieved of what it has


def test_without_any_node_the_job_gives_up_with_its_remedy() -> None:
    farm = FakeFarm(cost=cost_of(1))
    with pytest.raises(FrontburnerError, match=r"No node has been there for 40 s\. Start a node") as error:
        render(planner_of(1), farm, no_node_timeout_s=40)
    assert error.value.retryable
    assert 40 < farm.now_s < 41


def test_a_job_waits_for_a_node_that_comes_in_time() -> None:
    planner = planner_of(1)
    away = FakeNode(name="a", there=((30, 50), (85, math.inf)))
    assert_complete(render(planner, FakeFarm(away, cost=cost_of(40)), no_node_timeout_s=40), planner)


def test_refused_nodes_get_nothing_and_their_reason_is_told() -> None:
    planner = planner_of(1)
    refused = FakeNode(name="old", refuses="It has Mitsuba 3.5.")
    farm = FakeFarm(refused, FakeNode(name="a"), cost=cost_of(5))
    run = render(planner, farm)
    assert_complete(run, planner)
    assert {attempt.node for attempt in farm.attempts} == {"a"}
    assert [(event.node, event.reason) for event in run.of(ev.NodeRefused)] == [("old", "It has Mitsuba 3.5.")]


OUTCOMES: tuple[Outcome, ...] = ("ok", "crash")


class Suspended(Exception):
    pass


def test_what_interrupts_the_job_calls_back_exactly_the_units_under_way() -> None:
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b"), cost=cost_of(60))

    def between() -> None:
        if farm.now_s > 20:
            raise Suspended

    with pytest.raises(Suspended):
        render(planner_of(1), farm, between=between)
    ended = {attempt.ticket for attempt in farm.rendered}
    assert sorted(farm.stopped) == sorted(farm.given.keys() - ended)
    assert 2 <= len(farm.stopped) <= 2 * MOST_HELD


def test_an_interrupted_job_goes_on_with_what_is_missing() -> None:
    first = FakeFarm(FakeNode(name="a"), FakeNode(name="b"), cost=cost_of(60))

    def between() -> None:
        if first.now_s > 20:
            raise Suspended

    with pytest.raises(Suspended):
        render(planner_of(1), first, between=between)
    done = tuple((attempt.block.samples, attempt.block.region) for attempt in first.rendered)
    planner = planner_of(1, done={1: done})
    second = FakeFarm(FakeNode(name="c"), cost=cost_of(60))
    run = render(planner, second)
    assert_complete(run, planner)
    assert len(run.of(ev.UnitReused)) == len(done)
    spent_s = sum(cost_of(60)(attempt.block) for attempt in [*first.rendered, *second.rendered])
    assert spent_s == pytest.approx(60)


@settings(deadline=None, max_examples=25)
@given(data=st.data(), frames=st.sampled_from([1, 3]), mode=st.sampled_from(Mode))
def test_every_frame_is_rendered_whatever_goes_wrong_on_the_way(data: st.DataObject, frames: int, mode: Mode) -> None:
    moments = st.lists(st.floats(0, 60), min_size=2, max_size=4, unique=True).map(sorted)
    comers = [
        FakeNode(name=f"n{i}", speed=data.draw(st.sampled_from([0.3, 1.0, 4.0])), there=((m[0], m[1]),))
        for i, m in enumerate(data.draw(st.lists(moments, max_size=3)))
    ]
    script = data.draw(st.lists(st.sampled_from(OUTCOMES), max_size=8))
    faults = [Fault(script=script)]
    planner = planner_of(frames, mode=mode)
    farm = FakeFarm(FakeNode(name="sure"), *comers, cost=cost_of(20), faults=faults)
    run = render(planner, farm, attempts=9)
    assert_complete(run, planner)
    assert len(farm.rendered) == len(run.blocks)


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
def test_the_overhead_of_units_is_learnt_and_waiting_is_not_taken_for_it(frames: int, overhead_s: float) -> None:
    planner = planner_of(frames)
    nodes = [FakeNode(name=f"n{i}", speed=speed) for i, speed in enumerate((2.0, 1.0, 0.5))]
    run = render(planner, FakeFarm(*nodes, cost=cost_of(60), overhead_s=overhead_s))
    assert_complete(run, planner)
    assert 0.5 * overhead_s <= planner.overhead_s <= 1.1 * overhead_s


def test_equal_nodes_get_work_in_the_order_of_their_names() -> None:
    names = [f"n{i}" for i in range(8)]
    farm = FakeFarm(*(FakeNode(name=name) for name in names), cost=cost_of(60))
    render(planner_of(1), farm)
    assert [attempt.node for attempt in farm.attempts[:8]] == names


def test_a_unit_that_was_stored_by_a_node_that_died_before_saying_so_is_not_rendered_again() -> None:
    planner = planner_of(4)
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="lost", there=((0, 7.5),)), cost=cost_of(4))
    recovered: list[Region] = []

    def recover(_ticket: int, block: Block) -> bool:
        recovered.append(block.region)
        return True

    run = render(planner, farm, recover=recover)
    assert recovered
    assert len(run.of(ev.UnitReused)) == len(recovered)
    assert {event.frame for event in run.of(ev.FrameRendered)} == {1, 2, 3, 4}
