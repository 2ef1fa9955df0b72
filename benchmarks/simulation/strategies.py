"""Ways to hand out a job: ours, and what network and distributed rendering do today. All on the same dispatcher."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
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
    """Hands out frames cut in the same fixed regions, in order, to whoever asks; learns nothing, races nothing."""

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
        """Foresee nothing: the price of thousands of pieces, asked for at each of them, would take all the time."""


def ours(size: Size, frames: int, samples: int) -> Planner:
    """Frontburner's own."""
    passes = sample_passes(samples, frames=frames, exact_samples=True, sample_align=1)
    return Planner(frames=_works(frames), size=size, region=size.whole, passes=passes)


def fixed(size: Size, frames: int, samples: int, pieces: Sequence[Region]) -> Planner:
    """Any fixed cut."""
    whole = (SampleRange(start=0, stop=samples),)
    return FixedPlanner(frames=_works(frames), size=size, region=size.whole, passes=whole, pieces=pieces)


def grid(size: Size, tiles: int) -> list[Region]:
    """About ``tiles`` equal regions as near to squares as the picture allows."""
    columns = max(1, round((tiles * size.width / size.height) ** 0.5))
    rows = max(1, round(tiles / columns))
    return _between(
        [size.width * column // columns for column in range(columns + 1)],
        [size.height * row // rows for row in range(rows + 1)],
    )


def buckets(size: Size) -> list[Region]:
    """Return squares of `BUCKET_PX`, row by row, the last ones cut off at the picture's edge."""
    return _between([*range(0, size.width, BUCKET_PX), size.width], [*range(0, size.height, BUCKET_PX), size.height])


def equal_cost(size: Size, parts: int, price: Callable[[Region], float]) -> list[Region]:
    """Return a region a node, all at the same cost, which must be known beforehand."""
    target, rest, pieces = price(size.whole) / parts, [size.whole], []
    while rest:
        piece, left = split_off(rest.pop(), target=target, price=price, align_px=(1, 1))
        pieces.append(piece)
        rest.extend(left)
    return pieces


def _works(frames: int) -> list[FrameWork]:
    return [FrameWork(frame=number) for number in range(1, frames + 1)]


def _between(columns: list[int], rows: list[int]) -> list[Region]:
    return [Region(x0=x0, y0=y0, x1=x1, y1=y1) for y0, y1 in pairwise(rows) for x0, x1 in pairwise(columns)]


def maker(name: str, scene: Scenario) -> Callable[[], Planner]:
    """Return what makes a strategy's planner, by its name in the table."""
    kind, _, tiles = name.partition("-")
    if kind == "ours":
        return partial(ours, SIZE, scene.frames, SAMPLES)
    pieces = {
        "grid": lambda: grid(SIZE, int(tiles)),
        "buckets": lambda: buckets(SIZE),
        "frames": lambda: [SIZE.whole],
        "static": lambda: equal_cost(SIZE, len(scene.nodes), lambda region: _price(scene, region)),
    }[kind]()
    return partial(fixed, SIZE, scene.frames, SAMPLES, pieces)


def _price(scene: Scenario, region: Region) -> float:
    return scene.field(Block(frame=1, samples=SampleRange(start=1, stop=2), region=region))
