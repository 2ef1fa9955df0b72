"""Previews of the parts of a still while it is rendered, stored beside its units.

They are made on the node that rendered the unit, after it was stored; a failure doesn't affect the unit.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from storage.bulk import delete_all, list_all
from storage.images import encode_preview
from tasks.renderers.scene_views import view_here

if TYPE_CHECKING:
    from storage.objects import ObjectStore
    from tasks.job_context import PreviewSettings
    from tasks.spec import Tile, UnitSpec

PICTURE_PX = 960
"""The longer side of the picture that the parts of a still add up to."""


def part_key(folder: str, place: str) -> str:
    """Key of the part of a unit, by the unit's place in its frame."""
    return f"{folder}/{place}.jpg"


def write_part(tile: Tile, unit: UnitSpec, settings: PreviewSettings, store: ObjectStore) -> None:
    """Store a unit's pixels as a small picture, if possible."""
    with suppress(Exception):  # the unit is stored already
        store.write(part_key(settings.folder, unit.place), _part(tile, settings))


def _part(tile: Tile, settings: PreviewSettings) -> bytes:
    scale = min(1.0, PICTURE_PX / max(settings.region.width, settings.region.height))
    longest_px = max(1, round(max(tile.region.width, tile.region.height) * scale))
    means = tile.sums[..., :3] / np.float32(tile.samples.count)
    return encode_preview(
        means,
        max_px=longest_px,
        view=settings.view,
        exposure_stops=settings.exposure_stops,
        scene=view_here(settings.scene),
    )


def delete_parts(folder: str, store: ObjectStore) -> None:
    """Delete the parts of a still whose picture is in place."""
    delete_all(store, list_all(store, [f"{folder}/"]))
