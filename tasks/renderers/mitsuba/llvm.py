"""Units on the compiled build: one kernel for all of them, each sample's stream seeded by its place.

A lane is one sample of one pixel. What differs between units is opaque to the compiler, lanes never meet,
and a pixel's samples are summed in blocks that follow from the range alone: no cut changes a bit.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import drjit as dr
import mitsuba as mi
import numpy as np

from tasks.renderers.mitsuba.channels import integrator_for, places
from tasks.renderers.mitsuba.filters import FilterSampler
from tasks.renderers.mitsuba.grid import split
from tasks.renderers.mitsuba.seeds import keys
from tasks.spec import Pixels, Region, RegionCost

if TYPE_CHECKING:
    import numpy.typing as npt

    from tasks.renderers.mitsuba.stage import Stage
    from tasks.spec import FrameSpec, UnitSpec

_LANES = 1 << 20
_BLOCK = 1 << 12  # samples summed at a time: part of the pixels' definition, as sums round
_COST_S = 0.15
_COST_CELLS = 256
_FEWEST_CELLS = 16
_SHORTEST_S = 0.04
_CELL_LANES = 1 << 12  # below, launching a kernel is most of the time
_TELLING_S = 0.05
_FIRST_RATE = 4e6


class PixelSampler(mi.Sampler):
    """Hands the integrator one PCG32 stream a lane, seeded from outside."""

    def __init__(self, props: Any = None) -> None:  # noqa: ANN401
        super().__init__(props if props is not None else mi.Properties())
        self.rng: Any = None

    def next_1d(self, active: Any = True) -> Any:  # noqa: ANN401, FBT002
        """Next number of each stream."""
        return self.rng.next_float32(active)

    def next_2d(self, active: Any = True) -> Any:  # noqa: ANN401, FBT002
        """Next two numbers of each stream."""
        x = self.rng.next_float32(active)
        return mi.Point2f(x, self.rng.next_float32(active))

    def fork(self) -> PixelSampler:
        """Return another sampler, not yet seeded."""
        return PixelSampler()

    def clone(self) -> PixelSampler:
        """Return another sampler in the same state."""
        other = PixelSampler()
        other.rng = mi.PCG32(self.rng)  # type: ignore[operator]
        return other

    def seed(self, seed: Any, wavefront_size: Any = None) -> None:  # noqa: ANN401
        """Keep the streams: they are seeded where lanes are made."""

    def schedule_state(self) -> None:
        """Evaluate the streams with the next kernel."""
        dr.schedule(self.rng)


class Kernel:
    """Renders units of one scene with one set of channels."""

    def __init__(self, stage: Stage, frame: FrameSpec) -> None:
        self._stage = stage
        self._integrator = integrator_for(stage.integrator, frame.aovs)
        self._places = places(self._integrator, frame.aovs)
        self._filter = FilterSampler(stage.rfilter)
        self._rate = _FIRST_RATE
        self._compile(frame)

    def _compile(self, frame: FrameSpec) -> None:
        """Pay for compiling while the scene loads, not inside a measured region."""
        corner = Region(x0=0, y0=0, x1=min(4, frame.size.width), y1=min(4, frame.size.height))
        self._lanes(frame, corner, 0, 2)

    def render(self, unit: UnitSpec) -> Pixels:
        """Render a unit."""
        region, frame = unit.region, unit.frame
        sums = np.empty((region.height, region.width, len(frame.channels)), np.float32)
        costs = []
        began_s = time.perf_counter()
        for cell in split(region, self._cost_cells(unit)):
            cell_began_s = time.perf_counter()
            self._cell(unit, cell, sums)
            costs.append(RegionCost(region=cell, seconds=time.perf_counter() - cell_began_s))
        spent_s = time.perf_counter() - began_s
        if spent_s > _TELLING_S:
            self._rate = region.area * unit.samples.count / spent_s
        return Pixels(sums=sums, channels=frame.channels, costs=tuple(costs))

    def _cost_cells(self, unit: UnitSpec) -> int:
        """How many regions to measure: more would cost time, fewer would tell less."""
        lanes = unit.region.area * unit.samples.count
        fewest = min(_FEWEST_CELLS, lanes / (self._rate * _SHORTEST_S))
        return max(1, min(_COST_CELLS, lanes // _CELL_LANES, round(max(fewest, lanes / min(_LANES, self._rate * _COST_S)))))

    def _cell(self, unit: UnitSpec, cell: Region, sums: npt.NDArray[np.float32]) -> None:
        """Render a cell in chunks of bounded memory into its place in the unit's sums."""
        block = min(_BLOCK, unit.samples.count)
        for chunk in split(cell, -(-cell.area * block // _LANES)):
            total = np.zeros((chunk.height, chunk.width, sums.shape[2]))
            for start in range(unit.samples.start, unit.samples.stop, _BLOCK):
                total += self._lanes(unit.frame, chunk, start, min(_BLOCK, unit.samples.stop - start))
            top, left = chunk.y0 - unit.region.y0, chunk.x0 - unit.region.x0
            sums[top : top + chunk.height, left : left + chunk.width] = total

    def _lanes(self, frame: FrameSpec, chunk: Region, start: int, count: int) -> npt.NDArray[np.float64]:
        """Sum samples [start, start + count) of a chunk's pixels: (H, W, C)."""
        lanes = chunk.area * count
        # A single lane would be a constant to the compiler, and another kernel.
        lane = dr.arange(mi.UInt32, max(2, lanes))
        pixel = lane // dr.opaque(mi.UInt32, count)
        sample = lane - pixel * dr.opaque(mi.UInt32, count) + dr.opaque(mi.UInt32, start)
        row = pixel // dr.opaque(mi.UInt32, chunk.width)
        x = pixel - row * dr.opaque(mi.UInt32, chunk.width) + dr.opaque(mi.UInt32, chunk.x0)
        values = self._trace(frame, x, row + dr.opaque(mi.UInt32, chunk.y0), sample)
        dr.eval(values)
        sums = [
            np.array(value, copy=False)[:lanes].reshape(chunk.area, count).sum(1, dtype=np.float64) for value in values
        ]
        return np.stack(sums, -1).reshape(chunk.height, chunk.width, len(values))

    def _trace(self, frame: FrameSpec, x: Any, y: Any, sample: Any) -> list[Any]:  # noqa: ANN401
        """Trace one sample a lane: its RGBA and AOV values."""
        sensor, size = self._stage.sensor, frame.size
        sampler = _seeded(frame, y * dr.opaque(mi.UInt32, size.width) + x, sample)
        jitter = sampler.next_2d()
        (dx, weight_x), (dy, weight_y) = self._filter.draw(jitter.x), self._filter.draw(jitter.y)
        place = mi.Point2f(
            (mi.Float(x) + dx) * dr.opaque(mi.Float, 1 / size.width),
            (mi.Float(y) + dy) * dr.opaque(mi.Float, 1 / size.height),
        )
        moment = sensor.shutter_open()
        if sensor.shutter_open_time() > 0:
            moment = moment + sampler.next_1d() * sensor.shutter_open_time()
        aperture = sampler.next_2d() if sensor.needs_aperture_sample() else mi.Point2f(0.5)
        ray, weight = sensor.sample_ray_differential(moment, mi.Float(0.5), place, aperture)
        # By the frame's samples, not the unit's: texture filtering must not follow the cut.
        ray.scale_differential(dr.opaque(mi.Float, frame.samples**-0.5))
        radiance, valid, extra = self._integrator.sample(self._stage.scene, sampler, ray, None, True)  # noqa: FBT003
        rgb = weight * radiance
        values = [
            rgb.x,
            rgb.y,
            rgb.z,
            dr.select(valid, mi.Float(1), mi.Float(0)),
            *(extra[i] for i in self._places),
        ]
        return values if weight_x is None else [value * (weight_x * weight_y) for value in values]


def _seeded(frame: FrameSpec, pixel: Any, sample: Any) -> PixelSampler:  # noqa: ANN401
    """Return a sampler whose streams are decided by job seed, frame number, pixel and sample."""
    first, second = (dr.opaque(mi.UInt32, key) for key in keys(frame))
    a, b = mi.sample_tea_32(pixel + first, sample + second)
    c, d = mi.sample_tea_32(a ^ second, b ^ first)
    sampler = PixelSampler()
    sampler.rng = mi.PCG32(  # type: ignore[operator]
        1, initstate=(mi.UInt64(a) << 32) | mi.UInt64(b), initseq=(mi.UInt64(c) << 32) | mi.UInt64(d)
    )
    return sampler
