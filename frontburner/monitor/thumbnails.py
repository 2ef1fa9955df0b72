"""Pictures for the page, read from the store: thumbnails of frames, parts of a still, and original files."""

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
"""Longer sides of thumbnails, in pixels; requests are rounded up to one of these, so that few are made."""
MAX_BYTES = 400_000_000
_PLACE = re.compile(r"s\d{1,9}-\d{1,9}_x\d{1,9}-\d{1,9}_y\d{1,9}-\d{1,9}")
_KINDS = {"png": "image/png", "exr": "image/x-exr", "jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True)
class Image:
    """Bytes of a picture, its media type and file name."""

    data: bytes
    media_type: str
    name: str = ""


EMPTY = Image(b"", "")


def part(location: JobLocation, where: str) -> Image | None:
    """Return the part of a still at a place; `EMPTY` if it isn't in the store, None if the place is invalid."""
    if not _PLACE.fullmatch(where):
        return None
    return _read(location.store, part_key(parts_folder(location.job_id), where), "image/jpeg") or EMPTY


def thumbnail(location: JobLocation, outputs: Sequence[str], longer_px: int) -> Image | None:
    """Return a thumbnail of a frame, made from its files; None if there are none."""
    size = min((each for each in SIZES if each >= longer_px), default=SIZES[-1])
    for key in _keys(location.store, outputs):
        found = _read(location.store, preview_key(key), "image/jpeg")
        if found is None and key.endswith(".png"):
            found = _read(location.store, key, "image/png")
        if found is not None and len(found.data) <= MAX_BYTES:
            return Image(_shrunk(found.data, size), "image/jpeg")
    return None


def preview(location: JobLocation, stem: str, longer_px: int) -> Image | None:
    """Return the preview of a still that is being rendered."""
    addresses = [location.store.locate(stem + suffix) for suffix in (".exr", ".png")]
    return next(filter(None, (thumbnail(location, [address], longer_px) for address in addresses)), None)


def file(location: JobLocation, outputs: Sequence[str], ending: str) -> Image | None:
    """Return a file of a frame."""
    for key in _keys(location.store, outputs):
        if key.endswith(f".{ending}"):
            found = _read(location.store, key, _KINDS.get(ending, "application/octet-stream"))
            return found and Image(found.data, found.media_type, key.rpartition("/")[2])
    return None


def chart(location: JobLocation) -> Image | None:
    """Return the chart of what each node did when."""
    return _read(location.store, f"{INTERNAL_PREFIX}/jobs/{location.job_id}.png", "image/png")


def _keys(store: ObjectStore, outputs: Sequence[str]) -> list[str]:
    """Return the keys of files from their addresses; those of other stores are left out."""
    root = store.locate("x")[:-1]
    return [output.removeprefix(root) for output in outputs if output.startswith(root)]


def _read(store: ObjectStore, key: str, media_type: str) -> Image | None:
    try:
        return Image(store.read(key), media_type)
    except (MissingObject, CorruptObject):
        return None


@lru_cache(maxsize=512)
def _shrunk(data: bytes, longer_px: int) -> bytes:
    """Return a JPEG of at most this size; one that is small enough is returned unchanged."""
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
