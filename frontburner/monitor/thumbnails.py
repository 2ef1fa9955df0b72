"""Pictures for the page, from what lies in the store: small ones of frames, parts of a still, files as they are."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from frontburner.run.previews import parts_folder
from storage.errors import CorruptObject, MissingObject
from storage.objects import INTERNAL_PREFIX
from tasks.picture.frame_output import preview_key
from tasks.picture.still_parts import part_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from frontburner.record.registry import JobLocation
    from storage.objects import ObjectStore

SIZES = (160, 320, 720)
"""Longer sides a small picture may have; a page asks for one of these, so that few are made."""
LARGEST_BYTES = 400_000_000
_PLACE = re.compile(r"s\d{1,9}-\d{1,9}_x\d{1,9}-\d{1,9}_y\d{1,9}-\d{1,9}")
_KINDS = {"png": "image/png", "exr": "image/x-exr", "jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Image:
    """Bytes of a picture and what they are."""

    data: bytes
    kind: str
    name: str = ""


NOTHING = Image(b"", "")


def part(place: JobLocation, where: str) -> Image | None:
    """Return the part of a still at a place; an empty one where it isn't kept yet or any more, None of no place."""
    if not _PLACE.fullmatch(where):
        return None
    return _read(place.store, part_key(parts_folder(place.job_id), where), "image/jpeg") or NOTHING


def small(place: JobLocation, outputs: Sequence[str], longer_px: int) -> Image | None:
    """Return a small picture of a frame, by its files; None where there is nothing to make it of."""
    size = min((each for each in SIZES if each >= longer_px), default=SIZES[-1])
    for key in _keys(place.store, outputs):
        found = _read(place.store, preview_key(key), "image/jpeg")
        if found is None and key.endswith(".png"):
            found = _read(place.store, key, "image/png")
        if found is not None and len(found.data) <= LARGEST_BYTES:
            return Image(_shrunk(found.data, size), "image/jpeg")
    return None


def early(place: JobLocation, stem: str, longer_px: int) -> Image | None:
    """Return the preview of a still that is being rendered."""
    endings = (".exr", ".png")
    return next(
        (found for ending in endings if (found := small(place, [place.store.locate(stem + ending)], longer_px))), None
    )


def file(place: JobLocation, outputs: Sequence[str], ending: str) -> Image | None:
    """Return a file of a frame as it is."""
    for key in _keys(place.store, outputs):
        if key.endswith(f".{ending}"):
            found = _read(place.store, key, _KINDS.get(ending, "application/octet-stream"))
            return found and Image(found.data, found.kind, key.rpartition("/")[2])
    return None


def chart(place: JobLocation) -> Image | None:
    """Return the chart of what each node did when."""
    return _read(place.store, f"{INTERNAL_PREFIX}/jobs/{place.job_id}.png", "image/png")


def _keys(store: ObjectStore, outputs: Sequence[str]) -> list[str]:
    """Keys of files, from where they lie; what lies elsewhere is no file of this store."""
    root = store.locate("x")[:-1]
    return [output.removeprefix(root) for output in outputs if output.startswith(root)]


def _read(store: ObjectStore, key: str, kind: str) -> Image | None:
    try:
        return Image(store.read(key), kind)
    except (MissingObject, CorruptObject):
        return None


@lru_cache(maxsize=512)
def _shrunk(data: bytes, longer_px: int) -> bytes:
    """Return a JPEG of at most this size; one that is small enough is returned as it is."""
    from PIL import Image as Pillow

    with Pillow.open(io.BytesIO(data)) as image:
        if image.format == "JPEG" and max(image.size) <= longer_px:
            return data
        image.draft("RGB", (longer_px, longer_px))
        shown = image.convert("RGBA").convert("RGB") if image.mode not in ("RGB", "L") else image.convert("RGB")
        shown.thumbnail((longer_px, longer_px), reducing_gap=2.0)
        made = io.BytesIO()
        shown.save(made, "JPEG", quality=82)
        return made.getvalue()
