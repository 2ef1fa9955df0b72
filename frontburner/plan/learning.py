"""What finished units teach: node speeds, the cost of the picture and of a unit, and how far to trust predictions.

A unit may take time of its own, whatever its size: a renderer that starts anew, builds its trees or traces a light
cache for each. That shows when units of other sizes take as long as before, and is then told apart from the cost of
pixels by learning again from all units seen so far.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner.plan.cost_map import CostMap, log_ratio

if TYPE_CHECKING:
    from frontburner.plan.block import Block
    from tasks.spec import CostGrid

UNKNOWN_SPEED_VARIANCE = 0.16
"""Variance of the logarithm of an unknown node's speed."""
SPEED_DRIFT = 0.001
"""Added to a node's speed variance with every unit: other work may come and go on it."""
SPEED_JITTER = 0.003
"""Variance of the logarithm of a node's speed now over its speed in its last unit."""
TIMING_NOISE = 0.003
"""Variance of the logarithm of the time of the same unit on the same node."""
OVERHEAD_RATE = 0.3
"""Weight of a new measurement in the moving average of the overhead."""
MIN_OVERHEAD_S = 1e-3
"""No unit is free, or frames would be cut into units of no size."""
FIRST_SHARES = (0.5, 0.94)
FIXED_SHARES = (0.25, 0.5, 0.75, 0.88, 0.94, 0.97, 0.985, 0.9925)
"""Candidates for the fixed part of units, in parts of the shortest one; the first ones tell whether there is any."""
COMPARED_AFTER = (2, 3, 4, 6, 8, 12, 18, 27, 40, 60)
"""Candidates are compared when so many units have been measured."""
FIXED_EVIDENCE = 8.0
"""A fixed part is believed if units are likelier with it than without by this, twice a logarithm."""
_EXACT = 0.02
"""Predictions needn't be better than this: squared error over its variance, on average."""
_MIN_PIXEL_SHARE = 0.005
"""Pixels take at least this part of a unit: a logarithm of nothing can't be learnt from."""
_ERROR_RATE = 0.05
_MAX_ERROR = 9.0


@dataclass(slots=True, kw_only=True)
class NodeState:
    """What is known of a node.

    Parameters
    ----------
    number
        Its number in the cost map.
    speed, variance
        Speed relative to other nodes, and the variance of its logarithm.
    units, largest_s
        Units it has finished, and the work of the largest one, in seconds of a node of speed 1.
    """

    number: int
    speed: float = 1.0
    variance: float = UNKNOWN_SPEED_VARIANCE
    units: int = 0
    largest_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredUnit:
    """A finished unit: its block, the node that rendered it, the seconds that took, and how they are spread over it."""

    block: Block
    node: str
    render_s: float
    costs: CostGrid | None


