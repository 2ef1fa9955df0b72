"""Decides how much work a node gets at once, and cuts that unit out of the work left."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from math import inf
from typing import TYPE_CHECKING

from frontburner.plan.split_region import split_off

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from frontburner.plan.block import Block
    from frontburner.plan.in_flight import InFlight
    from frontburner.plan.learning import Learning
    from frontburner.plan.pool import Pool
    from tasks.spec import Region, SampleRange

CAUTION = 3.0
"""How much of its share a node doesn't get yet, in standard deviations of prediction errors."""
RAMP = 4.0
"""A unit is at most this many times the largest one its node has finished."""
MIN_UNITS_LEFT = 16
"""A unit takes at most this fraction, 1 / 16, of the time left, to limit what is lost with a node."""
YIELDING_S = 20.0
"""Seconds a unit takes at most on a node that may give its machine back to its owner at any moment."""
YIELDING_UNMEASURED = 50_000
"""Pixel-samples of its first unit, before anything is known of the cost: a few seconds of most pictures."""
SHORT_S = 5.0
"""Units this short needn't be shorter, whatever the job."""
OVERHEAD_GOAL = 0.008
"""Overhead as a part of a unit, while much is left to do."""
OVERHEAD_LIMIT = 0.08
"""Overhead as a part of a unit, at most."""
RISK = 0.05
"""Part of the whole job's time that may be lost if a node dies with a unit, as far as overhead allows."""
WHOLE_FRAME_RISK = 0.09
"""The same for a frame that isn't cut: cutting costs overhead, and more nodes read its scene."""
MIN_UNITS_TO_LIMIT = 4
"""Near its time limit, a unit takes at most a quarter of the job's time left: a node may hold two units."""
UNMEASURED_DIVISOR = 3
"""As long as nothing is known of the cost, a node gets this fraction, 1 / 3, of its share in two units."""
UNMEASURED_WHOLE_FRAME = 250_000
"""But a frame of no more pixel-samples than this whole: it takes any renderer a few seconds at most."""
FIRST_SHARE, SECOND_SHARE = 0.35, 0.65
"""Parts of its share that a node gets first while nothing is known of the cost.

In the probe these two are all it gets: a unit also measures its parts, so more would only add overhead. Two sizes tell
the cost of a unit apart from that of its pixels.
"""
MAX_BATCH = 64
"""Frames in a unit at most."""


class Mode(StrEnum):
    """How frames are cut: never (``FRAMES``), all over all nodes (``TILES``), or as keeps nodes busy to the end."""

    AUTO = "auto"
    FRAMES = "frames"
    TILES = "tiles"


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitOutlook:
    """What is known when a node asks for work. Work is in seconds of a node of speed 1.

    Parameters
    ----------
    pool_s, in_flight_s, done_s
        Work that no node has, that nodes have, and that is done.
    balanced_s, busy_s
        Seconds until all nodes are done, if they end at the same time, and until the asking node has done what it has.
    speed, speed_deviation
        Speed of the asking node, and the standard deviation of its logarithm.
    overhead_s
        Seconds a unit takes besides rendering its pixels.
    deviation
        Standard deviation of the logarithm of measured over predicted times.
    largest_s
        The node's largest finished unit; 0 if there is none.
    time_left_s
        Seconds until the job's time limit.
    """

    pool_s: float
    in_flight_s: float
    balanced_s: float
    busy_s: float
    speed: float
    overhead_s: float
    deviation: float
    largest_s: float
    speed_deviation: float
    done_s: float
    time_left_s: float = inf

    @property
    def total_s(self) -> float:
        """Work of the whole job."""
        return self.done_s + self.pool_s + self.in_flight_s

    @property
    def share_s(self) -> float:
        """The node's share of all the work left, if all nodes are to end at the same time."""
        return max(0.0, self.speed * (self.balanced_s - self.busy_s))

    @property
    def cautious_s(self) -> float:
        """Part of its share the node may get in one unit, given how far predictions are off."""
        return self.share_s / (1.0 + CAUTION * self.deviation)

    @property
    def max_s(self) -> float:
        """Most work a unit may hold if no piece of the wanted size can be cut.

        With more than its share a node makes all others wait, which is worth no more than the overhead of a unit.
        """
        return self.share_s + self.overhead_s * self.speed

    @property
    def max_whole_frame_s(self) -> float:
        """Most work of a frame that is given out whole: little of a short sequence may be lost with a node."""
        return max(SHORT_S * self.speed, WHOLE_FRAME_RISK * self.total_s)

    @property
    def timely_s(self) -> float:
        """Work the node may get in one unit, so that little is cancelled at the time limit."""
        return self.time_left_s / MIN_UNITS_TO_LIMIT * self.speed

    @property
    def max_safe_s(self) -> float:
        """Most work in a unit, so that little is lost with a node that dies or is slower than expected."""
        speed = self.speed
        time_left_s, at_risk_s = self.share_s / speed, RISK * self.total_s / speed
        limit = speed * max(time_left_s / MIN_UNITS_LEFT, min(self.overhead_s / OVERHEAD_GOAL, at_risk_s), SHORT_S)
        limit /= 1 + 4 * max(0.0, self.speed_deviation - 0.1)
        return min(limit, RAMP * max(self.largest_s, self.overhead_s * speed)) if self.largest_s else limit


