"""Renders units on the compiled build, in chunks of bounded memory, with one kernel that is compiled once.

A lane is one sample of one pixel and independent of others; a pixel's samples are summed in blocks that depend on the
range alone. Camera rays are traced in packets, and what a ray hits near an edge depends on its packet: packets
therefore always hold the same pixels, at fixed columns. So no split changes a bit.
"""

from __future__ import annotations

import gc
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import drjit as dr
import mitsuba as mi
import numpy as np

from tasks.renderers.mitsuba.grid import (
    clipped,
    overlap,
    packet_grid,
    packets,
    regions_between,
    sample_blocks,
    split_packets,
)
from tasks.renderers.mitsuba.lanes import chunk_numbers, frame_numbers, tables, trace
from tasks.renderers.mitsuba.stage import channel_indices, integrator_for
from tasks.spec import CostGrid, Pixels, Region

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from tasks.renderers.mitsuba.stage import Stage
    from tasks.spec import FrameSpec, UnitSpec

_LANES = 1 << 20
_MAX_LANES = 1 << 23  # what a launch holds in memory, on machines of many cores
_BLOCK = 1 << 12  # samples summed at a time: sums round, so pixels depend on it
_MEASURED_LANES = 1 << 18
"""Lanes one thread measures at a time: starting the kernel is then about a hundredth of the work."""
_LANES_PER_THREAD = 1 << 19
"""Additional lanes per additional thread: threads get blocks of 16,384, and wait for the last one at a kernel's end."""
_COST_CELLS = 256


class Kernel:
    """Renders units of one scene with one set of channels."""

    def __init__(self, stage: Stage, frame: FrameSpec, previous: Kernel | None) -> None:
        self._stage, self._channels = stage, frame.channels
        integrator = integrator_for(stage.integrator, frame.aovs)
        self._indices = channel_indices(integrator, frame)
        self._parts = {
            "scene": stage.scene,
            "sensor": stage.sensor,
            "integrator": integrator,
            "filter": tables(stage.rfilter),
        }
        known = previous if previous is not None and previous.is_of(stage, frame) else None
        self._trace: Any = self._trace_channels
        self._can_freeze: bool = known._can_freeze if known else self._can_be_frozen(frame)  # noqa: SLF001
        if self._can_freeze:
            self._trace = self._frozen()

    def is_of(self, stage: Stage, frame: FrameSpec) -> bool:
        """Whether it renders this scene and these channels, perhaps with another camera."""
        return self._stage.scene is stage.scene and self._channels == frame.channels

    def _trace_channels(self, numbers: dict[str, Any], lane: Any, parts: dict[str, Any]) -> list[Any]:  # noqa: ANN401
        """Trace lanes and return the requested channels."""
        values = trace(parts, numbers, lane)
        return [values[index] for index in self._indices]

    def _frozen(self) -> Any:  # noqa: ANN401
        """Return the trace, recorded once and replayed: with many materials, tracing anew takes long.

        A recording may contain the camera and filter as constants, so each pair has its own.
        """
        return dr.freeze(self._trace_channels, warn_after=1 << 30)

    def _can_be_frozen(self, frame: FrameSpec) -> bool:
        """Compile while the scene loads, and check that a frozen trace renders the same bits."""
        plain, self._trace = self._corner(frame), self._frozen()
        try:
            return all(np.array_equal(plain, self._corner(frame)) for _ in range(2))
        except RuntimeError as error:
            print(f"rendering unfrozen: {error}")
            return False
        finally:
            self._trace = self._trace_channels

    def _corner(self, frame: FrameSpec) -> npt.NDArray[np.float64]:
        corner = Region(x0=0, y0=0, x1=min(4, frame.size.width), y1=min(4, frame.size.height))
        return self._lanes(frame_numbers(frame), corner, 0, 2)

    def render(self, unit: UnitSpec) -> Pixels:
        """Render a unit."""
        region, frame = unit.region, unit.frame
        sums = np.empty((region.height, region.width, len(frame.channels)), np.float32)
        seconds, numbers = [], frame_numbers(frame)
        first = unit.samples.start == 0 and unit.samples.stop < frame.samples
        lanes = _lanes_at_once() // (2 if first else 1)  # the first samples measure the picture's costs
        cells = min(_COST_CELLS, max(1, region.area * unit.samples.count // lanes))
        columns, rows = packet_grid(packets(region), cells)
        for cell in regions_between(columns, rows):
            cell_began_s = time.perf_counter()
            self._cell(unit, numbers, cell, sums)
            seconds.append(time.perf_counter() - cell_began_s)
        costs = CostGrid(
            columns=clipped(columns, region.x0, region.x1),
            rows=clipped(rows, region.y0, region.y1),
            seconds=tuple(seconds),
        )
        return Pixels(sums=sums, channels=frame.channels, costs=costs)

    def _cell(self, unit: UnitSpec, numbers: dict[str, Any], cell: Region, sums: npt.NDArray[np.float32]) -> None:
        """Render a cell in chunks of bounded memory into the unit's sums."""
        block = min(_BLOCK, unit.samples.count)
        for chunk in split_packets(cell, -(-cell.area * block // max(_LANES, _lanes_at_once()))):
            total = np.zeros((chunk.height, chunk.width, sums.shape[2]))
            for start, count in sample_blocks(unit.samples, _BLOCK):
                total += self._lanes(numbers, chunk, start, count)
            wanted = overlap(chunk, unit.region)
            top, left = wanted.y0 - unit.region.y0, wanted.x0 - unit.region.x0
            inside = total[:, wanted.x0 - chunk.x0 : wanted.x1 - chunk.x0]
            sums[top : top + wanted.height, left : left + wanted.width] = inside

    def _lanes(self, numbers: dict[str, Any], chunk: Region, start: int, count: int) -> npt.NDArray[np.float64]:
        """Sum samples [start, start + count) of a chunk's pixels: (H, W, C)."""
        lanes = chunk.area * count
        # A single lane would be a constant to the compiler, and another kernel.
        lane = dr.arange(mi.UInt32, max(2, lanes))
        dr.make_opaque(lane)
        with _objects_kept():
            values = self._trace({**numbers, **chunk_numbers(chunk, start, count)}, lane, self._parts)
        dr.eval(values)
        sums = [
            np.array(value, copy=False)[:lanes].reshape(chunk.area, count).sum(1, dtype=np.float64) for value in values
        ]
        return np.stack(sums, -1).reshape(chunk.height, chunk.width, len(values))


@contextmanager
def _objects_kept() -> Iterator[None]:
    """Collect no garbage meanwhile: an old scene that is freed while Dr.Jit records ends the process."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _lanes_at_once() -> int:
    """Return the lanes that keep all threads busy for nearly all of a launch."""
    return min(_MAX_LANES, _MEASURED_LANES + _LANES_PER_THREAD * (dr.thread_count() - 1))