@dataclass(slots=True, kw_only=True)
class Learning:
    """What is learnt in one job on one farm.

    Parameters
    ----------
    nodes, known
        The nodes that are available, and all that ever were.
    cores
        Those that nodes render with, where they are known.
    overhead_s
        Seconds a unit takes besides rendering.
    fixed_s
        Seconds that rendering a unit takes any node whatever its size, in addition to those of its pixels.
    """

    cost: CostMap
    nodes: dict[str, NodeState] = field(default_factory=dict)
    known: dict[str, NodeState] = field(default_factory=dict)
    overhead_s: float = 0.01
    cores: dict[str, int] = field(default_factory=dict)
    fixed_s: float = 0.0
    _measured: list[MeasuredUnit] = field(default_factory=list)
    _error: float = 1.0
    """Moving average of squared prediction errors over their predicted variance."""
    _units: int = 0

    @property
    def farm_speed(self) -> float:
        """Speed of all available nodes together."""
        return sum(state.speed for state in self.nodes.values())

    def deviation(self, block: Block, node: str) -> float:
        """Standard deviation of the logarithm of measured over predicted time of a block on a node.

        It follows from what is known of picture and node, scaled by how far recent predictions were off.
        """
        variance = self.cost.variance(block.region) + SPEED_JITTER + TIMING_NOISE
        variance += sum(weight**2 * state.variance for state, weight in self._speed_weights(block, node))
        if node not in self.known:
            variance += UNKNOWN_SPEED_VARIANCE
        return math.sqrt(variance * self._error)

    def add_node(self, node: str) -> None:
        """Add a node. A known one is as fast as it was, a new one as the average for its cores."""
        self.nodes[node] = self._state(node)

    def remove_node(self, node: str) -> None:
        """Remove a node; what is known of it is kept."""
        self.nodes.pop(node, None)

    def seconds(self, block: Block, node: str) -> float:
        """Seconds a node should take to render a block."""
        return self.price(block) / self.speed(node) + self.fixed_s

    @property
    def unit_overhead_s(self) -> float:
        """Seconds a unit takes besides rendering its pixels."""
        return self.overhead_s + self.fixed_s

    def price(self, block: Block) -> float:
        """Seconds a node of speed 1 needs for a block's pixels (pixel-samples until something was measured)."""
        return self.cost.predict(block.region, samples=block.samples.count)

    def speed(self, node: str) -> float:
        """Speed of a node; 1 if it is unknown."""
        return self.known[node].speed if node in self.known else 1.0

    def learn_unit(self, block: Block, node: str, *, render_s: float, costs: CostGrid | None) -> None:
        """Learn from a finished unit. How its time is spread over its region depends on the picture alone."""
        if render_s <= 0:
            return
        unit = MeasuredUnit(block=block, node=node, render_s=render_s, costs=costs)
        self._learn(unit)
        if len(self._measured) < COMPARED_AFTER[-1]:
            self._measured.append(unit)
            if len(self._measured) in COMPARED_AFTER:
                self._tell_fixed_part()

    def learn_overhead(self, seconds: float) -> None:
        """Learn what a unit took besides rendering."""
        self.overhead_s += OVERHEAD_RATE * (max(MIN_OVERHEAD_S, seconds) - self.overhead_s)

    def _learn(self, unit: MeasuredUnit) -> float:
        """Learn from a unit with the fixed part as it is; returns the squared error of its time over its variance."""
        block, state = unit.block, self._state(unit.node)  # the node may have been withheld since it got the unit
        pixels_s = max(unit.render_s - self.fixed_s, _MIN_PIXEL_SHARE * unit.render_s)
        reference_s, gain, error = pixels_s * state.speed, 1.0, 0.0
        if self.cost.measured:
            variance = self.cost.variance(block.region) + SPEED_JITTER + TIMING_NOISE
            error = log_ratio(unit.render_s, self.seconds(block, unit.node)) ** 2 / variance
            reference_s, gain = self._correct(block, unit.node, pixels_s, pixel_share=pixels_s / unit.render_s)
        self.cost.learn(
            block.region, samples=block.samples.count, reference_s=reference_s, gain=gain, costs=unit.costs,
            source=state.number,
        )  # fmt: skip
        state.units += 1
        state.largest_s = max(state.largest_s, reference_s)
        return error

    def _tell_fixed_part(self) -> None:
        """Find the fixed part with which the units seen so far would have been predicted best, and learn with it."""
        shortest_s = min(unit.render_s for unit in self._measured)
        unlikely, best = self._with_fixed_part(0.0)
        believed = unlikely - FIXED_EVIDENCE
        if min(self._with_fixed_part(share * shortest_s)[0] for share in FIRST_SHARES) < believed:
            tried = [self._with_fixed_part(share * shortest_s) for share in FIXED_SHARES]
            least = min(unlikely for unlikely, _ in tried)
            # Where several fit, the largest: a part that is too large makes units larger, one too small far too many.
            best = next(learnt for unlikely, learnt in reversed(tried) if unlikely <= least + 1)
        if best.fixed_s != self.fixed_s:
            self.fixed_s, self.cost, self._error = best.fixed_s, best.cost, best._error  # noqa: SLF001 - of this class
            self.known |= best.known
            self.nodes = {node: self._state(node) for node in self.nodes}

    def _with_fixed_part(self, fixed_s: float) -> tuple[float, Learning]:
        """Learn again from all units seen so far; returns also how unlikely they are, as twice a logarithm."""
        again = Learning(cost=CostMap(self.cost.size), cores=self.cores, fixed_s=fixed_s)
        for node in self.known:  # in the same order: numbers are those of the cost map's sources
            again._state(node)
        error, count = sum(again._learn(unit) for unit in self._measured), len(self._measured)
        return count * math.log(error / count + _EXACT), again

    def _state(self, node: str) -> NodeState:
        if node not in self.known:
            cores = sum(self.cores.get(name, 1) for name in self.nodes)
            speed = self.farm_speed / cores * self.cores.get(node, 1) if self.nodes else 1.0
            self.known[node] = NodeState(number=len(self.known), speed=speed)
        return self.known[node]

    def _speed_weights(self, block: Block, node: str) -> list[tuple[NodeState, float]]:
        """Return the nodes whose speeds a prediction depends on, and its logarithm's derivative by that of each speed.

        The cost of a place is the time measured there times the speed of the node that measured it. So predictions
        grow with the speed of the measuring node and shrink with that of the rendering one, and where they are the
        same node, its speed doesn't matter.
        """
        weights = self.cost.sources(block.region)
        if node in self.known:
            number = self.known[node].number
            weights[number] = weights.get(number, 0.0) - 1.0
        states = list(self.known.values())
        return [(states[number], weight) for number, weight in weights.items()]

    def _correct(self, block: Block, node: str, render_s: float, *, pixel_share: float) -> tuple[float, float]:
        """Attribute a prediction error to what the prediction depended on, in proportion to their uncertainty.

        A Kalman filter's step over logarithms: cost of the picture, speeds of the nodes that measured it, speed of
        the rendering node, and noise. With a node's speed, all costs it measured are corrected too.

        Parameters
        ----------
        pixel_share
            Part of the unit's time that its pixels took. The smaller it is, the less exactly that is known.

        Returns
        -------
        reference_s, gain
            See `CostMap.learn`.
        """
        state, price = self.known[node], self.price(block)
        before = state.speed
        error = log_ratio(render_s * before, price)
        cost_variance, weights = self.cost.variance(block.region), self._speed_weights(block, node)
        noise = TIMING_NOISE / pixel_share**2
        variance = cost_variance + SPEED_JITTER + noise
        variance += sum(weight**2 * source.variance for source, weight in weights)
        self._update_error(error**2 / variance)
        for source, weight in weights:
            gain = weight * source.variance / variance
            source.variance *= 1 - weight * gain
            source.speed *= math.exp(error * gain)
            self.cost.rescale(source.number, math.exp(error * gain), except_for=block.region)
        state.variance = min(state.variance + SPEED_DRIFT, UNKNOWN_SPEED_VARIANCE)
        state.speed *= math.exp(-error * SPEED_JITTER / variance)
        reference_s = price * math.exp(error * (1 - noise / variance)) * state.speed / before
        return reference_s, cost_variance / (cost_variance + noise)

    def _update_error(self, error: float) -> None:
        self._units += 1
        rate = max(1 / (self._units + 1), _ERROR_RATE)
        self._error += rate * (min(error, _MAX_ERROR) - self._error)
