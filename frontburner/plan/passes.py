"""Which ranges of samples frames are rendered in. The job alone decides, so pixels never depend on the farm."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, TypeVar

from tasks.spec import SampleRange

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

PROBE_FRACTION = 32
PROBE_MAX_SAMPLES = 16
PROBE_FROM_SAMPLES = 8

SHARPER = 4
"""A still is shown anew when it has this many times the samples: half the noise, which is what an eye notices."""

WORTH_SAMPLES = 8
"""A pass between the first and the last has at least this many samples: each is cut, handed out and stored."""

FIRST_SAMPLES = 16
STEP_FRACTION = 4
"""Under a limit a pass holds no more than this part of the samples before it: what is rendered beyond the limit, and
what is uneven when the time is up, is so much at most."""

FRAMES_TOGETHER = 8
"""Frames whose passes take turns: while the noise of one is measured, nodes have work on the others."""

T = TypeVar("T")


def sample_passes(
    samples: int, *, frames: int, exact_samples: bool, sample_align: int, limited: bool = False
) -> tuple[SampleRange, ...]:
    """Cut a frame's samples into passes.

    A still gets a short first pass: the probe, which is part of the picture, gives an early preview and
    measures where the picture is dear. Then come passes that each halve the noise. Frames of a sequence are
    rendered in one pass, for each frame measures the next one. Sums of a pass are rounded once; because passes
    don't depend on the nodes, two farms of different size give the same bits.

    Parameters
    ----------
    samples
        Samples a pixel of the finished frame.
    frames
        Frames of the job.
    exact_samples, sample_align
        As in `tasks.renderers.base.Capabilities`.
    limited
        Whether time or noise may end a frame before its last pass: its passes are then many and short.
    """
    if not exact_samples:
        return (SampleRange(start=0, stop=samples),)
    if limited:
        return _between(_limited_stops(samples, sample_align))
    if frames > 1 or samples < PROBE_FROM_SAMPLES:
        return (SampleRange(start=0, stop=samples),)
    return _between(_still_stops(samples, sample_align))


def turns(frames: Sequence[T], passes: Sequence[SampleRange]) -> Iterator[tuple[T, SampleRange]]:
    """Frames and passes in the order they are handed out: a few frames at a time, each pass of all of them in turn."""
    if len(passes) == 1:
        yield from ((frame, passes[0]) for frame in frames)
        return
    for first in range(0, len(frames), FRAMES_TOGETHER):
        for samples in passes:
            yield from ((frame, samples) for frame in frames[first : first + FRAMES_TOGETHER])


def _still_stops(samples: int, align: int) -> Iterator[int]:
    stop = _aligned(min(PROBE_MAX_SAMPLES, max(1, samples // PROBE_FRACTION)), align)
    start = 0
    while stop < samples:
        if start == 0 or stop - start >= WORTH_SAMPLES:
            yield stop
            start = stop
        stop *= SHARPER
        if 2 * stop > samples:
            break
    yield samples


def _limited_stops(samples: int, align: int) -> Iterator[int]:
    least = _aligned(max(1, min(FIRST_SAMPLES, samples // STEP_FRACTION)), align)
    stop = least
    while stop < samples:
        yield stop
        stop += least if stop == least else max(2 * least, stop // STEP_FRACTION // least * least)
    yield samples


def _aligned(samples: int, align: int) -> int:
    return -(-samples // align) * align


def _between(stops: Iterator[int]) -> tuple[SampleRange, ...]:
    return tuple(SampleRange(start=a, stop=b) for a, b in itertools.pairwise((0, *stops)))
