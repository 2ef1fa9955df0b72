"""What nodes measure: the noise of a picture pass by pass, and frames that are in place, to be compared."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from storage.objects import open_store
from tasks.node.unit_task import tile_of
from tasks.picture.noise import Moments, gather_pass
from tasks.picture.products import ahead, measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tasks.job_context import JobContext
    from tasks.picture.frame_reading import FrameFiles
    from tasks.picture.inspection import Figures, Finding
    from tasks.spec import Region, Tile, UnitSpec


def take_pass(before: Moments | None, tiles: Sequence[Tile | UnitSpec], region: Region, desk: JobContext) -> Moments:
    """Take a complete pass in. Raises `BadTile` when it isn't complete."""
    return gather_pass(before, [tile_of(tile, desk) for tile in tiles], region)


def measure_frames(frames: Sequence[FrameFiles], store_url: str) -> list[dict[int, Figures] | Finding]:
    """Read frames back and measure them, a few at a time."""
    return list(ahead(partial(measure, store=open_store(store_url)), frames))
