"""Strategies: Frontburner's own, and what network and distributed rendering do today. All use the same dispatcher."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from benchmarks.simulation.scenario import SAMPLES, SIZE
from frontburner.plan.block import Block
from frontburner.plan.passes import sample_passes
from frontburner.plan.planner import FrameWork, Planner
from frontburner.plan.split_region import split_off
from tasks.spec import Region, SampleRange, Size

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from benchmarks.simulation.scenario import Scenario

BUCKET_PX = 64


@dataclass(slots=True, kw_only=True)
class FixedPlanner(Planner):
    """Hands out fixed pieces of every frame in order; doesn't learn, and doesn't duplicate stragglers."""

    pieces: Sequence[Region] = field(default_factory=tuple)

    def __post_init__(self) -> None:
        """Cut every frame."""
        Planner.__post_init__(self)
        blocks = [block.part(piece) for block in self._pool for piece in self.pieces]
        for work in self.frames:
            self._pool.drop(work.frame)
        for block in reversed(blocks):
            self.requeue(block)

    def next_unit(self, node: str, now_s: float) -> list[Block]:  # noqa: ARG002
        """Take the next piece."""
        choice = self._pool.candidates(node, self.nodes.keys())
        return [self._pool.take(choice[0][0])] if choice else []

    def seconds_left(self, now_s: float) -> None:
        """Return None: pricing thousands of pieces after each unit would take too long."""


def ours(size: Size, frames: int, samples: int) -> Planner:
    """Return Frontburner's own planner."""
    passes = sample_passes(samples, frames=frames, exact_samples=True, sample_align=1)
    return Planner(frames=_all_frames(frames), size=size, region=size.whole, passes=passes)


def fixed(size: Size, frames: int, samples: int, pieces: Sequence[Region]) -> Planner:
    """Return a planner that hands out fixed pieces."""
    whole = (SampleRange(start=0, stop=samples),)
    return FixedPlanner(frames=_all_frames(frames), size=size, region=size.whole, passes=whole, pieces=pieces)


def grid(size: Size, tiles: int) -> list[Region]:
    """Return about ``tiles`` equal regions, as square as possible."""
    columns = max(1, round((tiles * size.width / size.height) ** 0.5))
    rows = max(1, round(tiles / columns))
    return _between(
        [size.width * column // columns for column in range(columns + 1)],
        [size.height * row // rows for row in range(rows + 1)],
    )


def buckets(size: Size) -> list[Region]:
    """Return squares of `BUCKET_PX`, row by row, cropped at the picture's edge."""
    return _between([*range(0, size.width, BUCKET_PX), size.width], [*range(0, size.height, BUCKET_PX), size.height])


def equal_cost(size: Size, parts: int, price: Callable[[Region], float]) -> list[Region]:
    """Return a region per node, all of the same cost, which must be known beforehand."""
    target, rest, pieces = price(size.whole) / parts, [size.whole], []
    while rest:
        piece, left = split_off(rest.pop(), target=target, price=price, align_px=(1, 1))
        pieces.append(piece)
        rest.extend(left)
    return pieces


def _all_frames(frames: int) -> list[FrameWork]:
    return [FrameWork(frame=number) for number in range(1, frames + 1)]


def _between(columns: list[int], rows: list[int]) -> list[Region]:
    return [Region(x0=x0, y0=y0, x1=x1, y1=y1) for y0, y1 in pairwise(rows) for x0, x1 in pairwise(columns)]


def planner_of(name: str, scenario: Scenario) -> Planner:
    """Return the planner of a strategy, by its name in the table."""
    kind, _, tiles = name.partition("-")
    if kind == "ours":
        return ours(SIZE, scenario.frames, SAMPLES)
    pieces = {
        "grid": lambda: grid(SIZE, int(tiles)),
        "buckets": lambda: buckets(SIZE),
        "frames": lambda: [SIZE.whole],
        "static": lambda: equal_cost(SIZE, len(scenario.nodes), lambda region: _price(scenario, region)),
    }[kind]()
    return fixed(SIZE, scenario.frames, SAMPLES, pieces)


def _price(scenario: Scenario, region: Region) -> float:
    return scenario.field(Block(frame=1, samples=SampleRange(start=1, stop=2), region=region))
