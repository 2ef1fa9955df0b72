"""What finished units teach: node speeds, the cost of the picture, and how far predictions can be trusted."""

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
    """

    cost: CostMap
    nodes: dict[str, NodeState] = field(default_factory=dict)
    known: dict[str, NodeState] = field(default_factory=dict)
    overhead_s: float = 0.01
    cores: dict[str, int] = field(default_factory=dict)
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
        return self.price(block) / self.speed(node)

    def price(self, block: Block) -> float:
        """Seconds a node of speed 1 needs for a block (pixel-samples until something was measured)."""
        return self.cost.predict(block.region, samples=block.samples.count)

    def speed(self, node: str) -> float:
        """Speed of a node; 1 if it is unknown."""
        return self.known[node].speed if node in self.known else 1.0

    def learn_unit(self, block: Block, node: str, *, render_s: float, costs: CostGrid | None) -> None:
        """Learn from a finished unit. How its time is spread over its region depends on the picture alone."""
        if render_s <= 0:
            return
        state = self._state(node)  # the node may have been withheld since it got the unit
        reference_s, gain = render_s * state.speed, 1.0
        if self.cost.measured:
            reference_s, gain = self._correct(block, node, render_s)
        self.cost.learn(
            block.region, samples=block.samples.count, reference_s=reference_s, gain=gain, costs=costs,
            source=state.number,
        )  # fmt: skip
        state.units += 1
        state.largest_s = max(state.largest_s, reference_s)

    def learn_overhead(self, seconds: float) -> None:
        """Learn what a unit took besides rendering."""
        self.overhead_s += OVERHEAD_RATE * (max(MIN_OVERHEAD_S, seconds) - self.overhead_s)

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

    def _correct(self, block: Block, node: str, render_s: float) -> tuple[float, float]:
        """Attribute a prediction error to what the prediction depended on, in proportion to their uncertainty.

        A Kalman filter's step over logarithms: cost of the picture, speeds of the nodes that measured it, speed of
        the rendering node, and noise. With a node's speed, all costs it measured are corrected too.

        Returns
        -------
        reference_s, gain
            See `CostMap.learn`.
        """
        state, price = self.known[node], self.price(block)
        before = state.speed
        error = log_ratio(render_s * before, price)
        cost_variance, weights = self.cost.variance(block.region), self._speed_weights(block, node)
        variance = cost_variance + SPEED_JITTER + TIMING_NOISE
        variance += sum(weight**2 * source.variance for source, weight in weights)
        self._update_error(error**2 / variance)
        for source, weight in weights:
            gain = weight * source.variance / variance
            source.variance *= 1 - weight * gain
            source.speed *= math.exp(error * gain)
            self.cost.rescale(source.number, math.exp(error * gain), except_for=block.region)
        state.variance = min(state.variance + SPEED_DRIFT, UNKNOWN_SPEED_VARIANCE)
        state.speed *= math.exp(-error * SPEED_JITTER / variance)
        reference_s = price * math.exp(error * (1 - TIMING_NOISE / variance)) * state.speed / before
        return reference_s, cost_variance / (cost_variance + TIMING_NOISE)

    def _update_error(self, error: float) -> None:
        self._units += 1
        rate = max(1 / (self._units + 1), _ERROR_RATE)
        self._error += rate * (min(error, _MAX_ERROR) - self._error)
