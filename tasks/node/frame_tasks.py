"""Dask tasks on whole frames: measured pass by pass, stitched from their tiles, denoised, written and inspected."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dask.sizeof import sizeof

from storage.errors import FrontburnerError
from storage.objects import open_store
from tasks.node.unit_task import tile_of
from tasks.picture.frame_output import FrameRecord, PictureOrder, StitchedFrame, denoise_picture, stitch_picture, write
from tasks.picture.noise import Moments, gather_pass
from tasks.picture.products import measure, read_ahead
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.job_context import JobContext
    from tasks.picture.figures import Figures
    from tasks.picture.frame_reading import FrameFiles
    from tasks.picture.inspection import Finding
    from tasks.spec import Region, Tile, UnitSpec

RETRIES = 3
"""How often a picture that couldn't be finished is tried again, where that may help."""


@sizeof.register(StitchedFrame)  # type: ignore[untyped-decorator]
@sizeof.register(Moments)  # type: ignore[untyped-decorator]
def _array_bytes(value: StitchedFrame | Moments) -> int:
    """Tell Dask how much memory the arrays take, or it would spill too late."""
    return value.nbytes


def take_pass(before: Moments | None, tiles: Sequence[Tile | UnitSpec], region: Region, job: JobContext) -> Moments:
    """Add a complete pass to the moments. Raises `BadTile` when it isn't complete."""
    return gather_pass(before, [tile_of(tile, job) for tile in tiles], region)


def finish_frames(
    tiles: Sequence[Sequence[Tile | UnitSpec]],
    orders: Sequence[PictureOrder],
    job: JobContext,
    metadata: dict[str, str],
) -> list[FrameRecord | FrontburnerError]:
    """Stitch, encode and write frames, one after the other.

    Returns
    -------
    list
        For each frame its record, or its error: a frame that fails doesn't affect the others.
    """
    return [_finish_frame(each, order, job, metadata) for each, order in zip(tiles, orders, strict=True)]


def stitch_frame(tiles: Sequence[Tile | UnitSpec], order: PictureOrder, job: JobContext) -> StitchedFrame:
    """Stitch a frame; its picture stays on this node until it is written."""
    return stitch_picture([tile_of(tile, job) for tile in tiles], order)


def denoise_frame(stitched: StitchedFrame) -> StitchedFrame:
    """Denoise a frame's picture on this node."""
    return denoise_picture(stitched)


def write_frame(stitched: StitchedFrame, order: PictureOrder, job: JobContext, metadata: dict[str, str]) -> FrameRecord:
    """Encode and write a frame's picture."""
    return StoreRetry().call(partial(write, stitched, order, open_store(job.store_url), metadata))


def measure_frames(frames: Sequence[FrameFiles], store_url: str) -> list[dict[int, Figures] | Finding]:
    """Read frames back and measure them, a few at a time."""
    return list(read_ahead(partial(measure, store=open_store(store_url)), frames))


def _finish_frame(
    tiles: Sequence[Tile | UnitSpec], order: PictureOrder, job: JobContext, metadata: dict[str, str]
) -> FrameRecord | FrontburnerError:
    try:
        stitched = stitch_frame(tiles, order, job)
        return write_frame(denoise_frame(stitched) if order.denoise else stitched, order, job, metadata)
    except FrontburnerError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a frame that can't be finished fails no other
        return FrontburnerError(
            reason=f"Frame {order.frame.frame} could not be finished: {type(error).__name__}: {error}",
            remedy="It is tried again.",
            retryable=True,
        )
