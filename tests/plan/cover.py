"""Checks that blocks cover every pixel of every frame and pass exactly once."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from frontburner.plan.block import Block
    from tasks.spec import Region, SampleRange


def counts(regions: Iterable[Region], whole: Region) -> set[int]:
    """Return how often pixels of ``whole`` are covered; a region that reaches outside of it is an error."""
    painted = np.zeros((whole.height, whole.width), dtype=int)
    for region in regions:
        assert region.inside(whole), f"{region} reaches outside {whole}"
        painted[region.y0 - whole.y0 : region.y1 - whole.y0, region.x0 - whole.x0 : region.x1 - whole.x0] += 1
    return set(painted.ravel().tolist())


def assert_covered_once(
    blocks: Iterable[Block], *, frames: Iterable[int], region: Region, passes: Sequence[SampleRange]
) -> None:
    """Check that every pixel of every frame and pass is covered by exactly one block."""
    found: defaultdict[tuple[int, SampleRange], list[Region]] = defaultdict(list)
    for block in blocks:
        found[block.frame, block.samples].append(block.region)
    assert found.keys() == {(frame, samples) for frame in frames for samples in passes}
    for place, regions in found.items():
        assert counts(regions, region) == {1}, place
