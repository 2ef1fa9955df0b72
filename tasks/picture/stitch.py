"""Stitches the tiles of a frame into its picture. A missing, duplicate or invalid tile is an error, never a hole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import BadTile
from tasks.renderers.build_names import is_build

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from tasks.spec import FrameSpec, Region, SampleRange, Tile, UnitSpec

_REMEDY_NOT_FINITE = (
    "It is rendered again. If that doesn't help, the scene itself draws them: look at the material or light there."
)
_REMEDY = "It is rendered again. If that doesn't help, check the nodes: frontburner node check."


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A finished frame or a part of one.

    Parameters
    ----------
    pixels
        float32 (H, W, C), linear, premultiplied: means over all samples.
    channels
        C channel names.
    region
        The picture's place in its frame.
    samples
        Samples a pixel; the most, where they differ.
    counts
        int32 (H, W): samples of each pixel; None where all have the same.
    """

    pixels: npt.NDArray[np.float32]
    channels: tuple[str, ...]
    region: Region
    samples: int
    counts: npt.NDArray[np.int32] | None = None


def check_tile(tile: Tile, unit: UnitSpec) -> None:
    """Refuse a tile that can't be this unit's.

    Raises
    ------
    BadTile
        When shape, channels or build are not the unit's, or a value is not finite.
    """
    region = unit.region
    expected = (region.height, region.width, len(unit.frame.channels))
    fault, remedy = "", _REMEDY
    if tile.sums.shape != expected or tile.sums.dtype != np.float32:
        fault = f"has shape {tile.sums.shape} {tile.sums.dtype} instead of {expected} float32"
    elif tile.channels != unit.frame.channels:
        fault = f"has the channels {', '.join(tile.channels)} instead of {', '.join(unit.frame.channels)}"
    elif not is_build(tile.record.build, unit.frame.build):
        fault = f"was rendered by {unit.frame.renderer} {tile.record.build}, the job by {unit.frame.build}"
    elif not (finite := np.isfinite(tile.sums).all(axis=2)).all():
        y, x = np.argwhere(~finite)[0]
        px = int(np.count_nonzero(~finite))
        fault = f"has {px} pixel{'s' * (px > 1)} infinite or not a number, the first at {region.x0 + x},{region.y0 + y}"
        remedy = _REMEDY_NOT_FINITE
    if fault:
        raise BadTile(
            reason=f"The tile of frame {unit.frame.frame} at {_place(region)} from {tile.record.node} {fault}.",
            remedy=remedy,
            retryable=True,
        )


def stitch(
    tiles: Sequence[Tile], frame: FrameSpec, *, region: Region, passes: Sequence[SampleRange] | None = None
) -> Picture:
    """Combine the tiles of a frame: sums over all passes, divided by the number of samples.

    Passes are added in their own order and in float64, so the result doesn't depend on how each pass was split.

    Parameters
    ----------
    tiles
        Tiles that cover ``region`` exactly once for each pass, in any order.
    frame
        The frame they belong to.
    region
        The part of the frame that is wanted.
    passes
        Ranges of samples to combine; None is all there are.

    Raises
    ------
    BadTile
        When a pixel isn't covered, is covered twice, or tiles come from different builds.
    """
    wanted = passes or sorted({tile.samples for tile in tiles}, key=lambda samples: samples.start)
    total = np.zeros((region.height, region.width, len(frame.channels)), dtype=np.float64)
    for samples in wanted:
        total += _assemble(tiles, frame, region, samples, allow_gaps=False)[0]
    count = sum(samples.count for samples in wanted)
    if passes is None and count != frame.samples:
        raise BadTile(
            reason=f"Frame {frame.frame} has {count} of its {frame.samples} samples.", remedy=_REMEDY, retryable=True
        )
    return Picture(
        pixels=np.ascontiguousarray((total / count).astype(np.float32)),
        channels=frame.channels,
        region=region,
        samples=count,
    )


def stitch_uneven(tiles: Sequence[Tile], frame: FrameSpec, *, region: Region, first: SampleRange) -> Picture:
    """Combine all tiles, also those of incomplete passes: each pixel is averaged over its own number of samples.

    Where all pixels have the same samples, the picture is that of `stitch` bit for bit.

    Parameters
    ----------
    tiles
        Tiles that cover ``region`` once for the first pass and at most once for any other.
    frame, region
        As in `stitch`.
    first
        The pass that must be complete, so that no pixel is without samples.
    """
    total = np.zeros((region.height, region.width, len(frame.channels)), dtype=np.float64)
    counts = np.zeros(total.shape[:2], dtype=np.int32)
    for samples in sorted({first, *(tile.samples for tile in tiles)}, key=lambda samples: samples.start):
        sums, covered = _assemble(tiles, frame, region, samples, allow_gaps=samples != first)
        total += sums
        counts += covered.astype(np.int32) * samples.count
    most = int(counts.max())
    return Picture(
        pixels=np.ascontiguousarray((total / counts[..., None]).astype(np.float32)),
        channels=frame.channels,
        region=region,
        samples=most,
        counts=None if (counts == most).all() else counts,
    )


def _assemble(
    tiles: Sequence[Tile], frame: FrameSpec, region: Region, samples: SampleRange, *, allow_gaps: bool
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.uint8]]:
    """Put the tiles of one pass in place; returns its sums, and 1 for each pixel that is covered.

    Raises
    ------
    BadTile
        When a tile doesn't fit, a pixel is covered twice, or isn't covered where gaps aren't allowed.
    """
    sums = np.zeros((region.height, region.width, len(frame.channels)), dtype=np.float32)
    covered = np.zeros(sums.shape[:2], dtype=np.uint8)
    for tile in tiles:
        if tile.samples != samples:
            continue
        if fault := _misfit(tile, frame, region):
            raise BadTile(
                reason=f"The tile at {_place(tile.region)} from {tile.record.node} doesn't belong to frame "
                f"{frame.frame}: {fault}.",
                remedy=_REMEDY,
                retryable=True,
            )
        rows = slice(tile.region.y0 - region.y0, tile.region.y1 - region.y0)
        columns = slice(tile.region.x0 - region.x0, tile.region.x1 - region.x0)
        sums[rows, columns] = tile.sums
        covered[rows, columns] += 1
    if not (covered <= 1 if allow_gaps else covered == 1).all():
        missing, twice = int((covered == 0).sum()), int((covered > 1).sum())
        raise BadTile(
            reason=f"Samples {samples.start}-{samples.stop} of frame {frame.frame} lack {missing} pixels "
            f"and have {twice} more than once.",
            remedy=_REMEDY,
            retryable=True,
        )
    return sums, covered


def _misfit(tile: Tile, frame: FrameSpec, region: Region) -> str:
    """Say why a tile doesn't fit into this region of its frame; numpy would stretch or clip some that don't."""
    expected = (tile.region.height, tile.region.width, len(frame.channels))
    if tile.channels != frame.channels:
        return f"it has the channels {', '.join(tile.channels)}"
    if not is_build(tile.record.build, frame.build):
        return f"it was rendered by {tile.record.build}, the frame by {frame.build}"
    if not tile.region.inside(region):
        return "it reaches outside the picture"
    if tile.sums.shape != expected:
        return f"it has shape {tile.sums.shape} instead of {expected}"
    return ""


def _place(region: Region) -> str:
    return f"{region.x0},{region.y0} ({region.width}x{region.height})"