def unit_work(outlook: UnitOutlook) -> float:
    """Work the next unit should hold, in seconds of a node of speed 1.

    Shares of the work left make units shrink towards the end (factoring: Hummel, Schonberg, Flynn 1992), the more
    slowly the better times are predicted. Overhead sets the minimum; at the very end a node gets its whole share.
    """
    minimum = min(outlook.overhead_s / OVERHEAD_LIMIT * outlook.speed, outlook.share_s)
    wanted = min(outlook.cautious_s, outlook.timely_s, outlook.max_safe_s)
    return max(wanted, minimum, outlook.overhead_s * outlook.speed)


@dataclass(slots=True, kw_only=True)
class UnitSizer:
    """Takes units from the pool.

    Parameters
    ----------
    frames
        Number of frames in the job.
    region, passes, mode, align_px, limited, max_px, yielding
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
    max_px: Mapping[str, float]
    yielding: AbstractSet[str] = frozenset()

    def next_unit(self, node: str, now_s: float, *, done_s: float, time_left_s: float) -> list[Block]:
        """Take the next unit for a node: one block, or several short ones; empty if there is none.

        Parameters
        ----------
        done_s
            Finished work of the job.
        time_left_s
            Seconds until the job's time limit.
        """
        candidates = self.pool.candidates(node, self.learning.nodes.keys())
        if not candidates:
            return []
        outlook = self._outlook(candidates[0][1], node, now_s, done_s=done_s, time_left_s=time_left_s)
        most, (target, limit) = self._most(node, outlook), self._target(candidates[0][1], node, outlook)
        if self.mode is not Mode.FRAMES:
            target, limit = min(target, most), min(limit, most)
        block = self._take(candidates, node, target, limit)
        return [block, *self._batch_with(block, node, outlook, most)]

    def _take(self, candidates: Sequence[tuple[int, Block]], node: str, target: float, limit: float) -> Block:
        """Take the candidate whose price comes closest to the target, cut to it."""
        # Pieces that are smaller than this node should get stay in the pool until small ones are wanted.
        prices = [self.learning.price(block) for _, block in candidates]
        best = next((n for n, price in enumerate(prices) if price >= target), prices.index(max(prices)))
        position = candidates[best][0]
        block = self.pool.take(position)
        piece, rest = split_off(
            block.region,
            target=target,
            price=lambda region: self.learning.cost.predict(region, samples=block.samples.count, cache=False),
            align_px=self.align_px,
            limit=limit,
        )
        if node in self.max_px and self.mode is not Mode.FRAMES:
            max_px = self.max_px[node]
            piece, more = split_off(piece, target=max_px, price=lambda region: region.area, align_px=self.align_px)
            rest += more
        self.pool.put(position, [block.part(region) for region in rest])
        return block.part(piece)

    def _batch_with(self, first: Block, node: str, outlook: UnitOutlook, most: float) -> Iterable[Block]:
        """Take more whole frames for a unit whose first frame takes far less time than the overhead of a unit."""
        if not self.learning.cost.measured or not self._can_batch(first) or node in self.max_px:
            return
        work = self.learning.price(first) + self.learning.fixed_s
        enough = self.learning.overhead_s / OVERHEAD_LIMIT * outlook.speed
        for _ in range(MAX_BATCH - 1):
            candidates = self.pool.candidates(node, self.learning.nodes.keys())
            if not candidates or not self._can_batch(candidates[0][1]):
                return
            work += self.learning.price(candidates[0][1]) + self.learning.fixed_s
            if work > min(enough, outlook.cautious_s, most):
                return
            yield self.pool.take(candidates[0][0])

    def _can_batch(self, block: Block) -> bool:
        """Whether a block may share a unit with others: a whole frame that hasn't failed."""
        whole = len(self.passes) == 1 and block.region == self.region
        return whole and block.duplicate_of is None and not block.failures

    def _target(self, block: Block, node: str, outlook: UnitOutlook) -> tuple[float, float]:
        """Return the price this node's unit should have, and its limit, in the unit of `CostMap.predict`."""
        if self.mode is Mode.FRAMES:
            return inf, inf
        whole = self._price(self.region, block.samples.count)
        uncut = self.mode is Mode.AUTO and block.region == self.region
        if self._is_probe(block):
            share = whole * outlook.speed / (self.learning.farm_speed or 1.0)
            return share * (FIRST_SHARE if self._is_first(node) else SECOND_SHARE), inf
        if not self.learning.cost.measured:  # prices are pixel-samples
            frame_per_node = uncut and self.frames >= max(2, len(self.learning.nodes))
            small = whole <= UNMEASURED_WHOLE_FRAME and frame_per_node
            part = FIRST_SHARE if self._is_first(node) else SECOND_SHARE
            return whole if small else part * outlook.share_s / UNMEASURED_DIVISOR, inf
        if uncut and whole <= min(outlook.cautious_s, outlook.timely_s, outlook.max_whole_frame_s):
            return whole, inf
        return unit_work(outlook), outlook.max_s

    def _most(self, node: str, outlook: UnitOutlook) -> float:
        """Return the most work of a unit, where its node may give its machine back before it ends."""
        if node not in self.yielding:
            return inf
        if not self.learning.cost.measured:  # prices are pixel-samples
            return YIELDING_UNMEASURED
        return max(YIELDING_S / (1.0 + outlook.deviation), outlook.overhead_s) * outlook.speed

    def _is_first(self, node: str) -> bool:
        """Whether a node has neither finished a unit nor has one."""
        state = self.learning.nodes.get(node)
        return not (state is not None and state.units) and not self.in_flight.count(node)

    def _is_probe(self, block: Block) -> bool:
        """Whether a block measures the picture: the first pass of a still, or of a sequence's first frames."""
        if len(self.passes) == 1 or block.samples != self.passes[0]:
            return False
        return self.frames == 1 or not self.learning.cost.measured

    def _outlook(self, block: Block, node: str, now_s: float, *, done_s: float, time_left_s: float) -> UnitOutlook:
        """Return what is known when a node is to get a block or a part of it."""
        learning, measured = self.learning, self.learning.cost.measured
        frame = block.frame if self.mode is Mode.TILES else None
        state = learning.nodes.get(node)
        pool_s = self.pool.price(self._price, frame=frame, samples=block.samples if self.limited else None)
        farm_speed = learning.farm_speed or 1.0
        return UnitOutlook(
            pool_s=pool_s,
            in_flight_s=self.in_flight.work_left(now_s) if measured else 0.0,
            balanced_s=self.in_flight.balanced_s(pool_s, farm_speed, now_s) if measured else pool_s / farm_speed,
            busy_s=self.in_flight.busy_s(node, now_s) if measured else 0.0,
            speed=learning.speed(node),
            overhead_s=learning.unit_overhead_s,
            deviation=learning.deviation(block, node),
            largest_s=state.largest_s if state else 0.0,
            speed_deviation=state.variance**0.5 if state else 0.0,
            done_s=done_s,
            time_left_s=time_left_s,
        )

    def _price(self, region: Region, samples: int) -> float:
        return self.learning.cost.predict(region, samples=samples)
