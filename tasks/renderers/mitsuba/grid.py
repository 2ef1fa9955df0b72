"""Fixed grids that units are rendered in, whatever their cut: packets of the compiled build, cells of the scalar."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks.spec import Region

if TYPE_CHECKING:
    from collections.abc import Iterator

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


def split_packets(region: Region, parts: int) -> Iterator[Region]:
    """Split a region of whole packets in about ``parts`` near-square ones, row by row."""
    across = Region(x0=region.x0 // PACKET_PX, y0=region.y0, x1=region.x1 // PACKET_PX, y1=region.y1)
    side = max(1.0, (region.area / max(1, parts)) ** 0.5)
    columns = max(1, min(across.width, round(region.width / side)))
    rows = max(1, min(across.height, -(-parts // columns)))
    for part in _grid(across, columns, rows):
        yield Region(x0=part.x0 * PACKET_PX, y0=part.y0, x1=part.x1 * PACKET_PX, y1=part.y1)


def cells(region: Region, size: Size) -> Iterator[Region]:
    """Cells of the frame that the region touches, cut off at the frame's edge, row by row."""
    for y in range(region.y0 // CELL_PX * CELL_PX, region.y1, CELL_PX):
        for x in range(region.x0 // CELL_PX * CELL_PX, region.x1, CELL_PX):
            yield Region(x0=x, y0=y, x1=min(x + CELL_PX, size.width), y1=min(y + CELL_PX, size.height))


def quanta(samples: SampleRange) -> Iterator[tuple[int, int]]:
    """First sample and number of samples of each quantum in a range that begins at one."""
    for start in range(samples.start, samples.stop, QUANTUM):
        yield start, min(QUANTUM, samples.stop - start)


def overlap(a: Region, b: Region) -> Region:
    """Pixels that two touching regions share."""
    return Region(x0=max(a.x0, b.x0), y0=max(a.y0, b.y0), x1=min(a.x1, b.x1), y1=min(a.y1, b.y1))


def _grid(region: Region, columns: int, rows: int) -> Iterator[Region]:
    for row in range(rows):
        y0, y1 = (region.y0 + region.height * i // rows for i in (row, row + 1))
        for column in range(columns):
            x0, x1 = (region.x0 + region.width * i // columns for i in (column, column + 1))
            yield Region(x0=x0, y0=y0, x1=x1, y1=y1)
