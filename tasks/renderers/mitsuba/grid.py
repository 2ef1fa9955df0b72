"""Fixed grids and seeds, the same however a frame is split: packets of the compiled build, cells of the scalar."""

from __future__ import annotations

import hashlib
import struct
from itertools import pairwise
from typing import TYPE_CHECKING

from tasks.spec import Region

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tasks.spec import FrameSpec, SampleRange, Size

CELL_PX = 64
"""Edge of a cell in pixels."""
QUANTUM = 4
"""Samples of a cell that are rendered at a time."""
BLOCK_PX = 8
"""Edge of the blocks in which a cell is distributed to threads. Pixels depend on it, so it is fixed."""
PACKET_PX = 16
"""Columns that the compiled build traces together: the largest vector width of any processor."""


def packets(region: Region) -> Region:
    """Widen a region to whole packets, perhaps beyond the frame's right edge."""
    x1 = -(-region.x1 // PACKET_PX) * PACKET_PX
    return Region(x0=region.x0 // PACKET_PX * PACKET_PX, y0=region.y0, x1=x1, y1=region.y1)


def packet_grid(region: Region, parts: int) -> tuple[list[int], list[int]]:
    """Return edges in x and y that split a region of whole packets into about ``parts`` near-square cells."""
    across = Region(x0=region.x0 // PACKET_PX, y0=region.y0, x1=region.x1 // PACKET_PX, y1=region.y1)
    side = max(1.0, (region.area / max(1, parts)) ** 0.5)
    columns = max(1, min(across.width, round(region.width / side)))
    rows = max(1, min(across.height, -(-parts // columns)))
    return (
        [(across.x0 + across.width * column // columns) * PACKET_PX for column in range(columns + 1)],
        [across.y0 + across.height * row // rows for row in range(rows + 1)],
    )


def split_packets(region: Region, parts: int) -> Iterator[Region]:
    """Split a region of whole packets into about ``parts`` near-square ones, row by row."""
    return regions_between(*packet_grid(region, parts))


def regions_between(columns: Sequence[int], rows: Sequence[int]) -> Iterator[Region]:
    """Yield the regions between edges in x and y, row by row."""
    for y0, y1 in pairwise(rows):
        for x0, x1 in pairwise(columns):
            yield Region(x0=x0, y0=y0, x1=x1, y1=y1)


def clipped(edges: Iterable[int], start: int, stop: int) -> tuple[int, ...]:
    """Clip the edges of a grid to where a region starts and stops."""
    return tuple(min(max(edge, start), stop) for edge in edges)


def cells(region: Region, size: Size) -> Iterator[Region]:
    """Yield the cells of the frame that the region touches, clipped to the frame, row by row."""
    for cell in regions_between(cell_edges(region.x0, region.x1), cell_edges(region.y0, region.y1)):
        yield overlap(cell, size.whole)


def cell_edges(start: int, stop: int) -> range:
    """Return the edges of the cells that the pixels [start, stop) touch."""
    return range(start // CELL_PX * CELL_PX, stop + CELL_PX, CELL_PX)


def sample_blocks(samples: SampleRange, limit: int) -> Iterator[tuple[int, int]]:
    """Yield first sample and number of samples of blocks that fill whole packets; the rest comes last.

    Each sample then shares its packet with the same lanes, in whichever ranges the samples are rendered.
    """
    whole = samples.stop - (samples.stop - samples.start) % PACKET_PX
    for start in range(samples.start, whole, limit):
        yield start, min(limit, whole - start)
    if whole < samples.stop:
        yield whole, samples.stop - whole


def quanta(samples: SampleRange) -> Iterator[tuple[int, int]]:
    """Yield first sample and number of samples of each quantum in a range that begins at one."""
    for start in range(samples.start, samples.stop, QUANTUM):
        yield start, min(QUANTUM, samples.stop - start)


def overlap(a: Region, b: Region) -> Region:
    """Return the pixels that two overlapping regions share."""
    return Region(x0=max(a.x0, b.x0), y0=max(a.y0, b.y0), x1=min(a.x1, b.x1), y1=min(a.y1, b.y1))


def stream_keys(frame: FrameSpec) -> tuple[int, int]:
    """Return two 32-bit keys for a frame's random streams, from its seed and number alone."""
    digest = hashlib.sha256(f"{frame.seed} {frame.frame}".encode()).digest()
    first, second = struct.unpack("<II", digest[:8])
    return first, second
