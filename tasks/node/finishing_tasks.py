"""What a node does with rendered frames: stitched from their tiles, denoised, encoded and written to the store."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from dask.sizeof import sizeof

from storage.errors import FrontburnerError
from storage.objects import open_store
from tasks.node.unit_task import tile_of
from tasks.picture.frame_output import FrameRecord, PictureOrder, Stitched, put_together, without_noise, write
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.job_context import JobContext
    from tasks.spec import Tile, UnitSpec


RETRIES = 3
"""How often a picture is tried again that couldn't be finished, where that may help."""


@sizeof.register(Stitched)  # type: ignore[untyped-decorator]
def _stitched_bytes(stitched: Stitched) -> int:
    """Tell Dask what a picture really holds, or it would spill too late."""
    return stitched.nbytes


def finish_frames(
    tiles: Sequence[Sequence[Tile | UnitSpec]],
    orders: Sequence[PictureOrder],
    desk: JobContext,
    metadata: dict[str, str],
) -> list[FrameRecord | FrontburnerError]:
    """Stitch, encode and write frames, one after the other.

    Returns
    -------
    list
        For each frame its record, or what went wrong with it: the others are none the worse.
    """
    return [_finished(own, order, desk, metadata) for own, order in zip(tiles, orders, strict=True)]


def stitch_frame(tiles: Sequence[Tile | UnitSpec], order: PictureOrder, desk: JobContext) -> Stitched:
    """Stitch a frame; its picture stays on this node until it is written."""
    return put_together([tile_of(tile, desk) for tile in tiles], order)


def denoise_frame(stitched: Stitched) -> Stitched:
    """Denoise a frame's picture on this node."""
    return without_noise(stitched)


def write_frame(stitched: Stitched, order: PictureOrder, desk: JobContext, metadata: dict[str, str]) -> FrameRecord:
    """Encode and write a frame's picture."""
    return StoreRetry().call(partial(write, stitched, order, open_store(desk.store_url), metadata))


def _finished(
    tiles: Sequence[Tile | UnitSpec], order: PictureOrder, desk: JobContext, metadata: dict[str, str]
) -> FrameRecord | FrontburnerError:
    try:
        stitched = stitch_frame(tiles, order, desk)
        return write_frame(denoise_frame(stitched) if order.denoise else stitched, order, desk, metadata)
    except FrontburnerError as error:
        return error
    except Exception as error:  # noqa: BLE001 - a frame that can't be finished fails no other
        return FrontburnerError(
            reason=f"Frame {order.frame.frame} could not be finished: {type(error).__name__}: {error}",
            remedy="It is tried again.",
            retryable=True,
        )
