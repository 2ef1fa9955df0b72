"""Encodes pictures to a movie, frame by frame, with colour tags, and reads the file back to check it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from storage.errors import FrontburnerError
from system.machine import scheduling_kept
from tasks.extras import require

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

    DisplayImage = npt.NDArray[np.uint8] | npt.NDArray[np.uint16]

BT709, TV_RANGE = 1, 1
"""Numbers of ITU-T H.273; that of BT.709 is the same for primaries, transfer and matrix."""
_FULL_RANGE = 2
_KEYFRAME_EVERY_S = 2


@dataclass(kw_only=True, eq=False)
class MovieFailed(FrontburnerError):
    """A movie can't be made of these pictures, or came out wrong."""


class Codec(StrEnum):
    """Kinds of movie."""

    H264 = "h264"
    HEVC = "hevc"
    AV1 = "av1"
    PRORES = "prores"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a kind of movie is made.

    Parameters
    ----------
    encoder, pixels, options
        FFmpeg's names.
    suffix
        End of its file's name.
    tag
        Code of four letters that players expect, where it isn't the container's default.
    """

    encoder: str
    pixels: str
    suffix: str
    options: Mapping[str, str] = field(default_factory=dict)
    tag: str = ""

    @property
    def deep(self) -> bool:
        """Whether it has more than 8 bits a channel."""
        return "10" in self.pixels


RECIPES = {
    Codec.H264: Recipe(
        encoder="libx264",
        pixels="yuv420p",
        suffix=".mp4",
        options={"crf": "16", "preset": "medium", "x264-params": "log-level=error"},
    ),
    Codec.HEVC: Recipe(
        encoder="libx265",
        pixels="yuv420p10le",
        suffix=".hevc.mp4",
        options={"crf": "18", "preset": "fast", "x265-params": "log-level=error"},
        tag="hvc1",
    ),
    Codec.AV1: Recipe(
        encoder="libsvtav1", pixels="yuv420p10le", suffix=".av1.mp4", options={"crf": "24", "preset": "6"}
    ),
    Codec.PRORES: Recipe(
        encoder="prores_ks", pixels="yuv422p10le", suffix=".mov", options={"profile": "hq", "vendor": "apl0"}
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class MovieFacts:
    """The properties of a movie file, with its frames counted.

    Parameters
    ----------
    primaries, transfer, matrix, colour_range
        Numbers of ITU-T H.273; the range is 1 for tv, 2 for full.
    """

    frames: int
    fps: Fraction
    width: int
    height: int
    primaries: int
    transfer: int
    matrix: int
    colour_range: int

    @property
    def tagged(self) -> bool:
        """Whether its colours are tagged as Rec.709 in tv range."""
        return (self.primaries, self.transfer, self.matrix, self.colour_range) == (BT709, BT709, BT709, TV_RANGE)


def encode(pictures: Iterable[tuple[int, DisplayImage]], path: Path, *, codec: Codec, fps: Fraction) -> MovieFacts:
    """Write a movie.

    Parameters
    ----------
    pictures
        Number of each frame, and its pixels as a screen shows them: (H, W, 3), uint8, or uint16 where the recipe is
        deep. Edges of an odd length are made even by repeating the last row or column.
    path
        A file that isn't there yet.

    Raises
    ------
    MovieFailed
        When there are no pictures, they differ in size, the encoder refuses them, or the file doesn't hold as many
        frames as were given.
    """
    require("av", "A movie")
    recipe = RECIPES[codec]
    with _ffmpeg_errors(codec):
        count = _write(pictures, path, recipe, fps)
        found = facts(path)
    if found.frames != count or not found.tagged:
        miscounted = found.frames != count
        fault = f"with {found.frames} frames instead of {count}" if miscounted else "without its colour tags"
        raise MovieFailed(reason=f"The {codec} movie came out {fault}.", remedy="Try another codec.")
    return found


def facts(path: Path) -> MovieFacts:
    """Read the properties of a movie, and count its frames."""
    import av

    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        next(container.decode(stream))  # some have their colours only in their first frame
        container.seek(0)
        return MovieFacts(
            frames=sum(1 for packet in container.demux(stream) if packet.size),
            fps=Fraction(stream.average_rate or 0),
            width=context.width,
            height=context.height,
            primaries=int(context.color_primaries),
            transfer=int(context.color_trc),
            matrix=int(context.colorspace),
            colour_range=int(context.color_range),
        )


def _write(pictures: Iterable[tuple[int, DisplayImage]], path: Path, recipe: Recipe, fps: Fraction) -> int:
    """Encode all pictures; returns how many there were."""
    import av

    count, size, stream = 0, (0, 0), None
    with av.open(str(path), "w", options={"movflags": "+faststart+write_colr"}) as container:
        for frame, shown in pictures:
            if stream is None:
                stream, size = _stream(container, recipe, fps, shown), shown.shape[:2]
            elif shown.shape[:2] != size:
                was, now = (f"{width}x{height}" for height, width in (size, shown.shape[:2]))
                raise MovieFailed(
                    reason=f"Frame {frame} is {now}, those before it {was}.", remedy="Render it again, in their size."
                )
            picture = _picture(shown, recipe)
            picture.pts, picture.time_base = count, 1 / fps
            container.mux(stream.encode(picture))
            count += 1
        if stream is None:
            raise MovieFailed(reason="There are no frames to make a movie of.", remedy="Render some.")
        container.mux(stream.encode(None))
    return count


def _stream(container: Any, recipe: Recipe, fps: Fraction, first: DisplayImage) -> Any:  # noqa: ANN401
    """Open a stream of a recipe for pictures like this one."""
    os.environ.setdefault("SVT_LOG", "1")  # else the AV1 encoder prints its settings on standard error
    keyframes = {} if recipe.encoder == "prores_ks" else {"g": str(max(1, round(fps * _KEYFRAME_EVERY_S)))}
    stream = container.add_stream(recipe.encoder, rate=fps, options={**recipe.options, **keyframes})
    stream.height, stream.width = (length + length % 2 for length in first.shape[:2])
    stream.pix_fmt = recipe.pixels
    stream.time_base = 1 / fps
    context = stream.codec_context
    context.color_primaries = context.color_trc = context.colorspace = BT709
    context.color_range = TV_RANGE
    if recipe.tag:
        context.codec_tag = recipe.tag
    with scheduling_kept():  # the AV1 encoder of a root gives itself the highest real-time priority
        context.open()
    return stream


def _picture(shown: DisplayImage, recipe: Recipe) -> Any:  # noqa: ANN401
    """Convert a picture into the encoder's pixel format."""
    import av

    odd = [(0, length % 2) for length in shown.shape[:2]]
    whole = np.ascontiguousarray(np.pad(shown, [*odd, (0, 0)], mode="edge"))
    picture = av.VideoFrame.from_ndarray(whole, format="rgb48le" if recipe.deep else "rgb24")
    picture = picture.reformat(
        format=recipe.pixels, dst_colorspace=BT709, src_color_range=_FULL_RANGE, dst_color_range=TV_RANGE
    )
    picture.colorspace = picture.color_primaries = picture.color_trc = BT709  # ProRes takes them from its frames
    picture.color_range = TV_RANGE
    return picture


@contextmanager
def _ffmpeg_errors(codec: Codec) -> Iterator[None]:
    """Turn errors of FFmpeg into `MovieFailed`."""
    import av

    try:
        yield
    except av.FFmpegError as error:
        raise MovieFailed(
            reason=f"The {codec} encoder failed: {error.strerror or error}.",
            remedy="Try another codec, or pictures of at least 64x64.",
        ) from error
