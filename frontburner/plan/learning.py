"""What finished units teach: how fast nodes are, what the picture costs, and how far predictions can be trusted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner.plan.cost_map import CostMap, log_ratio

if TYPE_CHECKING:
    from frontburner.plan.block import Block
    from tasks.spec import CostGrid

UNKNOWN_SPEED = 0.16
"""Variance of the logarithm of the speed of a node that hasn't shown it."""
SPEED_DRIFT = 0.001
"""What a unit adds to that variance again: other work may come and go on a node."""
LATELY = 0.003
"""Variance of the logarithm of what a node's speed is now over what it was when it last measured."""
TIMING_NOISE = 0.003
"""Variance of the logarithm of the time of the same unit on the same node."""
OVERHEAD_RATE = 0.3
LEAST_OVERHEAD_S = 1e-3
"""No unit is free: one of no size at all can't be cut."""
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
    number
        What the cost map knows it by.
    """

    number: int
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
    _surprise: float = 1.0
    _units: int = 0
    _numbered: list[NodeState] = field(default_factory=list)

    @property
    def farm_speed(self) -> float:
        """Speed of all nodes that are there."""
        return sum(state.speed for state in self.nodes.values())

    def deviation(self, block: Block, node: str) -> float:
        """Standard deviation of the logarithm of the time a node will take for a block over what is predicted.

        What picture and node are known by, times what surprises have lately been against that.
        """
        variance = self.cost.variance(block.region) + LATELY + TIMING_NOISE
        variance += sum(lever**2 * one.variance for one, lever in self._levers(block, self.known.get(node)))
        if node not in self.known:
            variance += UNKNOWN_SPEED
        return math.sqrt(variance * self._surprise)

    def join(self, node: str) -> None:
        """Count a node in. It is as fast as it was, or as the average until it has shown otherwise."""
        self.nodes[node] = self._state(node)

    def leave(self, node: str) -> None:
        """Count a node out."""
        self.nodes.pop(node, None)

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

        How the time is spread over the unit is the picture's alone.
        """
        if render_s <= 0:
            return
        state = self._state(node)  # of a node that was withheld since it was given the unit, too
        reference_s, gain = render_s * state.speed, 1.0
        if self.cost.measured:
            reference_s, gain = self._correct(block, state, render_s)
        self.cost.learn(
            block.region, samples=block.samples.count, reference_s=reference_s, gain=gain, costs=costs,
            teller=state.number,
        )  # fmt: skip
        state.units += 1
        state.largest_s = max(state.largest_s, reference_s)

    def learn_overhead(self, seconds: float) -> None:
        """Take in what a unit took besides rendering."""
        self.overhead_s += OVERHEAD_RATE * (max(LEAST_OVERHEAD_S, seconds) - self.overhead_s)

    def _state(self, node: str) -> NodeState:
        """What is known of a node; of a new one, that it is as fast as the average."""
        if node not in self.known:
            mean = self.farm_speed / len(self.nodes) if self.nodes else 1.0
            self.known[node] = NodeState(number=len(self._numbered), speed=mean)
            self._numbered.append(self.known[node])
        return self.known[node]

    def _levers(self, block: Block, state: NodeState | None) -> list[tuple[NodeState, float]]:
        """What a prediction rests on: nodes, and by how much its logarithm grows with those of their speeds.

        Of a place that a node has measured a time is known, and its cost is that times the node's speed. So a
        faster teller makes a prediction dearer, and a faster renderer cheaper; for a node's own places both are one.
        """
        levers = self.cost.tellers(block.region)
        if state is not None:
            levers[state.number] = levers.get(state.number, 0.0) - 1.0
        return [(self._numbered[number], lever) for number, lever in levers.items()]

    def _correct(self, block: Block, state: NodeState, render_s: float) -> tuple[float, float]:
        """Put a time that was not expected down to what a prediction rested on, by how little each was known.

        A step of a Kalman filter over logarithms: picture, speeds of those who told of it, speed of the renderer,
        and noise. What a node told is corrected with its speed, everywhere.

        Returns
        -------
        reference_s, gain
            What the unit cost, and how much was learnt of that: see `CostMap.learn`.
        """
        price, before = self.price(block), state.speed
        surprise = log_ratio(render_s * before, price)
        changed, levers = self.cost.variance(block.region), self._levers(block, state)
        variance = changed + LATELY + TIMING_NOISE + sum(lever**2 * one.variance for one, lever in levers)
        self._note(surprise**2 / variance)
        for one, lever in levers:
            part = lever * one.variance / variance
            one.variance *= 1 - lever * part
            one.speed *= math.exp(surprise * part)
            self.cost.rescale(one.number, math.exp(surprise * part), besides=block.region)
        state.variance = min(state.variance + SPEED_DRIFT, UNKNOWN_SPEED)
        state.speed *= math.exp(-surprise * LATELY / variance)
        reference_s = price * math.exp(surprise * (1 - TIMING_NOISE / variance)) * state.speed / before
        return reference_s, changed / (changed + TIMING_NOISE)

    def _note(self, surprise: float) -> None:
        self._units += 1
        rate = max(1 / (self._units + 1), _SURPRISE_RATE)
        self._surprise += rate * (min(surprise, _MOST_SURPRISE) - self._surprise)
