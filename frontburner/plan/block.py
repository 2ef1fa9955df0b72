"""Blocks of work, each a region of a frame for a range of samples, and set operations on regions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.spec import Region, SampleRange

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Work: one region of one frame for one range of samples.

    Parameters
    ----------
    failures
        Failed attempts.
    avoid
        Nodes it failed on. They get it again only if there is no other node.
    losses
        Nodes that were lost while they rendered it.
    duplicate_of
        Ticket of the straggler whose pixels these are, if another node renders them as well.
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
        """Pixels × samples: the amount of work as long as its cost is unknown."""
        return self.region.area * self.samples.count

    def part(self, region: Region) -> Block:
        """Return the same work for a part of the region."""
        return replace(self, region=region)

    def as_duplicate(self, ticket: int, node: str) -> Block:
        """Return the same work for nodes other than the one that renders it as ``ticket``."""
        return replace(self, duplicate_of=ticket, avoid=self.avoid | {node})

    def failed_on(self, node: str) -> Block:
        """Return the same work after one more failed attempt."""
        return replace(self, failures=self.failures + 1, avoid=self.avoid | {node})

    def lost(self) -> Block:
        """Return the same work after the node that rendered it was lost."""
        return replace(self, losses=self.losses + 1)


def subtract(region: Region, holes: Iterable[Region]) -> list[Region]:
    """Return disjoint rectangles that cover a region except for the holes."""
    pieces = [region]
    for hole in holes:
        pieces = [rest for piece in pieces for rest in _without(piece, hole)]
    return pieces


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
