"""The scalar build's fixed grid: cells and sample quanta that units are rendered in, whatever their cut."""

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


def split(region: Region, parts: int) -> Iterator[Region]:
    """About ``parts`` near-square rectangles that cover the region, row by row."""
    side = max(1.0, (region.area / max(1, parts)) ** 0.5)
    columns = max(1, min(region.width, round(region.width / side)))
    rows = max(1, min(region.height, -(-parts // columns)))
    for row in range(rows):
        y0, y1 = (region.y0 + region.height * i // rows for i in (row, row + 1))
        for column in range(columns):
            x0, x1 = (region.x0 + region.width * i // columns for i in (column, column + 1))
            yield Region(x0=x0, y0=y0, x1=x1, y1=y1)
