"""Planners for tests, and simulated nodes that join, leave, render and fail in any order."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

from benchmarks.simulation.farm import CostField, hills
from frontburner.plan.planner import FrameWork, Planner
from frontburner.plan.unit_sizer import Mode
from tasks.spec import SampleRange, Size
from tests.plan.cover import assert_covered_once

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

    from benchmarks.simulation.farm import Run
    from frontburner.plan.block import Block
    from frontburner.plan.in_flight import Assignment
    from frontburner.plan.stragglers import SpeculationResult

SIZE = Size(width=640, height=360)
WHOLE = SIZE.whole
STILL = (SampleRange(start=0, stop=2), SampleRange(start=2, stop=64))
SEQUENCE = (SampleRange(start=0, stop=64),)


def planner_of(
    frames: int = 1, *, mode: Mode = Mode.AUTO, done: dict[int, Any] | None = None, **options: Any
) -> Planner:
    """Return a planner of a still in two passes, or of a sequence in one."""
    passes = STILL if frames == 1 else SEQUENCE
    defaults: dict[str, Any] = {"size": SIZE, "region": WHOLE, "passes": passes, "mode": mode}
    works = [FrameWork(frame=n, done=(done or {}).get(n, ())) for n in range(1, frames + 1)]
    return Planner(frames=works, **{**defaults, **options})


def cost_of(frame_s: float) -> CostField:
    """Return the cost of an uneven picture."""
    return CostField(hills(640, 360, total_s=frame_s, samples=64))


def assert_complete(run: Run, planner: Planner) -> None:
    """Check that every frame was rendered, each pixel and sample once."""
    frames = [work.frame for work in planner.frames]
    assert sorted(run.frames) == frames
    assert not run.dispatcher.failed_frames
    assert_covered_once(run.blocks, frames=frames, region=planner.region, passes=planner.passes)


class Nodes:
    """A minimal dispatcher: tests give, finish and lose units one by one."""

    def __init__(self, planner: Planner, *names: str) -> None:
        self.planner = planner
        self.now_s = 0.0
        self.counted: dict[int, Block] = {}
        self.waiting: dict[int, Block] = {}
        self.superseded: list[int] = []
        self.cancelled: list[int] = []
        self.lengths: dict[str, float] = {}
        self._tickets = itertools.count(1)
        for name in names:
            planner.add_node(name)

    def give(self, node: str) -> list[int]:
        """Give a node its next unit; returns its tickets."""
        blocks = self.planner.next_unit(node, self.now_s)
        units = {next(self._tickets): block for block in blocks}
        if units:
            self.planner.start(units, node, self.now_s)
        return list(units)

    def block(self, ticket: int) -> Block:
        """Return the block of a ticket in flight."""
        assignment = self.planner.in_flight.get(ticket)
        assert assignment is not None
        return assignment.block

    def finish(self, ticket: int, render_s: float | None = 1.0, **more: Any) -> SpeculationResult:
        """Finish a unit."""
        block = self.block(ticket)
        result = self.planner.finish(ticket, self.now_s, render_s=render_s, **more)
        self.waiting[ticket] = block
        self._settle(result)
        return result

    def abort(self, ticket: int, *, failed: bool) -> SpeculationResult:
        """Fail or lose a unit."""
        assignment = self.planner.in_flight.get(ticket)
        assert assignment is not None
        block = assignment.block.failed_on(assignment.node) if failed else assignment.block
        result, wanted = self.planner.abort(ticket, self.now_s, failed=failed)
        self._settle(result)
        if wanted:
            self.planner.requeue(block)
        return result

    def lose(self, node: str) -> None:
        """Lose a node with all its units."""
        self.planner.remove_node(node)
        for assignment in self.planner.in_flight.of_node(node):
            if self.planner.in_flight.get(assignment.ticket) is not None:
                self.abort(assignment.ticket, failed=False)

    def abandon(self, frame: int) -> None:
        """Fail a frame."""
        for ticket in self.planner.abandon(frame):
            self._cancel(ticket)

    def end(self, frame: int, sample_stop: int) -> SpeculationResult:
        """End a frame at a number of samples."""
        result = self.planner.drop_after(frame, sample_stop)
        self._settle(result)
        return result

    def render_all(self, *names: str, rate: float = 1e-5) -> list[Block]:
        """Hand everything out to nodes in turn; each unit takes its pixel-samples times this rate."""
        blocks: list[Block] = []
        while not self.planner.exhausted:
            for node in names:
                for ticket in self.give(node):
                    block = self.block(ticket)
                    self.now_s += block.pixel_samples * rate / len(names)
                    self.finish(ticket, block.pixel_samples * rate)
                    blocks.append(block)
        return blocks

    def _settle(self, result: SpeculationResult) -> None:
        for ticket in result.counted:
            self.counted[ticket] = self.waiting.pop(ticket)
        for ticket in result.superseded:
            del self.waiting[ticket]
            self.superseded.append(ticket)
        for ticket in result.cancelled:
            self._cancel(ticket)

    def _cancel(self, ticket: int) -> None:
        assert self.planner.cancel(ticket, self.now_s) is not None
        self.cancelled.append(ticket)


class RandomNodes(Nodes):
    """Four nodes that join, leave, render and fail at random until all is rendered."""

    def __init__(self, planner: Planner, random: Random) -> None:
        super().__init__(planner, "n0")
        self.random = random
        self.speeds = {f"n{i}": random.choice([0.1, 1.0, 7.0]) for i in range(4)}
        self.duplicated: list[int] = []
        self.abandoned: set[int] = set()
        self.failure_rate = random.choice([0.03, 0.2, 1.0])
        self.failures_left = 40

    def run(self, *, frames_fail: bool = False) -> Sequence[Block]:
        """Run until all is rendered; returns the completed blocks."""
        acts = [self._ask, self._ask, self._ask, self._end, self._end, self._fail, self._leave, self._join]
        acts += [self._abandon] if frames_fail else []
        while len(self.planner.in_flight) or not self.planner.exhausted:
            self.now_s += self.random.choice([0.0, 0.01, 1.0, 60.0])
            self.random.choice(acts)(self.random.choice(sorted(self.speeds)))
        return list(self.counted.values())

    def _ask(self, node: str) -> None:
        if node not in self.planner.nodes:
            return
        for ticket in self.give(node):
            straggler = self.block(ticket).duplicate_of
            if straggler is not None and straggler not in self.duplicated:
                self.duplicated.append(straggler)

    def _any(self) -> Assignment | None:
        in_flight = list(self.planner.in_flight)
        return self.random.choice(in_flight) if in_flight else None

    def _end(self, _: str) -> None:
        assignment = self._any()
        if assignment is not None:
            seconds = 1e-4 * assignment.block.pixel_samples / self.speeds[assignment.node]
            self.finish(assignment.ticket, self.random.choice([seconds, seconds, None]))
            self.planner.learning.learn_overhead(self.random.choice([0.0, 0.001, 0.5]))

    def _fail(self, _: str) -> None:
        assignment = self._any()
        if assignment is not None and self._may_fail():
            self.abort(assignment.ticket, failed=True)

    def _may_fail(self) -> bool:
        if not self.failures_left or self.random.random() > self.failure_rate:
            return False
        self.failures_left -= 1
        return True

    def _leave(self, node: str) -> None:
        if node in self.planner.nodes and len(self.planner.nodes) > 1 and self._may_fail():
            self.lose(node)

    def _join(self, node: str) -> None:
        if node not in self.planner.nodes:
            self.planner.add_node(node)

    def _abandon(self, _: str) -> None:
        assignment = self._any()
        if assignment is not None and self.random.random() < 0.1:
            self.abandoned.add(assignment.block.frame)
            self.abandon(assignment.block.frame)
