"""Frames, tiles and records for tests."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any

import numpy as np
from hypothesis import strategies as st

from tasks.spec import Aov, CostGrid, FrameSpec, Region, SampleRange, Size, Tile, UnitRecord, UnitSpec

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

BUILD = "3.9.1 scalar_rgb"


def frame_of(width: int = 24, height: int = 16, **others: Any) -> FrameSpec:
    values: dict[str, Any] = {"samples": 16, "aovs": (Aov.DEPTH,), **others}
    return FrameSpec(
        renderer="mitsuba",
        build=BUILD,
        scene="/s/room.xml",
        scene_digest="d" * 64,
        frame=values.pop("frame", 1),
        size=Size(width=width, height=height),
        **values,
    )


def passes_of(*edges: int) -> tuple[SampleRange, ...]:
    """Passes between these numbers of samples."""
    return tuple(SampleRange(start=a, stop=b) for a, b in itertools.pairwise(edges))


def record_of(unit: UnitSpec, **others: Any) -> UnitRecord:
    values: dict[str, Any] = {
        "unit": unit.digest, "node": "n1", "build": unit.frame.build, "isa": "avx2", "started_s": 5.25, "wall_s": 1.5,
        "cpu_s": 2.75, "load_s": 0.125, "peak_memory_bytes": 12345,
        "costs": CostGrid(
            columns=(unit.region.x0, unit.region.x1), rows=(unit.region.y0, unit.region.y1), seconds=(1.375,)
        ),
    }  # fmt: skip
    return UnitRecord(**values | others)


def tile_of(frame: FrameSpec, region: Region, samples: SampleRange, sums: Floats, **record: Any) -> Tile:
    unit = UnitSpec(frame=frame, region=region, samples=samples)
    return Tile(
        region=region,
        samples=samples,
        channels=frame.channels,
        sums=np.ascontiguousarray(sums),
        record=record_of(unit, **record),
    )


def noise(frame: FrameSpec, *, seed: int = 0, region: Region | None = None) -> Floats:
    """Random sums for a region, many magnitudes apart; alpha too."""
    place = region or frame.size.whole
    random = np.random.default_rng(seed)
    shape = (place.height, place.width, len(frame.channels))
    return (random.random(shape) * 10.0 ** random.integers(-3, 4, shape)).astype(np.float32)


def cropped(pixels: Floats, region: Region, origin: Region) -> Floats:
    """Part of an array that begins at ``origin``."""
    return pixels[region.y0 - origin.y0 : region.y1 - origin.y0, region.x0 - origin.x0 : region.x1 - origin.x0]


@st.composite
def guillotine_cuts(draw: st.DrawFn, whole: Region, *, most: int = 12) -> list[Region]:
    """Cut a region across again and again, anywhere."""
    pieces = [whole]
    for _ in range(draw(st.integers(0, most - 1))):
        piece = pieces.pop(draw(st.integers(0, len(pieces) - 1)))
        pieces += draw(_halves(piece))
    return pieces


def _halves(piece: Region) -> st.SearchStrategy[list[Region]]:
    x0, y0, x1, y1 = piece.x0, piece.y0, piece.x1, piece.y1
    across = [[Region(x0=x0, y0=y0, x1=x, y1=y1), Region(x0=x, y0=y0, x1=x1, y1=y1)] for x in range(x0 + 1, x1)]
    down = [[Region(x0=x0, y0=y0, x1=x1, y1=y), Region(x0=x0, y0=y, x1=x1, y1=y1)] for y in range(y0 + 1, y1)]
    return st.sampled_from(across + down or [[piece]])
