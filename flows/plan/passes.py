"""Which ranges of samples frames are rendered in. The job alone decides, so pixels never depend on the farm."""

from __future__ import annotations

from tasks.spec import SampleRange

PROBE_FRACTION = 32
PROBE_MAX_SAMPLES = 16
PROBE_FROM_SAMPLES = 8


def sample_passes(samples: int, *, frames: int, exact_samples: bool, sample_align: int) -> tuple[SampleRange, ...]:
    """Cut a frame's samples into passes.

    A still gets a short first pass: the probe, which is part of the picture, gives an early preview and
    measures where the picture is dear. Frames of a sequence are rendered in one pass, for each frame
    measures the next one. Sums of a pass are rounded once; because passes don't depend on the nodes, two
    farms of different size give the same bits.

    Parameters
    ----------
    samples
        Samples a pixel of the finished frame.
    frames
        Frames of the job.
    exact_samples, sample_align
        As in `tasks.renderers.base.Capabilities`.
    """
    whole = SampleRange(start=0, stop=samples)
    if frames > 1 or not exact_samples or samples < PROBE_FROM_SAMPLES:
        return (whole,)
    wanted = min(PROBE_MAX_SAMPLES, max(1, samples // PROBE_FRACTION))
    probe = -(-wanted // sample_align) * sample_align
    if probe >= samples:
        return (whole,)
    return SampleRange(start=0, stop=probe), SampleRange(start=probe, stop=samples)
