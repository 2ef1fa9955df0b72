"""Fixed grids that units are rendered in, whatever their cut: packets of the compiled build, cells of the scalar."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from tasks.spec import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tasks.spec import SampleRange, Size

CELL_PX = 64
"""Edge of a cell in pixels."""
QUANTUM = 4
"""Samples a cell takes at a time."""
BLOCK_PX = 8
"""Edge of the blocks a cell is spread over threads in. It decides pixels, so it's the same on any machine."""


PACKET_PX = 16
"""Columns that the compiled build traces together: the most lanes a processor has."""


def packets(region: Region) -> Region:
    """Return the region widened to whole packets, perhaps beyond the frame's right edge."""
    x1 = -(-region.x1 // PACKET_PX) * PACKET_PX
    return Region(x0=region.x0 // PACKET_PX * PACKET_PX, y0=region.y0, x1=x1, y1=region.y1)


def packet_grid(region: Region, parts: int) -> tuple[list[int], list[int]]:
    """Edges in x and y that split a region of whole packets in about ``parts`` near-square cells."""
    across = Region(x0=region.x0 // PACKET_PX, y0=region.y0, x1=region.x1 // PACKET_PX, y1=region.y1)
    side = max(1.0, (region.area / max(1, parts)) ** 0.5)
    columns = max(1, min(across.width, round(region.width / side)))
    rows = max(1, min(across.height, -(-parts // columns)))
    return (
        [(across.x0 + across.width * column // columns) * PACKET_PX for column in range(columns + 1)],
        [across.y0 + across.height * row // rows for row in range(rows + 1)],
    )


def split_packets(region: Region, parts: int) -> Iterator[Region]:
    """Split a region of whole packets in about ``parts`` near-square ones, row by row."""
    return regions_between(*packet_grid(region, parts))


def regions_between(columns: Sequence[int], rows: Sequence[int]) -> Iterator[Region]:
    """Regions between edges in x and y, row by row."""
    for y0, y1 in pairwise(rows):
        for x0, x1 in pairwise(columns):
            yield Region(x0=x0, y0=y0, x1=x1, y1=y1)


def clipped(edges: Iterable[int], start: int, stop: int) -> tuple[int, ...]:
    """Edges of a grid, the outer ones drawn in to where a region starts and stops."""
    return tuple(min(max(edge, start), stop) for edge in edges)


def cells(region: Region, size: Size) -> Iterator[Region]:
    """Cells of the frame that the region touches, cut off at the frame's edge, row by row."""
    for cell in regions_between(cell_edges(region.x0, region.x1), cell_edges(region.y0, region.y1)):
        yield overlap(cell, size.whole)


def cell_edges(start: int, stop: int) -> range:
    """Edges of the cells that the pixels [start, stop) touch."""
    return range(start // CELL_PX * CELL_PX, stop + CELL_PX, CELL_PX)


def sample_blocks(samples: SampleRange, most: int) -> Iterator[tuple[int, int]]:
    """First sample and number of samples of blocks that fill whole packets; what is left over comes last, alone.

    A pixel's samples then share their packets with the same lanes, in whichever ranges they are rendered.
    """
    whole = samples.stop - (samples.stop - samples.start) % PACKET_PX
    for start in range(samples.start, whole, most):
        yield start, min(most, whole - start)
    if whole < samples.stop:
        yield whole, samples.stop - whole


def quanta(samples: SampleRange) -> Iterator[tuple[int, int]]:
    """First sample and number of samples of each quantum in a range that begins at one."""
    for start in range(samples.start, samples.stop, QUANTUM):
        yield start, min(QUANTUM, samples.stop - start)


def overlap(a: Region, b: Region) -> Region:
    """Pixels that two touching regions share."""
    return Region(x0=max(a.x0, b.x0), y0=max(a.y0, b.y0), x1=min(a.x1, b.x1), y1=min(a.y1, b.y1))
