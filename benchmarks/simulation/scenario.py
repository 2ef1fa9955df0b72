"""Farms and jobs to simulate: node speeds, when nodes are available, and a lower bound of the time a job takes."""

from __future__ import annotations

import math
import time
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.simulation.farm import CostField, FakeFarm, FakeNode, render
from benchmarks.simulation.fields import heavy_tailed, interior, misleading, scale
from tasks.spec import Size

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from frontburner.dispatch.messages import Message
    from frontburner.plan.block import Block
    from frontburner.plan.planner import Planner

SIZE = Size(width=1920, height=1080)
SAMPLES = 256
OVERHEAD_S = 0.5
SIGMA = 0.4
SLOW = 10.0


class Farm(StrEnum):
    """Kinds of farms."""

    EQUAL = "equal"
    LOGNORMAL = "lognormal"
    ONE_SLOW = "one-slow"
    KILLED = "killed"
    CHURN = "churn"
    MISJUDGED = "misjudged"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One job on one farm.

    Parameters
    ----------
    nodes, field
        The farm's nodes, and the cost of blocks.
    frames
        Number of frames; 1 is a still.
    bound_s
        The least time in which the available nodes can do all the work, without overhead or idle nodes.
    """

    nodes: tuple[FakeNode, ...]
    field: CostField
    frames: int
    bound_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Result of a strategy, with the processor time of planner and dispatcher, and of the simulated farm."""

    ratio: float
    units: int
    wasted: float
    cpu_ms_per_unit: float
    farm_ms_per_unit: float


class TimedFarm(FakeFarm):
    """A simulated farm that measures its own processor time, which a real farm doesn't take from the dispatcher."""

    cpu_s = 0.0

    def start(self, units: Mapping[int, Block], node: str) -> None:
        """See `FakeFarm.start`."""
        with self._timed():
            super().start(units, node)

    def stop(self, tickets: Sequence[int]) -> None:
        """See `FakeFarm.stop`."""
        with self._timed():
            super().stop(tickets)

    def messages(self, timeout_s: float) -> Sequence[Message]:
        """See `FakeFarm.messages`."""
        with self._timed():
            return super().messages(timeout_s)

    @contextmanager
    def _timed(self) -> Iterator[None]:
        began_s = time.process_time()
        yield
        self.cpu_s += time.process_time() - began_s


def scenario(
    farm: Farm, *, nodes: int, frames: int, seed: int, ideal_s: float | None, frame_s: float, measured: bool = False
) -> Scenario:
    """Draw a scenario.

    Parameters
    ----------
    ideal_s
        The bound if every node stays, which determines the work; None uses ``frame_s`` per frame instead.
    frame_s
        Seconds of a frame on a node of speed 1.
    measured
        Whether to use the measured cost of the sample still instead of a synthetic one.
    """
    random = np.random.default_rng([seed, nodes, frames])
    available = tuple(_nodes(farm, nodes, random, ideal_s or frame_s * frames / nodes))
    total_s = work_done(available, ideal_s) if ideal_s else frame_s * frames
    field = interior(SIZE.width, SIZE.height) if measured else heavy_tailed(SIZE.width, SIZE.height, random=random)
    rates = scale(field, total_s / frames, samples=SAMPLES)
    first = misleading(rates, random=random) if farm is Farm.MISJUDGED else None
    cost = CostField(rates, first=first)
    return Scenario(nodes=available, field=cost, frames=frames, bound_s=ideal_s or bound(available, total_s))


def simulate(drawn: Scenario, planner: Planner, *, overhead_s: float = OVERHEAD_S) -> Outcome:
    """Simulate a scenario with a strategy."""
    farm = TimedFarm(*drawn.nodes, cost=drawn.field, overhead_s=overhead_s)
    began_s = time.process_time()
    render(planner, farm)
    cpu_s = time.process_time() - began_s - farm.cpu_s
    rendered_s = sum(attempt.ended_s - attempt.began_s for attempt in farm.attempts if not math.isnan(attempt.ended_s))
    wasted_s = sum(a.ended_s - a.began_s for a in farm.attempts if a.outcome != "ok" and not math.isnan(a.ended_s))
    units = len(farm.rendered)
    return Outcome(
        ratio=max(attempt.ended_s for attempt in farm.rendered) / drawn.bound_s, units=units,
        wasted=wasted_s / rendered_s, cpu_ms_per_unit=1000 * cpu_s / units, farm_ms_per_unit=1000 * farm.cpu_s / units,
    )  # fmt: skip


def bound(nodes: Sequence[FakeNode], total_s: float) -> float:
    """Return the least time in which nodes can do work, by bisection."""
    low, high = 0.0, 1.0
    while work_done(nodes, high) < total_s:
        low, high = high, 2 * high
    while high - low > 1e-9 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if work_done(nodes, middle) < total_s else (low, middle)
    return high


def work_done(nodes: Sequence[FakeNode], until_s: float) -> float:
    """Return the work that nodes can do until a time, in seconds of a node of speed 1."""
    return sum(node.speed * max(0.0, min(to_s, until_s) - from_s) for node in nodes for from_s, to_s in node.available)


def _nodes(farm: Farm, count: int, random: np.random.Generator, ideal_s: float) -> list[FakeNode]:
    speeds = _speeds(farm, count, random)
    windows: list[tuple[float, float]] = [(0.0, math.inf)] * count
    if farm is Farm.KILLED:
        windows[int(random.integers(count))] = (0.0, float(random.uniform(0, ideal_s)))
    if farm is Farm.CHURN:  # half stay, a quarter join later, a quarter leave
        for index in range(count // 4):
            windows[index] = (float(random.uniform(0, ideal_s)), math.inf)
        for index in range(count // 4, count // 2):
            windows[index] = (0.0, float(random.uniform(0, ideal_s)))
    return [
        FakeNode(name=f"n{index}", speed=float(speed), available=(window,))
        for index, (speed, window) in enumerate(zip(speeds, windows, strict=True))
    ]


def _speeds(farm: Farm, count: int, random: np.random.Generator) -> Sequence[float]:
    match farm:
        case Farm.EQUAL:
            return [1.0] * count
        case Farm.ONE_SLOW:
            slow = int(random.integers(count))
            return [1 / SLOW if index == slow else 1.0 for index in range(count)]
        case Farm.LOGNORMAL | Farm.CHURN | Farm.KILLED | Farm.MISJUDGED:
            return [float(speed) for speed in random.lognormal(0, SIGMA, count)]
