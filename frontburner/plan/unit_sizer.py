"""The cutter: takes a node's next unit out of the work left, cut as large as it should be for this node now."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

from frontburner.plan.split_region import cut_off
from frontburner.plan.unit_cost import BLIND_FRAME, BLIND_PART, OVERHEAD_LIMIT, UnitOutlook, unit_work

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from frontburner.plan.block import Block
    from frontburner.plan.in_flight import InFlight
    from frontburner.plan.learning import Learning
    from frontburner.plan.pool import Pool
    from tasks.spec import Region, SampleRange

PROBE_UNITS_PER_NODE = 2
"""Units a node gets of the probe. A unit tells of its parts too, so more would only be overhead."""
MOST_AT_ONCE = 64


class Mode(StrEnum):
    """How a job is cut."""

    AUTO = "auto"
    FRAMES = "frames"
    TILES = "tiles"


@dataclass(slots=True, kw_only=True)
class UnitSizer:
    """Decides how much a node gets, and takes it from the pool.

    Parameters
    ----------
    pool, learning, under_way
        The work that no node has, what is known of nodes and picture, and what nodes have in hand.
    frames
        How many frames the job has.
    region, passes, mode, align_px, limited, most_px
        See `frontburner.plan.planner.Planner`.
    """

    pool: Pool
    learning: Learning
    in_flight: InFlight
    frames: int
    region: Region
    passes: Sequence[SampleRange]
    mode: Mode
    align_px: tuple[int, int]
    limited: bool
    most_px: Mapping[str, float]

    def unit(self, node: str, now_s: float, *, done_s: float, ends_in_s: float) -> list[Block]:
        """Take the next unit for a node: one block, or several short ones; empty if there is none.

        Parameters
        ----------
        done_s
            Work of the job that is done.
        ends_in_s
            Seconds until the job's time is up.
        """
        choice = self.pool.choice(node, self.learning.nodes.keys())
        if not choice:
            return []
        outlook = self._outlook(choice[0][1], node, now_s, done_s=done_s, ends_in_s=ends_in_s)
        block = self._take(choice, node, *self._target(choice[0][1], outlook))
        return [block, *self._company(block, node, outlook)]

    def _take(self, choice: Sequence[tuple[int, Block]], node: str, target: float, most: float) -> Block:
        """Take of what there is to choose from what comes closest to a price, cut to it."""
        # What others cut off may be smaller than this node should get: such pieces keep until small ones are wanted.
        prices = [self.learning.price(block) for _, block in choice]
        best = next((n for n, price in enumerate(prices) if price >= target), prices.index(max(prices)))
        index = choice[best][0]
        block = self.pool.take(index)
        piece, rest = cut_off(
            block.region,
            target=target,
            price=lambda region: self.learning.cost.predict(region, samples=block.samples.count, once=True),
            align_px=self.align_px,
            most=most,
        )
        if node in self.most_px and self.mode is not Mode.FRAMES:
            most_px = self.most_px[node]
            piece, more = cut_off(piece, target=most_px, price=lambda region: region.area, align_px=self.align_px)
            rest += more
        self.pool.put(index, [block.part(region) for region in rest])
        return block.part(piece)

    def _company(self, first: Block, node: str, outlook: UnitOutlook) -> Iterable[Block]:
        """Take more whole frames for a unit whose frame is far shorter than what a unit costs besides."""
        if not self.learning.cost.measured or not self._groups(first) or node in self.most_px:
            return
        work = self.learning.price(first)
        floor = outlook.overhead_s / OVERHEAD_LIMIT * outlook.speed
        for _ in range(MOST_AT_ONCE - 1):
            choice = self.pool.choice(node, self.learning.nodes.keys())
            if not choice or not self._groups(choice[0][1]):
                return
            work += self.learning.price(choice[0][1])
            if work > min(floor, outlook.cautious_s):
                return
            yield self.pool.take(choice[0][0])

    def _groups(self, block: Block) -> bool:
        """Whether a block may share a unit with others: a whole frame that nobody has failed on."""
        return (
            len(self.passes) == 1 and block.region == self.region and block.duplicate_of is None and not block.failures
        )

    def _target(self, block: Block, outlook: UnitOutlook) -> tuple[float, float]:
        """Price that the unit of this node should have, and may have at most, in the unit of `CostMap.predict`."""
        if self.mode is Mode.FRAMES:
            return inf, inf
        whole = self._price(self.region, block.samples.count)
        if self._probes(block):
            return whole * outlook.speed / (self.learning.farm_speed or 1.0) / PROBE_UNITS_PER_NODE, inf
        if not self.learning.cost.measured:  # prices are pixel-samples
            small = whole <= BLIND_FRAME and self._one_for_each(block)
            return whole if small else outlook.share_s / BLIND_PART, inf
        most = min(outlook.cautious_s, outlook.timely_s, outlook.whole_s)
        if self.mode is Mode.AUTO and block.region == self.region and whole <= most:
            return whole, inf
        return unit_work(outlook), outlook.most_s

    def _one_for_each(self, block: Block) -> bool:
        """Whether a frame may be given out whole as far as its number goes: there is one for every node."""
        whole = self.mode is Mode.AUTO and block.region == self.region
        return whole and self.frames >= max(2, len(self.learning.nodes))

    def _probes(self, block: Block) -> bool:
        """Whether a block measures the picture: a still's first pass, or the first of a sequence that has passes."""
        if len(self.passes) == 1 or block.samples != self.passes[0]:
            return False
        return self.frames == 1 or not self.learning.cost.measured

    def _outlook(self, block: Block, node: str, now_s: float, *, done_s: float, ends_in_s: float) -> UnitOutlook:
        """What is known when a node asks and is to have a block, or a part of it."""
        learning, known = self.learning, self.learning.cost.measured
        frame = block.frame if self.mode is Mode.TILES else None
        state = learning.nodes.get(node)
        pool_s = self.pool.price(self._price, frame=frame, samples=block.samples if self.limited else None)
        farm_speed = learning.farm_speed or 1.0
        return UnitOutlook(
            pool_s=pool_s,
            hands_s=self.in_flight.work_left(now_s) if known else 0.0,
            together_s=self.in_flight.together_s(pool_s, farm_speed, now_s) if known else pool_s / farm_speed,
            busy_s=self.in_flight.busy_s(node, now_s) if known else 0.0,
            speed=learning.speed(node),
            overhead_s=learning.overhead_s,
            deviation=learning.deviation(block, node),
            largest_s=state.largest_s if state else 0.0,
            speed_deviation=state.variance**0.5 if state else 0.0,
            done_s=done_s,
            ends_in_s=ends_in_s,
        )

    def _price(self, region: Region, samples: int) -> float:
        return self.learning.cost.predict(region, samples=samples)
