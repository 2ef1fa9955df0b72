"""A frame's files: stitched, encoded and written atomically, each with a record of what it holds."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from storage.errors import StoreError
from storage.images import encode_exr, encode_png, encode_preview
from storage.objects import INTERNAL_PREFIX, open_store
from storage.view import View
from tasks.identity import canonical
from tasks.limits import Ending, Limits, Reached
from tasks.picture.denoise import denoise
from tasks.picture.figures import figures
from tasks.picture.noise import gather, noise
from tasks.picture.output_records import claim, record_key, refuse_to_replace
from tasks.picture.stitch import Picture, stitch, stitch_uneven
from tasks.renderers.scene_views import view_here

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Literal

    import numpy as np
    import numpy.typing as npt

    from storage.objects import ObjectStore
    from storage.scene_view import SceneView
    from tasks.picture.figures import Figures
    from tasks.picture.noise import Moments
    from tasks.picture.output_records import OutputOwner
    from tasks.spec import FrameSpec, Region, SampleRange, Tile

PREVIEW_PX = 720


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoding:
    """How pictures are written; ``scene`` is the scene's own colour management."""

    exr_half: bool
    png_bits: Literal[8, 16]
    view: View
    exposure_stops: float
    scene: SceneView | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureOrder:
    """What the files of a frame should be.

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
        How it ended, once it did; not part of the files' identity, so that the same job finds them in place.
    denoise
        Whether the whole picture is denoised.
    inspect
        Whether the picture is measured, to be compared with others; it changes no file.
    owner
        Whose files they are: those of another aren't replaced. None replaces whatever is there.
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
    owner: OutputOwner | None = None

    @property
    def digest(self) -> str:
        """SHA-256 of all that decides the files' content."""
        document = canonical(self, exclude=("frame", "keys", "ending", "inspect", "owner"))
        document["frame"] = self.frame.digest
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
    """A frame's picture, stitched and not yet written, and what it has reached."""

    picture: Picture
    reached: Reached

    @property
    def nbytes(self) -> int:
        """Bytes of memory it takes."""
        counts = self.picture.counts
        return self.picture.pixels.nbytes + (0 if counts is None else counts.nbytes)


def finish(tiles: Sequence[Tile], order: PictureOrder, store: ObjectStore, metadata: dict[str, str]) -> FrameRecord:
    """Stitch a frame and write its files, as `write` does.

    Raises
    ------
    BadTile
        When the tiles don't cover the frame.
    StoreError
        When a file can't be written; files that were there before are left whole.
    """
    stitched = stitch_picture(tiles, order)
    return write(denoise_picture(stitched) if order.denoise else stitched, order, store, metadata)


def stitch_picture(tiles: Sequence[Tile], order: PictureOrder) -> StitchedFrame:
    """Stitch a frame. Raises `BadTile` when the tiles don't cover it."""
    picture, tiles = _stitch(tiles, order)
    return StitchedFrame(picture=picture, reached=_reached(picture, tiles, order))


def denoise_picture(stitched: StitchedFrame) -> StitchedFrame:
    """Denoise a frame's whole picture."""
    return replace(stitched, picture=denoise(stitched.picture))


def write(stitched: StitchedFrame, order: PictureOrder, store: ObjectStore, metadata: dict[str, str]) -> FrameRecord:
    """Encode a frame's picture and write its files atomically, each followed by the record of what it holds.

    Raises
    ------
    OutputTaken
        When one of the files is another job's.
    StoreError
        When a file can't be written; files that were there before are left whole.
    """
    refuse_to_replace(order.keys, order.owner, store)
    picture, reached = stitched.picture, stitched.reached
    measured = figures(picture.pixels, whole=order.region == order.frame.size.whole) if order.inspect else None
    files: dict[str, str] = {}
    for key in order.keys:
        data = _encode(key, picture, order, metadata | reached.metadata())
        files[key] = hashlib.sha256(data).hexdigest()
        # The old record goes first, so that no crash can leave it with the new file.
        claim(key, order.owner, store)
        store.write(key, data)
        record: dict[str, object] = {"order": order.digest, "sha256": files[key], "reached": reached.document()}
        if measured is not None:
            record["figures"] = measured.document()
        if order.owner is not None:
            record["owner"] = order.owner.document()
        if order.encoding.scene is not None:
            record["view"] = asdict(order.encoding.scene)
        store.write(record_key(key), json.dumps(record).encode())
    shown = preview(picture.pixels, order.encoding)
    with suppress(StoreError):  # the picture is in place even without its preview
        store.write(preview_key(order.keys[0]), shown)
    return FrameRecord(frame=order.frame.frame, files=files, reached=reached, figures=measured, preview=shown)


