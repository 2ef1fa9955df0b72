"""The ranges of samples frames are rendered in. They depend on the job alone, so pixels never depend on the farm."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeVar

from tasks.spec import SampleRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROBE_FRACTION = 32
PROBE_MAX_SAMPLES = 16
PROBE_FROM_SAMPLES = 8
PREVIEW_FACTOR = 4
"""A still gets a new preview at this many times the samples: half the noise, which is what an eye notices."""
MIN_PASS_SAMPLES = 8
"""Passes between the first and the last have at least this many samples: each is cut, handed out and stored."""
LIMITED_FIRST_SAMPLES = 16
LIMITED_STEP_FRACTION = 4
"""Under a limit, a pass has at most this fraction, 1 / 4, of the samples before it. That bounds what is rendered
beyond a noise limit, and how uneven a frame is at a time limit."""
INTERLEAVED_FRAMES = 8
"""Frames whose passes take turns: while the noise of one is measured, nodes work on the others."""

T = TypeVar("T")


def sample_passes(
    samples: int, *, frames: int, exact_samples: bool, sample_align: int, limited: bool = False
) -> tuple[SampleRange, ...]:
    """Divide a frame's samples into passes.

    A still has a short first pass, the probe: it is part of the picture, gives an early preview, and measures where
    the picture is expensive. The passes after it each halve the noise. A sequence's frames have one pass, since each
    frame measures the next one. Sums are rounded once a pass; as passes don't depend on the nodes, two farms of
    different size produce the same bits.

    Parameters
    ----------
    samples
        Samples per pixel of the finished frame.
    frames
        Number of frames in the job.
    exact_samples, sample_align
        As in `tasks.renderers.base.Capabilities`.
    limited
        Whether a time or noise limit may end a frame before its last pass: then passes are many and short.
    """
    if not exact_samples:
        return (SampleRange(start=0, stop=samples),)
    if limited:
        return _between(_limited_stops(samples, sample_align))
    if frames > 1 or samples < PROBE_FROM_SAMPLES:
        return (SampleRange(start=0, stop=samples),)
    return _between(_still_stops(samples, sample_align))


def render_order(frames: Sequence[T], passes: Sequence[SampleRange]) -> Iterator[tuple[T, SampleRange]]:
    """Yield frames and passes as they are handed out: a few frames at a time, pass by pass."""
    if len(passes) == 1:
        yield from ((frame, passes[0]) for frame in frames)
        return
    for first in range(0, len(frames), INTERLEAVED_FRAMES):
        for samples in passes:
            yield from ((frame, samples) for frame in frames[first : first + INTERLEAVED_FRAMES])


def _still_stops(samples: int, align: int) -> Iterator[int]:
    stop = _aligned(min(PROBE_MAX_SAMPLES, max(1, samples // PROBE_FRACTION)), align)
    start = 0
    while stop < samples:
        if start == 0 or stop - start >= MIN_PASS_SAMPLES:
            yield stop
            start = stop
        stop *= PREVIEW_FACTOR
        if 2 * stop > samples:
            break
    yield samples


def _limited_stops(samples: int, align: int) -> Iterator[int]:
    first = _aligned(max(1, min(LIMITED_FIRST_SAMPLES, samples // LIMITED_STEP_FRACTION)), align)
    stop = first
    while stop < samples:
        yield stop
        stop += first if stop == first else max(2 * first, stop // LIMITED_STEP_FRACTION // first * first)
    yield samples


def _aligned(samples: int, align: int) -> int:
    return -(-samples // align) * align


def _between(stops: Iterator[int]) -> tuple[SampleRange, ...]:
    return tuple(SampleRange(start=start, stop=stop) for start, stop in itertools.pairwise((0, *stops)))
