"""Parts of a still while it is rendered, as small pictures beside its units, for whoever looks on.

They are made where their pixels are, after the unit counts, and nothing that goes wrong with them concerns it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np

from storage.bulk import delete_all, list_all
from storage.images import encode_preview

if TYPE_CHECKING:
    from storage.objects import ObjectStore
    from tasks.job_context import PreviewSettings
    from tasks.spec import Tile, UnitSpec

PICTURE_PX = 960
"""The longer side of the picture that a still's parts make up."""


def part_key(folder: str, place: str) -> str:
    """Key of the part of a unit, by where in its frame the unit lies."""
    return f"{folder}/{place}.jpg"


def write_part(tile: Tile, unit: UnitSpec, showing: PreviewSettings, store: ObjectStore) -> None:
    """Keep a unit's pixels as a small picture, if that can be."""
    with suppress(Exception):  # whatever it is, the unit counts
        store.write(part_key(showing.folder, unit.place), _part(tile, showing))


def _part(tile: Tile, showing: PreviewSettings) -> bytes:
    scale = min(1.0, PICTURE_PX / max(showing.region.width, showing.region.height))
    longest_px = max(1, round(max(tile.region.width, tile.region.height) * scale))
    means = tile.sums[..., :3] / np.float32(tile.samples.count)
    return encode_preview(means, max_px=longest_px, view=showing.view, exposure_stops=showing.exposure_stops)


def delete_parts(folder: str, store: ObjectStore) -> None:
    """Delete the parts of a still whose picture is in place."""
    delete_all(store, list_all(store, [f"{folder}/"]))
