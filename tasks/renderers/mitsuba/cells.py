"""Renders units on the scalar build, as plain renders of fixed cells and sample quanta, each with its own seed.

Mitsuba seeds a pixel by its place in the crop, so a cell has the same pixels in any unit. Units whose edges aren't
cell edges render all cells they touch and keep their part.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import mitsuba as mi
import numpy as np

from tasks.renderers.mitsuba.grid import (
    CELL_PX,
    QUANTUM,
    cell_edges,
    cells,
    clipped,
    overlap,
    quanta,
    stream_keys,
)
from tasks.renderers.mitsuba.stage import channel_indices, integrator_for
from tasks.spec import RGBA, CostGrid, Pixels

if TYPE_CHECKING:
    import numpy.typing as npt

    from tasks.renderers.mitsuba.stage import Stage
    from tasks.spec import FrameSpec, Region, UnitSpec


class Cells:
    """Renders units of one scene with one set of channels."""

    def __init__(self, stage: Stage, frame: FrameSpec) -> None:
        self._stage = stage
        self._integrator = integrator_for(stage.integrator, frame.aovs)
        self._indices = channel_indices(self._integrator, frame)
        # render() leaves out some of the channels that a scene asks for; the film has all of them.
        self._from_bitmap = bool(frame.scene_channels)
        if not self._from_bitmap:
            self._indices = [*range(len(RGBA)), *range(len(RGBA) - len(frame.channels), 0)]
        self._film = mi.traverse(stage.sensor)

    def render(self, unit: UnitSpec) -> Pixels:
        """Render a unit."""
        region = unit.region
        self._check_alignment(unit)
        sums = np.empty((region.height, region.width, len(self._indices)), np.float32)
        seconds = []
        for cell in cells(region, unit.frame.size):
            began_s = time.perf_counter()
            part = overlap(cell, region)
            total = self._cell(unit, cell)[part.y0 - cell.y0 : part.y1 - cell.y0, part.x0 - cell.x0 : part.x1 - cell.x0]
            top, left = part.y0 - region.y0, part.x0 - region.x0
            sums[top : top + part.height, left : left + part.width] = total
            seconds.append(time.perf_counter() - began_s)
        costs = CostGrid(
            columns=clipped(cell_edges(region.x0, region.x1), region.x0, region.x1),
            rows=clipped(cell_edges(region.y0, region.y1), region.y0, region.y1),
            seconds=tuple(seconds),
        )
        return Pixels(sums=sums, channels=unit.frame.channels, costs=costs)

    def _check_alignment(self, unit: UnitSpec) -> None:
        if unit.samples.start % QUANTUM or (unit.samples.stop % QUANTUM and unit.samples.stop != unit.frame.samples):
            raise self._stage.document.refuse(
                f"was to be rendered in {unit.samples}, which the scalar build can't do",
                f"Split samples at multiples of {QUANTUM}.",
            )

    def _cell(self, unit: UnitSpec, cell: Region) -> npt.NDArray[np.float64]:
        """Sum the unit's samples over all of a cell's pixels."""
        self._film["film.crop_offset"] = mi.ScalarPoint2u(cell.x0, cell.y0)
        self._film["film.crop_size"] = mi.ScalarVector2u(cell.width, cell.height)
        self._film.update()
        total = np.zeros((cell.height, cell.width, len(self._indices)))
        for start, count in quanta(unit.samples):
            means = self._render(seed_of(unit.frame, cell, start), count)
            if self._from_bitmap:
                means = self._stage.sensor.film().bitmap()
            total += np.array(means, dtype=np.float64)[:, :, self._indices] * count
        return total

    def _render(self, seed: int, count: int) -> Any:  # noqa: ANN401 - a Mitsuba tensor
        return self._integrator.render(self._stage.scene, self._stage.sensor, seed=seed, spp=count)


def seed_of(frame: FrameSpec, cell: Region, sample: int) -> int:
    """Return the seed of a cell's quantum. Mitsuba adds a pixel's number, so seeds are spaced by cells."""
    columns, rows = (-(-edge // CELL_PX) for edge in (frame.size.width, frame.size.height))
    number = sample * columns * rows + cell.y0 // CELL_PX * columns + cell.x0 // CELL_PX
    return (stream_keys(frame)[0] + number * CELL_PX**2) % 2**32
