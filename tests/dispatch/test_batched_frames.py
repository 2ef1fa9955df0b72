"""Batches of tiny frames: they share a unit, and one that fails doesn't fail the others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from benchmarks.simulation.farm import FakeFarm, FakeNode, render
from frontburner import events as ev
from frontburner.dispatch.dispatcher import Dispatcher
from frontburner.dispatch.messages import Failed, Finished, Joined, Message
from frontburner.plan.unit_sizer import MAX_BATCH, Mode
from storage.errors import FrontburnerError
from tasks.spec import UnitRecord
from tests.plan.planners import Nodes, assert_complete, cost_of, planner_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frontburner.plan.block import Block


def tiny(frames: int = 400) -> Nodes:
    """A node on which frames take a millisecond, and the overhead of a unit ten."""
    nodes = Nodes(planner_of(frames), "a")
    for _ in range(3):
        for ticket in nodes.give("a"):
            nodes.now_s += 0.001
            nodes.finish(ticket, 0.001 * nodes.counted.get(ticket, nodes.block(ticket)).region.area / (640 * 360))
    return nodes


def test_tiny_frames_share_a_unit() -> None:
    nodes = tiny()
    tickets = nodes.give("a")
    assert 8 < len(tickets) <= MAX_BATCH
    frames = [nodes.block(ticket).frame for ticket in tickets]
    assert frames == list(range(frames[0], frames[0] + len(frames)))


@pytest.mark.parametrize("overhead_s", [0.01, 0.1])
def test_overhead_is_shared_by_as_many_frames_as_make_it_small(overhead_s: float) -> None:
    planner = planner_of(600)
    farm = FakeFarm(FakeNode(name="a"), FakeNode(name="b"), cost=cost_of(0.004), overhead_s=overhead_s)
    run = render(planner, farm)
    assert_complete(run, planner)
    # 600 frames of 4 ms, and what their units cost besides, on two nodes.
    assert farm.now_s < 1.35 * (600 * 0.004 + 600 / min(64, overhead_s / 0.08 / 0.004) * overhead_s) / 2


def test_frames_that_take_long_have_a_unit_of_their_own() -> None:
    planner = planner_of(30, mode=Mode.FRAMES)
    farm = FakeFarm(FakeNode(name="a"), cost=cost_of(1.0))
    given: list[int] = []
    start = farm.start

    def count(units: Mapping[int, Block], node: str) -> None:
        given.append(len(units))
        start(units, node)

    farm.start = count  # type: ignore[method-assign]
    assert_complete(render(planner, farm), planner)
    assert set(given) == {1}


def test_failed_frames_are_not_batched() -> None:
    nodes = tiny()
    first, *others = nodes.give("a")
    failed = nodes.block(first).frame
    nodes.planner.add_node("b")
    nodes.abort(first, failed=True)
    for ticket in others:
        nodes.abort(ticket, failed=False)
    batch = [nodes.block(ticket).frame for ticket in nodes.give("b")]
    assert failed not in batch or batch == [failed]


def test_blocks_of_a_still_are_never_batched() -> None:
    still = Nodes(planner_of(1), "a")
    while not still.planner.exhausted:
        (ticket,) = still.give("a")
        still.finish(ticket, 1e-4)


class ScriptedFarm:
    """A farm on which blocks in ``bad`` fail, with all blocks after them in the same unit."""

    def __init__(self, bad: set[int], *, retryable: bool) -> None:
        self.bad, self.retryable, self.now_s = bad, retryable, 0.0
        self.units: list[tuple[str, Mapping[int, Block]]] = []
        self.sizes: list[int] = []
        self.begun = False

    def start(self, units: Mapping[int, Block], node: str) -> None:
        self.units.append((node, units))
        self.sizes.append(len(units))

    def stop(self, tickets: Sequence[int]) -> None:
        """Do nothing: units end at once."""

    def messages(self, timeout_s: float) -> Sequence[Message]:
        if not self.begun:
            self.begun = True
            return [Joined(node="a"), Joined(node="b")]
        found: list[Message] = []
        for node, units in self.units:
            failed = False
            for ticket, block in units.items():
                failed = failed or block.frame in self.bad
                self.now_s += 0.001
                found.append(self._failed(ticket) if failed else self._finished(ticket, node))
        self.units.clear()
        if not found:
            self.now_s += timeout_s
        return found

    def _failed(self, ticket: int) -> Message:
        return Failed(ticket=ticket, error=FrontburnerError(reason="No.", remedy="None.", retryable=self.retryable))

    def _finished(self, ticket: int, node: str) -> Message:
        record = UnitRecord(
            unit=str(ticket), node=node, build="1", isa="x", started_s=self.now_s - 0.001, wall_s=0.001, cpu_s=0.001,
            load_s=0.0, peak_memory_bytes=0,
        )  # fmt: skip
        return Finished(ticket=ticket, record=record)


@pytest.mark.parametrize("retryable", [True, False])
@pytest.mark.parametrize("attempts", [1, 3])
def test_a_frame_that_fails_does_not_fail_its_batch(attempts: int, retryable: bool) -> None:
    farm, planner = ScriptedFarm({60, 61, 150}, retryable=retryable), planner_of(300, mode=Mode.FRAMES)
    rendered: list[int] = []
    announced: list[ev.Event] = []
    dispatcher = Dispatcher(
        planner=planner,
        farm=farm,
        clock=lambda: farm.now_s,
        attempts=attempts,
        on_rendered=lambda frame, _: rendered.append(frame),
    )
    with ev.observe(announced.append):
        dispatcher.run()
    assert max(farm.sizes) > 4
    assert set(dispatcher.failed_frames) == {60, 61, 150}
    assert len([event for event in announced if isinstance(event, ev.FrameFailed)]) == 3
    assert sorted(rendered) == [frame for frame in range(1, 301) if frame not in {60, 61, 150}]
