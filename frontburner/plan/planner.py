"""The planner: which unit a node gets next, given the work left and what finished units taught.

One algorithm serves stills and sequences. A node that asks gets a part of its share of the work left: whole frames
while that is more than a frame, a part of one when it is less. When nothing is left to hand out, idle nodes duplicate
stragglers.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from frontburner.plan.block import Block, overlaps, subtract
from frontburner.plan.cost_map import CostMap
from frontburner.plan.in_flight import InFlight
from frontburner.plan.learning import Learning
from frontburner.plan.passes import render_order
from frontburner.plan.pool import Backoff, Pool
from frontburner.plan.stragglers import Speculation, SpeculationResult, Stragglers
from frontburner.plan.unit_sizer import Mode, UnitSizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frontburner.plan.in_flight import Assignment
    from frontburner.plan.learning import NodeState
    from tasks.spec import CostGrid, Region, SampleRange, Size


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameWork:
    """A frame to render, and the regions of it that exist already, with their samples."""

    frame: int
    done: tuple[tuple[SampleRange, Region], ...] = ()


@dataclass(slots=True, kw_only=True)
class Planner:
    """Cuts the work left into units for nodes that ask, and learns from finished units.

    ``reused`` has the units that exist already: a disjoint choice of those in `FrameWork.done`.

    Parameters
    ----------
    frames
        The job's frames, in the order they should be rendered.
    size, region
        Size of a frame, and the part of it to render.
    passes
        Ranges of samples each frame is rendered in.
    align_px
        Cuts lie at multiples of these, across and down.
    limited
        Whether frames may end before their last pass: a node's share is then one of a pass instead of all the work
        left, most of which will never be rendered.
    """

    frames: Sequence[FrameWork]
    size: Size
    region: Region
    passes: Sequence[SampleRange]
    mode: Mode = Mode.AUTO
    align_px: tuple[int, int] = (8, 1)
    limited: bool = False
    learning: Learning = field(init=False)
    in_flight: InFlight = field(init=False, default_factory=InFlight)
    reused: list[Block] = field(init=False, default_factory=list)
    time_left_s: float = field(init=False, default=inf)
    """Seconds until the job's time limit; units are cut so that they end before it."""
    sizer: UnitSizer = field(init=False)
    backoff: Backoff = field(init=False, default_factory=Backoff)
    max_px: dict[str, float] = field(init=False, default_factory=dict)
    """Pixels a unit may have at most, for nodes that are short of memory."""
    yielding: set[str] = field(init=False, default_factory=set)
    """Nodes that may give their machines back at any moment: what they get is short."""
    _pool: Pool = field(init=False)
    _speculation: Speculation = field(init=False, default_factory=Speculation)
    _stragglers: Stragglers = field(init=False)
    _done_s: float = field(init=False, default=0.0)
    _abandoned: set[int] = field(init=False, default_factory=set)
    _sample_stops: dict[int, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.learning = Learning(cost=CostMap(self.size))
        self._stragglers = Stragglers(learning=self.learning, in_flight=self.in_flight, speculation=self._speculation)
        order = render_order(self.frames, self.passes)
        blocks = [block for work, samples in order for block in self._missing(work, samples)]
        self._pool = Pool(blocks, whole=self.region)
        self.sizer = UnitSizer(
            pool=self._pool, learning=self.learning, in_flight=self.in_flight, frames=len(self.frames),
            region=self.region, passes=self.passes, mode=self.mode, align_px=self.align_px, limited=self.limited,
            max_px=self.max_px, yielding=self.yielding,
        )  # fmt: skip

    @property
    def cost(self) -> CostMap:
        """Cost of the picture, as far as it is known."""
        return self.learning.cost

    @property
    def nodes(self) -> Mapping[str, NodeState]:
        """Available nodes."""
        return self.learning.nodes

    @property
    def exhausted(self) -> bool:
        """Whether all work has been handed out."""
        return not len(self._pool)

    def pending(self, frame: int) -> bool:
        """Whether anything of a frame is still to be rendered."""
        return any(work.count_of_frame(frame) for work in (self._pool, self.in_flight, self.backoff))

    def add_node(self, node: str) -> None:
        """Plan for a node that is available."""
        self.learning.add_node(node)

    def expect(self, node: str, *, yields: bool = False, cores: int = 1) -> None:
        """Note whether a node may give its machine back to its owner at any moment, and the cores it renders with."""
        (self.yielding.add if yields else self.yielding.discard)(node)
        self.learning.cores[node] = cores

    def remove_node(self, node: str) -> None:
        """Plan without a node."""
        self.learning.remove_node(node)

    def next_unit(self, node: str, now_s: float) -> list[Block]:
        """Take the next unit for a node out of the pool: one block, or several short ones; empty if there is none."""
        blocks = self._next_from_pool(node, now_s)
        if not blocks and self.exhausted:
            duplicate = self._stragglers.take_over(node, now_s, done_s=self._done_s, alone=self.mode is Mode.FRAMES)
            if duplicate is not None:
                self._pool.put(0, [duplicate])
                blocks = self._next_from_pool(node, now_s)
        return blocks

    def start(self, units: Mapping[int, Block], node: str, now_s: float) -> None:
        """Note that a node got blocks, by ticket."""
        speed, known = self.learning.speed(node), self.cost.measured
        seconds = [self._duration_s(block, node, unit_size=len(units)) for block in units.values()]
        self.in_flight.start(units, node, now_s=now_s, speed=speed, seconds=seconds, known=known)
        for ticket, block in units.items():
            self._speculation.started(ticket, block)

    def finish(
        self, ticket: int, now_s: float, *, render_s: float | None, costs: CostGrid | None = None
    ) -> SpeculationResult:
        """Note that a unit finished; ``render_s`` is None if it was found in the store."""
        ended = self.in_flight.end(ticket, now_s=now_s)
        if ended is None:
            return SpeculationResult()
        if render_s is not None:
            self._learn(ended, render_s, costs)
        if self.cost.measured:  # before that, prices aren't seconds
            self._done_s += self.learning.price(ended.block)
        return self._drop_duplicates(self._speculation.finished(ticket, ended.block), ended.block.frame)

    def abort(self, ticket: int, now_s: float, *, failed: bool) -> tuple[SpeculationResult, bool]:
        """Note that a unit failed or was lost; returns also whether its pixels must still be rendered."""
        ended = self.in_flight.end(ticket, now_s=now_s)
        if ended is None:
            return SpeculationResult(), False
        result, wanted = self._speculation.aborted(ticket, ended.block, failed=failed)
        return self._drop_duplicates(result, ended.block.frame), wanted

    def cancel(self, ticket: int, now_s: float) -> Assignment | None:
        """Remove a unit in flight that is no longer needed."""
        return self.in_flight.end(ticket, now_s=now_s)

    def requeue(self, block: Block) -> None:
        """Return work to the pool, to be handed out first, unless its frame is abandoned or ended before it."""
        stop = self._sample_stops.get(block.frame, block.samples.stop)
        if block.frame not in self._abandoned and block.samples.stop <= stop:
            self._pool.put(0, [block])

    def requeue_due(self, now_s: float) -> bool:
        """Return work to the pool whose backoff is over; whether there was any."""
        due = self.backoff.take_due(now_s)
        for block in due:
            self.requeue(block)
        return bool(due)

    def render_again(self, frame: int) -> None:
        """Put all of an abandoned frame back, to be handed out first."""
        self._sample_stops.pop(frame, None)
        self._abandoned.discard(frame)
        blocks = [Block(frame=frame, samples=samples, region=self.region) for samples in self.passes]
        self._pool.put(0, reversed(blocks))

    def abandon(self, frame: int) -> tuple[int, ...]:
        """Drop what is left of a frame; returns its tickets in flight."""
        self._abandoned.add(frame)
        self._pool.drop(frame)
        self.backoff.drop(frame)
        tickets = {assignment.ticket for assignment in self.in_flight if assignment.block.frame == frame}
        self._speculation.drop(tickets)
        return tuple(sorted(tickets))

    def drop_after(self, frame: int, sample_stop: int) -> SpeculationResult:
        """Drop passes of a frame that go beyond a number of samples. Finished duplicates of dropped units count."""
        self._sample_stops[frame] = sample_stop
        for work in (self._pool, self.backoff):
            work.drop(frame, lambda block: block.samples.stop > sample_stop)
        tickets = {
            assignment.ticket
            for assignment in self.in_flight
            if assignment.block.frame == frame and assignment.block.samples.stop > sample_stop
        }
        return SpeculationResult(counted=self._speculation.drop(tickets), cancelled=tuple(sorted(tickets)))

    def seconds_left(self, now_s: float) -> float | None:
        """Estimate the seconds until all is rendered; None if nothing is known."""
        if not self.cost.measured or not self.learning.farm_speed:
            return None
        pool_s = self._pool.price(self._price) + len(self._pool) * self.learning.fixed_s
        return (pool_s + self.in_flight.work_left(now_s)) / self.learning.farm_speed

    def _next_from_pool(self, node: str, now_s: float) -> list[Block]:
        return self.sizer.next_unit(node, now_s, done_s=self._done_s, time_left_s=self.time_left_s)

    def _learn(self, ended: Assignment, render_s: float, costs: CostGrid | None) -> None:
        known = self.cost.measured
        self.learning.learn_unit(ended.block, ended.node, render_s=render_s, costs=costs)
        if self.cost.measured and not known:  # until now, durations in flight were pixel-samples
            self.in_flight.set_durations(lambda unit: self._duration_s(unit.block, unit.node, unit_size=unit.unit_size))

    def _duration_s(self, block: Block, node: str, *, unit_size: int) -> float:
        """Seconds a block should take in a unit of so many blocks."""
        return self.learning.seconds(block, node) + self.learning.overhead_s / unit_size

    def _price(self, region: Region, samples: int) -> float:
        return self.cost.predict(region, samples=samples)

    def _missing(self, work: FrameWork, samples: SampleRange) -> list[Block]:
        done: list[Region] = []
        for rendered, region in work.done:
            usable = rendered == samples and region.inside(self.region)
            if usable and not any(overlaps(region, other) for other in done):
                done.append(region)
                self.reused.append(Block(frame=work.frame, samples=samples, region=region))
        return [Block(frame=work.frame, samples=samples, region=piece) for piece in subtract(self.region, done)]

    def _drop_duplicates(self, result: SpeculationResult, frame: int) -> SpeculationResult:
        """Remove duplicates from the pool that are no longer needed."""
        if result.drop_duplicates_of is not None:
            for work in (self._pool, self.backoff):
                work.drop(frame, lambda block: block.duplicate_of == result.drop_duplicates_of)
        return result
