"""The planner: which units a node gets next, from the work left and what finished units have taught.

One algorithm for stills and sequences: a node that asks gets a part of its share of the work left. While that
is more than a frame it gets whole frames; when it is less, the frame is cut. When nothing is left to hand out,
idle nodes are given pixels that others take too long for.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

from flows.plan.block import Block, overlaps, subtract
from flows.plan.cost import CostMap
from flows.plan.cut import cut_off
from flows.plan.learning import Learning
from flows.plan.passes import turns
from flows.plan.pool import Pool
from flows.plan.races import Races, Settlement
from flows.plan.resting import Resting
from flows.plan.sizing import BLIND_FRAME, BLIND_PART, OVERHEAD_LIMIT, Outlook, unit_work
from flows.plan.tail import Tail
from flows.plan.under_way import UnderWay

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from flows.plan.learning import NodeState
    from flows.plan.under_way import Assignment
    from tasks.spec import CostGrid, Region, SampleRange, Size

PROBE_UNITS_PER_NODE = 2
"""Units a node gets of the probe. A unit tells of its parts too, so more would only be overhead."""
MOST_AT_ONCE = 64


class Mode(StrEnum):
    """How a job is cut."""

    AUTO = "auto"
    FRAMES = "frames"
    TILES = "tiles"


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
    under_way: UnderWay = field(init=False, default_factory=UnderWay)
    reused: list[Block] = field(init=False, default_factory=list)
    ends_in_s: float = field(init=False, default=inf)
    """Seconds until the job's time is up: units are cut so that they end before it."""
    _pool: Pool = field(init=False)
    _races: Races = field(init=False, default_factory=Races)
    _tail: Tail = field(init=False)
    resting: Resting = field(init=False, default_factory=Resting)
    """Work that failed and waits before it is handed out again."""
    most_px: dict[str, float] = field(init=False, default_factory=dict)
    """Pixels a unit may have at most on nodes whose memory is short."""
    _done_s: float = field(init=False, default=0.0)
    _abandoned: set[int] = field(init=False, default_factory=set)
    _stops: dict[int, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.learning = Learning(cost=CostMap(self.size))
        self._tail = Tail(learning=self.learning, under_way=self.under_way, races=self._races)
        blocks = [block for work, samples in turns(self.frames, self.passes) for block in self._missing(work, samples)]
        self._pool = Pool(blocks, whole=self.region)

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
        return bool(self._pool.of_frame(frame) or self.under_way.of_frame(frame) or self.resting.of_frame(frame))

    def join(self, node: str) -> None:
        """Count a node in."""
        self.learning.join(node)

    def leave(self, node: str) -> None:
        """Count a node out."""
        self.learning.leave(node)

    def next_blocks(self, node: str, now_s: float) -> list[Block]:
        """Take the next unit for a node out of the pool: one block, or several short ones. Empty if there is none."""
        block = self._take(node, now_s)
        if block is None and self.exhausted:
            late = self._tail.take_over(node, now_s, done_s=self._done_s, alone=self.mode is Mode.FRAMES)
            if late is not None:
                self._pool.put(0, [late])
                block = self._take(node, now_s)
        if block is None:
            return []
        return [block, *self._company(block, node, now_s)]

    def start(self, units: Mapping[int, Block], node: str, now_s: float) -> None:
        """Note that a node was given blocks."""
        speed, known = self.learning.speed(node), self.cost.measured
        seconds = [self._takes_s(block, node, of=len(units)) for block in units.values()]
        self.under_way.start(units, node, now_s=now_s, speed=speed, seconds=seconds, known=known)
        for ticket, block in units.items():
            self._races.started(ticket, block)

    def finish(self, ticket: int, now_s: float, *, render_s: float | None, costs: CostGrid | None = None) -> Settlement:
        """Take in a finished unit, and settle what it decides.

        ``render_s`` is None for a unit that was found finished.
        """
        ended = self.under_way.end(ticket, now_s=now_s)
        if ended is None:
            return Settlement()
        if render_s is not None:
            self._learn(ended, render_s, costs)
        if self.cost.measured:  # before, prices are no seconds
            self._done_s += self.learning.price(ended.block)
        return self._settle(self._races.finished(ticket, ended.block), ended.block.frame)

    def gone(self, ticket: int, now_s: float, *, failed: bool) -> tuple[Settlement, bool]:
        """Take back a unit that failed or whose node is gone: what that settles, and whether it is still wanted."""
        ended = self.under_way.end(ticket, now_s=now_s)
        if ended is None:
            return Settlement(), False
        settlement, wanted = self._races.gone(ticket, ended.block, failed=failed)
        return self._settle(settlement, ended.block.frame), wanted

    def learn_overhead(self, seconds: float) -> None:
        """Take in what a unit took besides rendering."""
        self.learning.learn_overhead(seconds)

    def give_back(self, block: Block) -> None:
        """Return work that wasn't done; it is the first to be handed out again."""
        stop = self._stops.get(block.frame, block.samples.stop)
        if block.frame not in self._abandoned and block.samples.stop <= stop:
            self._pool.put(0, [block])

    def wake(self, now_s: float) -> bool:
        """Return work that has rested enough to the pool; whether there was any."""
        rested = self.resting.due(now_s)
        for block in rested:
            self.give_back(block)
        return bool(rested)

    def call_back(self, ticket: int, now_s: float) -> Assignment | None:
        """Forget a unit that nobody needs any more."""
        return self.under_way.end(ticket, now_s=now_s)

    def abandon(self, frame: int) -> tuple[int, ...]:
        """Drop what is left of a frame; returns the tickets that are under way."""
        self._abandoned.add(frame)
        self._pool.drop(frame)
        self.resting.drop(frame)
        tickets = {assignment.ticket for assignment in self.under_way if assignment.block.frame == frame}
        self._races.drop(tickets)
        return tuple(sorted(tickets))

    def drop_after(self, frame: int, sample_stop: int) -> Settlement:
        """Drop what is left of a frame from a number of samples on; nothing of it is taken back.

        Pieces of a race that are finished count: the unit that might have been faster is called back.
        """
        self._stops[frame] = sample_stop
        for work in (self._pool, self.resting):
            work.drop(frame, lambda block: block.samples.stop > sample_stop)
        tickets = {
            assignment.ticket
            for assignment in self.under_way
            if assignment.block.frame == frame and assignment.block.samples.stop > sample_stop
        }
        return Settlement(counted=self._races.drop(tickets), call_back=tuple(sorted(tickets)))

    def seconds_left(self, now_s: float) -> float | None:
        """Seconds until the job ends, if all goes on as it does; None while nothing is known."""
        if not self.cost.measured or not self.learning.farm_speed:
            return None
        return (self._pool.price(self._price) + self.under_way.work_left(now_s)) / self.learning.farm_speed

    def _learn(self, ended: Assignment, render_s: float, costs: CostGrid | None) -> None:
        known = self.cost.measured
        self.learning.finished(ended.block, ended.node, render_s=render_s, costs=costs)
        if self.cost.measured and not known:  # until now, units under way were counted in pixels
            self.under_way.foresee(lambda one: self._takes_s(one.block, one.node, of=one.of))

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

    def _take(self, node: str, now_s: float) -> Block | None:
        choice = self._pool.choice(node, self.nodes.keys())
        if not choice:
            return None
        target, most = self._target(choice[0][1], node, now_s)
        # What others cut off may be smaller than this node should get: such pieces keep until small ones are wanted.
        prices = [self.learning.price(block) for _, block in choice]
        best = next((n for n, price in enumerate(prices) if price >= target), prices.index(max(prices)))
        index = choice[best][0]
        block = self._pool.take(index)
        piece, rest = cut_off(
            block.region,
            target=target,
            price=lambda region: self.cost.predict(region, samples=block.samples.count, once=True),
            align_px=self.align_px,
            most=most,
        )
        if node in self.most_px and self.mode is not Mode.FRAMES:
            most_px = self.most_px[node]
            piece, more = cut_off(piece, target=most_px, price=lambda region: region.area, align_px=self.align_px)
            rest += more
        self._pool.put(index, [block.part(region) for region in rest])
        return block.part(piece)

    def _company(self, first: Block, node: str, now_s: float) -> Iterable[Block]:
        """Take more whole frames for a unit whose frame is far shorter than what a unit costs besides."""
        if not self.cost.measured or not self._groups(first) or node in self.most_px:
            return
        work = self.learning.price(first)
        floor = self.learning.overhead_s / OVERHEAD_LIMIT * self.learning.speed(node)
        share = self._outlook(first, node, now_s).cautious_s
        for _ in range(MOST_AT_ONCE - 1):
            choice = self._pool.choice(node, self.nodes.keys())
            if not choice or not self._groups(choice[0][1]):
                return
            work += self.learning.price(choice[0][1])
            if work > min(floor, share):
                return
            yield self._pool.take(choice[0][0])

    def _groups(self, block: Block) -> bool:
        """Whether a block may share a unit with others: a whole frame that nobody has failed on."""
        return len(self.passes) == 1 and block.region == self.region and block.race is None and not block.failures

    def _target(self, block: Block, node: str, now_s: float) -> tuple[float, float]:
        """Price that the unit of this node should have, and may have at most, in the unit of `CostMap.predict`."""
        if self.mode is Mode.FRAMES:
            return inf, inf
        outlook = self._outlook(block, node, now_s)
        whole = self._price(self.region, block.samples.count)
        if self._probes(block):
            return whole * outlook.speed / (self.learning.farm_speed or 1.0) / PROBE_UNITS_PER_NODE, inf
        if not self.cost.measured:  # prices are pixel-samples
            small = whole <= BLIND_FRAME and self._one_for_each(block)
            return whole if small else outlook.share_s / BLIND_PART, inf
        most = min(outlook.cautious_s, outlook.timely_s, outlook.whole_s)
        if self.mode is Mode.AUTO and block.region == self.region and whole <= most:
            return whole, inf
        return unit_work(outlook), outlook.most_s

    def _one_for_each(self, block: Block) -> bool:
        """Whether a frame may be given out whole as far as its number goes: there is one for every node."""
        return self.mode is Mode.AUTO and block.region == self.region and len(self.frames) >= max(2, len(self.nodes))

    def _probes(self, block: Block) -> bool:
        """Whether a block measures the picture: a still's first pass, or the first of a sequence that has passes."""
        if len(self.passes) == 1 or block.samples != self.passes[0]:
            return False
        return len(self.frames) == 1 or not self.cost.measured

    def _outlook(self, block: Block, node: str, now_s: float) -> Outlook:
        """What is known when a node asks and is to have a block, or a part of it."""
        learning, known = self.learning, self.cost.measured
        frame = block.frame if self.mode is Mode.TILES else None
        state = learning.nodes.get(node)
        pool_s = self._pool.price(self._price, frame=frame, samples=block.samples if self.limited else None)
        farm_speed = learning.farm_speed or 1.0
        return Outlook(
            pool_s=pool_s,
            hands_s=self.under_way.work_left(now_s) if known else 0.0,
            together_s=self.under_way.together_s(pool_s, farm_speed, now_s) if known else pool_s / farm_speed,
            busy_s=self.under_way.busy_s(node, now_s) if known else 0.0,
            speed=learning.speed(node),
            overhead_s=learning.overhead_s,
            deviation=learning.deviation(block, node),
            largest_s=state.largest_s if state else 0.0,
            speed_deviation=state.variance**0.5 if state else 0.0,
            done_s=self._done_s,
            ends_in_s=self.ends_in_s,
        )

    def _settle(self, settlement: Settlement, frame: int) -> Settlement:
        """Take the pieces of a race that is over out of the pool."""
        if settlement.drop is not None:
            for work in (self._pool, self.resting):
                work.drop(frame, lambda block: block.race == settlement.drop)
        return settlement
