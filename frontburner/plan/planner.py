"""The planner: which units a node gets next, from the work left and what finished units have taught.

One algorithm for stills and sequences: a node that asks gets a part of its share of the work left. While that
is more than a frame it gets whole frames; when it is less, the frame is cut. When nothing is left to hand out,
idle nodes are given pixels that others take too long for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

from frontburner.plan.backoff import Backoff
from frontburner.plan.block import Block, overlaps, subtract
from frontburner.plan.cost_map import CostMap
from frontburner.plan.in_flight import InFlight
from frontburner.plan.learning import Learning
from frontburner.plan.passes import turns
from frontburner.plan.pool import Pool
from frontburner.plan.speculation import Speculation, SpeculationResult
from frontburner.plan.stragglers import Stragglers
from frontburner.plan.unit_sizer import Mode, UnitSizer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from frontburner.plan.in_flight import Assignment
    from frontburner.plan.learning import NodeState
    from tasks.spec import CostGrid, Region, SampleRange, Size


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameWork:
    """A frame to be rendered, and the regions of it that exist already, by range of samples."""

    frame: int
    done: tuple[tuple[SampleRange, Region], ...] = ()


@dataclass(slots=True, kw_only=True)
class Planner:
    """Cuts what is left of a job into units for the nodes that ask, and learns from how they end.

    ``reused`` are the units that exist already: a disjoint choice of what `FrameWork.done` lists.

    Parameters
    ----------
    frames
        The job's frames, in the order they should be rendered.
    size, region
        Size of a frame, and the part of it to render.
    passes
        Ranges of samples each frame is rendered in.
    mode
        ``FRAMES`` never cuts a frame, ``TILES`` spreads every frame over all nodes, ``AUTO`` does what
        keeps all nodes busy to the end.
    align_px
        Cuts lie at multiples of these, across and down.
    limited
        Whether frames may be ended before their last pass: a node's share is then of one pass, not of all that is
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
    ends_in_s: float = field(init=False, default=inf)
    """Seconds until the job's time is up: units are cut so that they end before it."""
    _pool: Pool = field(init=False)
    _speculation: Speculation = field(init=False, default_factory=Speculation)
    _stragglers: Stragglers = field(init=False)
    sizer: UnitSizer = field(init=False)
    backoff: Backoff = field(init=False, default_factory=Backoff)
    """Work that failed and waits before it is handed out again."""
    most_px: dict[str, float] = field(init=False, default_factory=dict)
    """Pixels a unit may have at most on nodes whose memory is short."""
    _done_s: float = field(init=False, default=0.0)
    _abandoned: set[int] = field(init=False, default_factory=set)
    _stops: dict[int, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.learning = Learning(cost=CostMap(self.size))
        self._stragglers = Stragglers(learning=self.learning, in_flight=self.in_flight, speculation=self._speculation)
        blocks = [block for work, samples in turns(self.frames, self.passes) for block in self._missing(work, samples)]
        self._pool = Pool(blocks, whole=self.region)
        self.sizer = UnitSizer(
            pool=self._pool, learning=self.learning, in_flight=self.in_flight, frames=len(self.frames),
            region=self.region, passes=self.passes, mode=self.mode, align_px=self.align_px, limited=self.limited,
            most_px=self.most_px,
        )  # fmt: skip

    @property
    def cost(self) -> CostMap:
        """What the picture costs, as far as is known."""
        return self.learning.cost

    @property
    def nodes(self) -> Mapping[str, NodeState]:
        """Nodes that are there, and what is known of them."""
        return self.learning.nodes

    @property
    def exhausted(self) -> bool:
        """Whether all work has been handed out."""
        return not len(self._pool)

    def pending(self, frame: int) -> bool:
        """Whether anything of a frame is still to be rendered."""
        return bool(self._pool.of_frame(frame) or self.in_flight.of_frame(frame) or self.backoff.of_frame(frame))

    def join(self, node: str) -> None:
        """Count a node in."""
        self.learning.join(node)

    def leave(self, node: str) -> None:
        """Count a node out."""
        self.learning.leave(node)

    def next_blocks(self, node: str, now_s: float) -> list[Block]:
        """Take the next unit for a node out of the pool: one block, or several short ones. Empty if there is none."""
        blocks = self.sizer.unit(node, now_s, done_s=self._done_s, ends_in_s=self.ends_in_s)
        if not blocks and self.exhausted:
            late = self._stragglers.take_over(node, now_s, done_s=self._done_s, alone=self.mode is Mode.FRAMES)
            if late is not None:
                self._pool.put(0, [late])
                blocks = self.sizer.unit(node, now_s, done_s=self._done_s, ends_in_s=self.ends_in_s)
        return blocks

    def start(self, units: Mapping[int, Block], node: str, now_s: float) -> None:
        """Note that a node was given blocks."""
        speed, known = self.learning.speed(node), self.cost.measured
        seconds = [self._takes_s(block, node, of=len(units)) for block in units.values()]
        self.in_flight.start(units, node, now_s=now_s, speed=speed, seconds=seconds, known=known)
        for ticket, block in units.items():
            self._speculation.started(ticket, block)

    def finish(
        self, ticket: int, now_s: float, *, render_s: float | None, costs: CostGrid | None = None
    ) -> SpeculationResult:
        """Take in a finished unit, and settle what it decides.

        ``render_s`` is None for a unit that was found finished.
        """
        ended = self.in_flight.end(ticket, now_s=now_s)
        if ended is None:
            return SpeculationResult()
        if render_s is not None:
            self._learn(ended, render_s, costs)
        if self.cost.measured:  # before, prices are no seconds
            self._done_s += self.learning.price(ended.block)
        return self._settle(self._speculation.finished(ticket, ended.block), ended.block.frame)

    def gone(self, ticket: int, now_s: float, *, failed: bool) -> tuple[SpeculationResult, bool]:
        """Take back a unit that failed or whose node is gone: what that settles, and whether it is still wanted."""
        ended = self.in_flight.end(ticket, now_s=now_s)
        if ended is None:
            return SpeculationResult(), False
        settlement, wanted = self._speculation.gone(ticket, ended.block, failed=failed)
        return self._settle(settlement, ended.block.frame), wanted

    def learn_overhead(self, seconds: float) -> None:
        """Take in what a unit took besides rendering."""
        self.learning.learn_overhead(seconds)

    def give_back(self, block: Block) -> None:
        """Return work that wasn't done; it is the first to be handed out again."""
        stop = self._stops.get(block.frame, block.samples.stop)
        if block.frame not in self._abandoned and block.samples.stop <= stop:
            self._pool.put(0, [block])

    def render_again(self, frame: int) -> None:
        """Put all of a frame back that was abandoned; it is the first to be handed out."""
        self._stops.pop(frame, None)
        self._abandoned.discard(frame)
        blocks = [Block(frame=frame, samples=samples, region=self.region) for samples in self.passes]
        self._pool.put(0, reversed(blocks))

    def wake(self, now_s: float) -> bool:
        """Return work that has rested enough to the pool; whether there was any."""
        rested = self.backoff.due(now_s)
        for block in rested:
            self.give_back(block)
        return bool(rested)

    def call_back(self, ticket: int, now_s: float) -> Assignment | None:
        """Forget a unit that nobody needs any more."""
        return self.in_flight.end(ticket, now_s=now_s)

    def abandon(self, frame: int) -> tuple[int, ...]:
        """Drop what is left of a frame; returns the tickets that are under way."""
        self._abandoned.add(frame)
        self._pool.drop(frame)
        self.backoff.drop(frame)
        tickets = {assignment.ticket for assignment in self.in_flight if assignment.block.frame == frame}
        self._speculation.drop(tickets)
        return tuple(sorted(tickets))

    def drop_after(self, frame: int, sample_stop: int) -> SpeculationResult:
        """Drop what is left of a frame from a number of samples on; nothing of it is taken back.

        Pieces of a race that are finished count: the unit that might have been faster is called back.
        """
        self._stops[frame] = sample_stop
        for work in (self._pool, self.backoff):
            work.drop(frame, lambda block: block.samples.stop > sample_stop)
        tickets = {
            assignment.ticket
            for assignment in self.in_flight
            if assignment.block.frame == frame and assignment.block.samples.stop > sample_stop
        }
        return SpeculationResult(counted=self._speculation.drop(tickets), call_back=tuple(sorted(tickets)))

    def seconds_left(self, now_s: float) -> float | None:
        """Seconds until the job ends, if all goes on as it does; None while nothing is known."""
        if not self.cost.measured or not self.learning.farm_speed:
            return None
        return (self._pool.price(self._price) + self.in_flight.work_left(now_s)) / self.learning.farm_speed

    def _learn(self, ended: Assignment, render_s: float, costs: CostGrid | None) -> None:
        known = self.cost.measured
        self.learning.finished(ended.block, ended.node, render_s=render_s, costs=costs)
        if self.cost.measured and not known:  # until now, units under way were counted in pixels
            self.in_flight.foresee(lambda one: self._takes_s(one.block, one.node, of=one.of))

    def _takes_s(self, block: Block, node: str, *, of: int) -> float:
        """Seconds a block should take that goes out with others in one unit."""
        return self.learning.seconds(block, node) + self.learning.overhead_s / of

    def _price(self, region: Region, samples: int) -> float:
        return self.cost.predict(region, samples=samples)

    def _missing(self, work: FrameWork, samples: SampleRange) -> list[Block]:
        done: list[Region] = []
        for rendered, region in work.done:
            if (
                rendered == samples
                and region.inside(self.region)
                and not any(overlaps(region, other) for other in done)
            ):
                done.append(region)
                self.reused.append(Block(frame=work.frame, samples=samples, region=region))
        return [Block(frame=work.frame, samples=samples, region=piece) for piece in subtract(self.region, done)]

    def _settle(self, settlement: SpeculationResult, frame: int) -> SpeculationResult:
        """Take the pieces of a race that is over out of the pool."""
        if settlement.drop is not None:
            for work in (self._pool, self.backoff):
                work.drop(frame, lambda block: block.duplicate_of == settlement.drop)
        return settlement