def _stitch(tiles: Sequence[Tile], order: PictureOrder) -> tuple[Picture, Sequence[Tile]]:
    """Stitch the tiles up to where the picture ended; returns those tiles, too."""
    frame, region, ending = order.frame, order.region, order.ending
    stop = order.passes[-1].stop if ending is None else ending.sample_stop
    if stop is None:
        return stitch_uneven(tiles, frame, region=region, first=order.passes[0]), tiles
    passes = tuple(samples for samples in order.passes if samples.stop <= stop)
    tiles = [tile for tile in tiles if tile.samples in passes]
    return stitch(tiles, frame, region=region, passes=passes), tiles


def _reached(picture: Picture, tiles: Sequence[Tile], order: PictureOrder) -> Reached:
    reached = Reached(
        samples_min=picture.samples,
        samples_mean=picture.samples,
        samples_max=picture.samples,
        # Half a second for a large still, so only where the job has a limit.
        noise=noise(gather(None, tiles, order.region)) if order.limits else None,
    )
    if order.ending is not None:
        reached = replace(reached, ended_by=order.ending.by, seconds=round(order.ending.seconds, 3))
    if picture.counts is None:
        return reached
    return replace(reached, samples_min=int(picture.counts.min()), samples_mean=round(float(picture.counts.mean()), 2))


def preview_key(key: str) -> str:
    """Key of a frame's preview, by the key of its first file."""
    return f"{INTERNAL_PREFIX}/previews/{key}.jpg"


def preview(pixels: npt.NDArray[np.float32], encoding: Encoding) -> bytes:
    """Make a small JPEG of a picture; in sRGB where this machine doesn't have what the scene's own colours need."""
    scene = view_here(encoding.scene)
    view = View.SRGB if scene and not scene.config and encoding.view is View.SCENE else encoding.view
    return encode_preview(
        pixels[..., :4], max_px=PREVIEW_PX, view=view, exposure_stops=encoding.exposure_stops, scene=scene
    )


def early_preview(moments: Moments, order: PictureOrder) -> bytes:
    """Make a preview of the passes rendered so far."""
    return preview(moments.means, order.encoding)


def write_early_preview(moments: Moments, order: PictureOrder, store_url: str) -> bytes:
    """Make a preview of the passes rendered so far, and write it where the frame's preview will be."""
    jpeg = early_preview(moments, order)
    with suppress(StoreError):
        open_store(store_url).write(preview_key(order.keys[0]), jpeg)
    return jpeg


def _encode(key: str, picture: Picture, order: PictureOrder, metadata: dict[str, str]) -> bytes:
    encoding = order.encoding
    if key.endswith(".exr"):
        metadata |= _metadata(picture, order)
        space = encoding.scene.interop_id if encoding.scene else ""
        return encode_exr(picture.pixels, picture.channels, half=encoding.exr_half, metadata=metadata, interop_id=space)
    return encode_png(
        picture.pixels[..., :4],
        bits=encoding.png_bits,
        view=encoding.view,
        exposure_stops=encoding.exposure_stops,
        scene=view_here(encoding.scene),
    )


def _metadata(picture: Picture, order: PictureOrder) -> dict[str, str]:
    """Return what an EXR's header should say of how it was made."""
    region, frame = picture.region, order.frame
    metadata = {
        "scene_digest": frame.scene_digest,
        "frame": str(frame.frame),
        "renderer": f"{frame.renderer} {frame.build}",
        "seed": str(frame.seed),
        "region": f"{region.x0},{region.y0},{region.x1},{region.y1} of {frame.size.width}x{frame.size.height}",
    }
    return metadata | {"denoised": "yes"} if order.denoise else metadata
