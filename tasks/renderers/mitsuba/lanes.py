"""Traces one sample of one pixel per lane, with a random stream that depends on pixel, sample, frame and seed.

Everything that differs between units is passed as an opaque argument, so that one kernel serves all units. The
function can be frozen, since it reads nothing but its arguments.

Reconstruction filters are importance-sampled: a sample's position in the picture is drawn from the filter. With any
filter, a pixel's value is then the mean of its own samples, and regions need no margin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import drjit as dr
import mitsuba as mi
import numpy as np

from tasks.renderers.mitsuba.grid import stream_keys

if TYPE_CHECKING:
    import numpy.typing as npt

    from tasks.spec import FrameSpec, Region

_BINS = 8192
_QUANTILES = 1024


class PixelSampler(mi.Sampler):
    """Gives the integrator one PCG32 stream per lane, seeded from outside."""

    def __init__(self, props: Any = None) -> None:  # noqa: ANN401
        super().__init__(props if props is not None else mi.Properties())
        self.rng: Any = None

    def next_1d(self, active: Any = True) -> Any:  # noqa: ANN401, FBT002
        """Return the next number of each stream."""
        return self.rng.next_float32(active)

    def next_2d(self, active: Any = True) -> Any:  # noqa: ANN401, FBT002
        """Return the next two numbers of each stream."""
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
        """Do nothing: the streams are seeded in `_seeded`."""

    def schedule_state(self) -> None:
        """Evaluate the streams with the next kernel."""
        dr.schedule(self.rng)


def trace(parts: dict[str, Any], numbers: dict[str, Any], lane: Any) -> list[Any]:  # noqa: ANN401 - Dr.Jit arrays
    """Trace one sample per lane.

    Parameters
    ----------
    parts
        Mitsuba's scene, sensor and integrator, and the filter's tables.
    numbers
        The chunk's and the frame's numbers, as `chunk_numbers` and `frame_numbers` make them.
    lane
        Numbers of the lanes: a pixel's samples in sequence, pixels row by row.

    Returns
    -------
    values
        RGBA and the integrator's extra channels.
    """
    pixel = lane // numbers["count"]
    sample = lane - pixel * numbers["count"] + numbers["start"]
    row = pixel // numbers["width"]
    x, y = pixel - row * numbers["width"] + numbers["x0"], row + numbers["y0"]
    sampler = _seeded(y * numbers["frame_width"] + x, sample, numbers)
    ray, weight = _ray(parts, numbers, sampler, x, y)
    medium = parts["sensor"].get_medium()
    radiance, valid, extra = parts["integrator"].sample(parts["scene"], sampler, ray, medium, True)  # noqa: FBT003
    rgb = weight[0] * radiance
    values = [rgb.x, rgb.y, rgb.z, dr.select(valid, mi.Float(1), mi.Float(0)), *extra]
    return values if weight[1] is None else [value * weight[1] for value in values]


def _ray(parts: dict[str, Any], numbers: dict[str, Any], sampler: PixelSampler, x: Any, y: Any) -> Any:  # noqa: ANN401
    """Return a ray through each pixel, with the camera's and the filter's weights."""
    sensor = parts["sensor"]
    jitter = sampler.next_2d()
    (dx, weight_x), (dy, weight_y) = draw(parts["filter"], jitter.x), draw(parts["filter"], jitter.y)
    position = mi.Point2f((mi.Float(x) + dx) * numbers["pixel_width"], (mi.Float(y) + dy) * numbers["pixel_height"])
    time = sensor.shutter_open()
    if sensor.shutter_open_time() > 0:
        time = time + sampler.next_1d() * sensor.shutter_open_time()
    aperture = sampler.next_2d() if sensor.needs_aperture_sample() else mi.Point2f(0.5)
    ray, weight = sensor.sample_ray_differential(time, mi.Float(0.5), position, aperture)
    ray.scale_differential(numbers["spacing"])
    return ray, (weight, None if weight_x is None else weight_x * weight_y)


def chunk_numbers(chunk: Region, start: int, count: int) -> dict[str, Any]:
    """Return the numbers of a chunk that lanes need."""
    values = {"count": count, "start": start, "width": chunk.width, "x0": chunk.x0, "y0": chunk.y0}
    return {name: dr.opaque(mi.UInt32, value) for name, value in values.items()}


def frame_numbers(frame: FrameSpec) -> dict[str, Any]:
    """Return the numbers of a frame that lanes need."""
    first, second = stream_keys(frame)
    integers = {"frame_width": frame.size.width, "first": first, "second": second}
    # Spacing by the frame's samples, not the unit's: texture filtering must not depend on the split.
    floats = {
        "pixel_width": 1 / frame.size.width,
        "pixel_height": 1 / frame.size.height,
        "spacing": frame.samples**-0.5,
    }
    return {
        **{name: dr.opaque(mi.UInt32, value) for name, value in integers.items()},
        **{name: dr.opaque(mi.Float, value) for name, value in floats.items()},
    }


def _seeded(pixel: Any, sample: Any, numbers: dict[str, Any]) -> PixelSampler:  # noqa: ANN401
    """Return a sampler whose streams depend on job seed, frame number, pixel and sample."""
    first, second = numbers["first"], numbers["second"]
    a, b = mi.sample_tea_32(pixel + first, sample + second)
    c, d = mi.sample_tea_32(a ^ second, b ^ first)
    sampler = PixelSampler()
    sampler.rng = mi.PCG32(  # type: ignore[operator]
        1, initstate=(mi.UInt64(a) << 32) | mi.UInt64(b), initseq=(mi.UInt64(c) << 32) | mi.UInt64(d)
    )
    return sampler


def tables(rfilter: Any) -> dict[str, Any]:  # noqa: ANN401 - a Mitsuba object
    """Tabulate a separable filter to draw from its magnitude; empty for a box of one pixel, which needs no table."""
    radius = float(rfilter.radius())
    if rfilter.is_box_filter() and radius <= 0.5 + 1e-3:
        return {}
    edges = np.linspace(-radius, radius, _BINS + 1)
    values = np.array(rfilter.eval(mi.Float((edges[:-1] + edges[1:]) / 2)), dtype=np.float64)
    table = {"quantiles": mi.Float(quantiles(edges, np.abs(values)).astype(np.float32))}
    if not (values < 0).any():
        return table
    scale = dr.opaque(mi.Float, float(np.abs(values).sum() / values.sum()))
    return {**table, "scale": scale, "rfilter": rfilter}


def draw(filter_tables: dict[str, Any], u: Any) -> tuple[Any, Any]:  # noqa: ANN401
    """Return the offset in pixels from the pixel's corner for a uniform number, and the sample's weight if not 1."""
    if not filter_tables:
        return u, None
    position = u * _QUANTILES
    index = dr.minimum(mi.UInt32(position), _QUANTILES - 1)
    low = dr.gather(mi.Float, filter_tables["quantiles"], index)
    high = dr.gather(mi.Float, filter_tables["quantiles"], index + 1)
    offset = dr.fma(high - low, position - mi.Float(index), low)
    if "scale" not in filter_tables:
        return offset + 0.5, None
    return offset + 0.5, dr.copysign(filter_tables["scale"], filter_tables["rfilter"].eval(offset))


def quantiles(edges: npt.NDArray[np.float64], density: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return where a density given by bins reaches each of the equally spaced quantiles."""
    cumulative = np.concatenate([[0.0], np.cumsum(density)])
    return np.interp(np.linspace(0.0, cumulative[-1], _QUANTILES + 1), cumulative, edges)
