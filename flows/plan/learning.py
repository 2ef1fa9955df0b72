"""What finished units teach: how fast nodes are, what the picture costs, and how far predictions can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows.plan.cost import CostMap, apportion, log_ratio

if TYPE_CHECKING:
    from flows.plan.block import Block
    from tasks.spec import CostGrid

UNKNOWN_SPEED = 0.16
"""Variance of the logarithm of the speed of a node that hasn't shown it."""
SPEED_DRIFT = 0.001
"""What a unit adds to that variance again: other work may come and go on a node."""
TIMING_NOISE = 0.003
"""Variance of the logarithm of the time of the same unit on the same node."""
OVERHEAD_RATE = 0.3
_SURPRISE_RATE = 0.05
_MOST_SURPRISE = 9.0


@dataclass(slots=True, kw_only=True)
class NodeState:
    """What is known of a node.

    Parameters
    ----------
    speed
        Relative to the other nodes; ``variance`` is that of its logarithm.
    units
        Units it has finished, the largest of them ``largest_s`` of a node of speed 1.
    """

    name: str
    speed: float = 1.0
    variance: float = UNKNOWN_SPEED
    units: int = 0
    largest_s: float = 0.0


@dataclass(slots=True, kw_only=True)
class Learning:
    """All that is learnt of one job on one farm."""

    cost: CostMap
    nodes: dict[str, NodeState] = field(default_factory=dict)
    """Nodes that are there; ``known`` has those that have left as well."""
    known: dict[str, NodeState] = field(default_factory=dict)
    overhead_s: float = 0.01
    farm_speed: float = 0.0
    _surprise: float = 1.0
    _units: int = 0

    def deviation(self, block: Block, node: str) -> float:
        """Standard deviation of the logarithm of the time a node will take for a block over what is predicted.

        What picture and node are known by, times what surprises have lately been against that.
        """
        variance = self.cost.variance(block.region) + TIMING_NOISE
        variance += self.known[node].variance if node in self.known else UNKNOWN_SPEED
        return math.sqrt(variance * self._surprise)

    def join(self, node: str) -> None:
        """Count a node in. It is as fast as it was, or as the average until it has shown otherwise."""
        mean = self.farm_speed / len(self.nodes) if self.nodes else 1.0
        state = self.known.setdefault(node, NodeState(name=node, speed=mean))
        self.nodes[node] = state
        self.farm_speed += state.speed

    def leave(self, node: str) -> None:
        """Count a node out."""
        self.nodes.pop(node, None)
        self.farm_speed = sum(state.speed for state in self.nodes.values())

    def seconds(self, block: Block, node: str) -> float:
        """Seconds a node should take to render a block."""
        return self.price(block) / self.speed(node)

    def price(self, block: Block) -> float:
        """Seconds a node of speed 1 needs for a block (pixel-samples until something was measured)."""
        return self.cost.predict(block.region, samples=block.samples.count)

    def speed(self, node: str) -> float:
        """Speed of a node; of one that has never been there, that of any."""
        return self.known[node].speed if node in self.known else 1.0

    def finished(self, block: Block, node: str, *, render_s: float, costs: CostGrid | None) -> None:
        """Take in a finished unit.

        A time that was not expected may be the node's or the picture's: each is corrected by how little it was
        known. How the time is spread over the unit is the picture's alone.
        """
        if render_s <= 0:
            return
        state = self.known.get(node)  # it may have been withheld since it was given the unit
        speed = state.speed if state else 1.0
        reference_s, gain = render_s * speed, 1.0
        if self.cost.measured:
            cost_variance = self.cost.variance(block.region)
            speed_variance = state.variance if state else UNKNOWN_SPEED
            surprise = log_ratio(render_s * speed, self.price(block))
            dearer, slower = apportion(surprise, (cost_variance, speed_variance), noise=TIMING_NOISE)
            gain = cost_variance / (cost_variance + speed_variance + TIMING_NOISE)
            reference_s = self.price(block) * math.exp(dearer)
            if state is not None:
                self._correct(state, slower, cost_variance)
            self._note(surprise**2 / (cost_variance + speed_variance + TIMING_NOISE))
        self.cost.learn(block.region, samples=block.samples.count, reference_s=reference_s, gain=gain, costs=costs)
        if state is not None:
            state.units += 1
            state.largest_s = max(state.largest_s, reference_s)

    def learn_overhead(self, seconds: float) -> None:
        """Take in what a unit took besides rendering."""
        self.overhead_s += OVERHEAD_RATE * (max(0.0, seconds) - self.overhead_s)

    def _correct(self, state: NodeState, slower: float, cost_variance: float) -> None:
        speed = state.speed * math.exp(-slower)
        if state.name in self.nodes:
            self.farm_speed += speed - state.speed
        state.speed = speed
        known = state.variance / (state.variance + cost_variance + TIMING_NOISE)
        state.variance = min(state.variance * (1 - known) + SPEED_DRIFT, UNKNOWN_SPEED)

    def _note(self, surprise: float) -> None:
        self._units += 1
        rate = max(1 / (self._units + 1), _SURPRISE_RATE)
        self._surprise += rate * (min(surprise, _MOST_SURPRISE) - self._surprise)
