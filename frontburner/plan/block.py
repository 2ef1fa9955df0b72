"""Blocks of work, a rectangle of one frame for a range of samples, and what of a frame is still to be rendered."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.spec import Region, SampleRange

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Work not yet done: one region of one frame for one range of samples.

    ``failures`` counts the attempts that failed. ``avoid`` names the nodes they failed on, which get it again only
    when there is no other. ``losses`` counts the nodes that were lost while they rendered it. ``race`` is the ticket of
    the unit whose pixels these are, where another node is at them as well.
    """

    frame: int
    samples: SampleRange
    region: Region
    failures: int = 0
    avoid: frozenset[str] = frozenset()
    losses: int = 0
    duplicate_of: int | None = None

    @property
    def pixel_samples(self) -> int:
        """Pixels × samples: the amount of work where nothing is known of its cost."""
        return self.region.area * self.samples.count

    def part(self, region: Region) -> Block:
        """The same work, for a part of its region."""
        return replace(self, region=region)

    def as_duplicate(self, ticket: int, node: str) -> Block:
        """The same work as that of a unit which a node has under way, for other nodes."""
        return replace(self, duplicate_of=ticket, avoid=self.avoid | {node})

    def failed_on(self, node: str) -> Block:
        """The same work after one more failed attempt."""
        return replace(self, failures=self.failures + 1, avoid=self.avoid | {node})

    def lost(self) -> Block:
        """The same work after its node was lost with it."""
        return replace(self, losses=self.losses + 1)


def subtract(whole: Region, done: Iterable[Region]) -> list[Region]:
    """What is left of a region: disjoint rectangles that cover it except for the ``done`` ones."""
    left = [whole]
    for hole in done:
        left = [piece for region in left for piece in _without(region, hole)]
    return left


def overlaps(a: Region, b: Region) -> bool:
    """Whether two regions share a pixel."""
    return a.x0 < b.x1 and b.x0 < a.x1 and a.y0 < b.y1 and b.y0 < a.y1


def _without(region: Region, hole: Region) -> list[Region]:
    if not overlaps(region, hole):
        return [region]
    x0, x1 = max(region.x0, hole.x0), min(region.x1, hole.x1)
    y0, y1 = max(region.y0, hole.y0), min(region.y1, hole.y1)
    edges = (
        (region.x0, region.y0, region.x1, y0),
        (region.x0, y1, region.x1, region.y1),
        (region.x0, y0, x0, y1),
        (x1, y0, region.x1, y1),
    )
    return [Region(x0=a, y0=b, x1=c, y1=d) for a, b, c, d in edges if a < c and b < d]
