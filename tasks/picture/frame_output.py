"""A frame's files: stitched, encoded and put in place whole, with a record that says they are."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from os.path import commonprefix
from typing import TYPE_CHECKING

from storage.bulk import MAX_CONCURRENCY, delete_all, list_all, map_concurrently
from storage.errors import MissingObject, StoreError
from storage.images import encode_exr, encode_png, encode_preview
from storage.objects import INTERNAL_PREFIX, open_store
from tasks.identity import canonical
from tasks.limits import Ending, Limits, Reached, reached_from
from tasks.picture.denoise import denoised
from tasks.picture.inspection import figures, figures_from
from tasks.picture.noise import gather, noise
from tasks.picture.stitch import Picture, stitch, stitch_uneven

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Literal

    import numpy as np
    import numpy.typing as npt

    from storage.objects import ObjectStore
    from storage.view import View
    from tasks.picture.inspection import Figures
    from tasks.picture.noise import Moments
    from tasks.spec import FrameSpec, Region, SampleRange, Tile

PREVIEW_PX = 720
_RECORDS = f"{INTERNAL_PREFIX}/files/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How pictures are written."""

    exr_half: bool
    png_bits: Literal[8, 16]
    view: View
    exposure_stops: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOrder:
    """A frame's files that are wanted.

    Parameters
    ----------
    frame, region, passes
        The pixels: of this frame, this part, from these ranges of samples.
    keys
        Keys of the files in the job's store; their endings (``.exr``, ``.png``) say the format.
    encoding
        How they are written.
    limits
        What may end the picture before the last of its passes.
    ending
        How it was ended, known only when it was; not part of what the files are known by, so that the same job
        finds them in place.
    denoise
        Whether noise is taken out of the whole picture.
    inspect
        Whether the picture is measured, to be compared with others; it changes no file.
    """

    frame: FrameSpec
    region: Region
    passes: tuple[SampleRange, ...]
    keys: tuple[str, ...]
    encoding: Encoding
    limits: Limits = field(default_factory=Limits)
    ending: Ending | None = None
    denoise: bool = False
    inspect: bool = False

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the files' content."""
        document = canonical(self, exclude=("frame", "keys", "ending", "inspect")) | {"frame": self.frame.digest}
        return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRecord:
    """A frame whose files are in place.

    Parameters
    ----------
    files
        The SHA-256 of each key's bytes.
    figures
        What was measured of the picture, where that was wanted.
    """

    frame: int
    files: dict[str, str]
    reached: Reached | None = None
    figures: Figures | None = None
    preview: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StitchedFrame:
    """A frame's picture, put together of its tiles and not yet written, and what it reached."""

    picture: Picture
    reached: Reached

    @property
    def nbytes(self) -> int:
        """Bytes of memory it takes."""
        counts = self.picture.counts
        return self.picture.pixels.nbytes + (0 if counts is None else counts.nbytes)


def finish(tiles: Sequence[Tile], order: PictureOrder, store: ObjectStore, metadata: dict[str, str]) -> FrameRecord:
    """Stitch a frame and write its files atomically, each followed by the record of what it is.

    Raises
    ------
    BadTile
        When the tiles don't make up the frame.
    StoreError
        When a file can't be written; files that were there before are left whole.
    """
    stitched = stitch_picture(tiles, order)
    return write(denoise_picture(stitched) if order.denoise else stitched, order, store, metadata)


def stitch_picture(tiles: Sequence[Tile], order: PictureOrder) -> StitchedFrame:
    """Stitch a frame, as it is wanted. Raises `BadTile` when the tiles don't make it up."""
    picture, tiles = _stitched(tiles, order)
    return StitchedFrame(picture=picture, reached=_reached(picture, tiles, order))


def denoise_picture(stitched: StitchedFrame) -> StitchedFrame:
    """Denoise a frame's whole picture."""
    return replace(stitched, picture=denoised(stitched.picture))


def write(stitched: StitchedFrame, order: PictureOrder, store: ObjectStore, metadata: dict[str, str]) -> FrameRecord:
    """Encode a frame's picture and put its files in place atomically, each followed by the record of what it is.

    Raises
    ------
    StoreError
        When a file can't be written; files that were there before are left whole.
    """
    picture, reached = stitched.picture, stitched.reached
    measured = figures(picture.pixels) if order.inspect else None
    files: dict[str, str] = {}
    for key in order.keys:
        data = _encode(key, picture, order, metadata | reached.metadata())
        files[key] = hashlib.sha256(data).hexdigest()
        # Without a record in between, no crash can leave a file that passes for what another job wrote.
        store.delete(record_key(key))
        store.write(key, data)
        record: dict[str, object] = {"order": order.digest, "sha256": files[key], "reached": reached.document()}
        if measured is not None:
            record["figures"] = measured.document()
        store.write(record_key(key), json.dumps(record).encode())
    shown = preview(picture.pixels, order.encoding)
    with suppress(StoreError):  # the picture is in place, whoever can't look at a small one
        store.write(preview_key(order.keys[0]), shown)
    return FrameRecord(frame=order.frame.frame, files=files, reached=reached, figures=measured, preview=shown)


def _stitched(tiles: Sequence[Tile], order: PictureOrder) -> tuple[Picture, Sequence[Tile]]:
    """Stitch the tiles up to where the picture ended; and those tiles."""
    frame, region, ending = order.frame, order.region, order.ending
    stop = order.passes[-1].stop if ending is None else ending.sample_stop
    if stop is None:
        return stitch_uneven(tiles, frame, region=region, first=order.passes[0]), tiles
    passes = tuple(samples for samples in order.passes if samples.stop <= stop)
    tiles = [tile for tile in tiles if tile.samples in passes]
    return stitch(tiles, frame, region=region, passes=passes), tiles


def _reached(picture: Picture, tiles: Sequence[Tile], order: PictureOrder) -> Reached:
    # Half a second for a large still: only where someone asked for it.
    measured = bool(order.limits)
    even = Reached(
        samples_min=picture.samples,
        samples_mean=picture.samples,
        samples_max=picture.samples,
        noise=noise(gather(None, tiles, order.region)) if measured else None,
    )
    if order.ending is not None:
        even = replace(even, ended_by=order.ending.by, seconds=round(order.ending.seconds, 3))
    if picture.counts is None:
        return even
    return replace(even, samples_min=int(picture.counts.min()), samples_mean=round(float(picture.counts.mean()), 2))


def finished(order: PictureOrder, store: ObjectStore) -> FrameRecord | None:
    """Return the record of a frame whose files are in place, or None.

    Files are written whole or not at all, so being there is enough: reading a long sequence back takes longer
    than a resume should.
    """
    record = _recorded(order, store)
    return record if record is not None and all(map(store.exists, order.keys)) else None


def finished_many(orders: Mapping[int, PictureOrder], store: ObjectStore) -> dict[int, FrameRecord]:
    """Return the records of those frames whose files are in place, by their numbers and in the same order.

    Of many frames two listings tell what there is, as the keys of a job begin alike: only records are read then.
    """
    look = finished
    if len(orders) > MAX_CONCURRENCY:
        look = _recorded
        start = commonprefix([key for order in orders.values() for key in order.keys])  # noqa: RUF071 - texts, not paths
        there = set(list_all(store, (start, f"{_RECORDS}{start}")))
        orders = {n: one for n, one in orders.items() if all({key, record_key(key)} <= there for key in one.keys)}
    found = zip(orders, map_concurrently(partial(look, store=store), orders.values()), strict=True)
    return {frame: record for frame, record in found if record is not None}


def _recorded(order: PictureOrder, store: ObjectStore) -> FrameRecord | None:
    """Return what is recorded of a frame's files, if they are those that are wanted."""
    files: dict[str, str] = {}
    reached = measured = None
    for key in order.keys:
        try:
            record = json.loads(store.read(record_key(key)))
            if record["order"] != order.digest:
                return None
            files[key], reached = record["sha256"], reached_from(record["reached"])
            measured = figures_from(record["figures"]) if "figures" in record else None
        except (MissingObject, ValueError, KeyError, TypeError):
            return None
    return FrameRecord(frame=order.frame.frame, files=files, reached=reached, figures=measured)


def discard(orders: Iterable[PictureOrder], store: ObjectStore) -> None:
    """Have frames count as not in place. Their files stay until others replace them."""
    delete_all(store, (record_key(key) for order in orders for key in order.keys))


def record_key(key: str) -> str:
    """Key of the record that says what a file is."""
    return f"{_RECORDS}{key}.json"


def preview_key(key: str) -> str:
    """Key of the small picture of a frame, by the first of its files."""
    return f"{INTERNAL_PREFIX}/previews/{key}.jpg"


def preview(pixels: npt.NDArray[np.float32], encoding: Encoding) -> bytes:
    """Make a small JPEG of a picture, for eyes."""
    return encode_preview(
        pixels[..., :4], max_px=PREVIEW_PX, view=encoding.view, exposure_stops=encoding.exposure_stops
    )


def early_preview(moments: Moments, order: PictureOrder) -> bytes:
    """Make a preview of the passes there are so far."""
    return preview(moments.means, order.encoding)


def write_early_preview(moments: Moments, order: PictureOrder, store_url: str) -> bytes:
    """Make a preview of the passes there are so far, and keep it where that of the frame will be."""
    jpeg = early_preview(moments, order)
    with suppress(StoreError):
        open_store(store_url).write(preview_key(order.keys[0]), jpeg)
    return jpeg


def _encode(key: str, picture: Picture, order: PictureOrder, metadata: dict[str, str]) -> bytes:
    how = order.encoding
    if key.endswith(".exr"):
        return encode_exr(
            picture.pixels, picture.channels, half=how.exr_half, metadata=metadata | _facts(picture, order)
        )
    return encode_png(picture.pixels[..., :4], bits=how.png_bits, view=how.view, exposure_stops=how.exposure_stops)


def _facts(picture: Picture, order: PictureOrder) -> dict[str, str]:
    """What the file itself should tell of its making."""
    region, frame = picture.region, order.frame
    facts = {
        "scene_digest": frame.scene_digest,
        "frame": str(frame.frame),
        "renderer": f"{frame.renderer} {frame.build}",
        "seed": str(frame.seed),
        "region": f"{region.x0},{region.y0},{region.x1},{region.y1} of {frame.size.width}x{frame.size.height}",
    }
    return facts | {"denoised": "yes"} if order.denoise else facts
