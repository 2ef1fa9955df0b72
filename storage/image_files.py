"""Image files in memory. OpenImageIO knows only paths, so each passes through a private folder."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import TYPE_CHECKING, Any

import numpy as np

from storage.disk_errors import translate
from storage.errors import CorruptObject, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    import numpy.typing as npt

_FORMATS = {"exr": "openexr", "png": "png", "jpg": "jpeg"}
# No deflate stream grows more than 1032-fold: a damaged size is caught before memory is taken for it.
_DEFLATE_RATIO = 1100


def write_image(
    kind: str,
    pixels: npt.NDArray[Any],
    *,
    formats: tuple[str, ...],
    attributes: Mapping[str, str | int | float],
    channels: tuple[str, ...] = (),
) -> bytes:
    """Make an image file.

    Parameters
    ----------
    kind
        ``exr``, ``png`` or ``jpg``.
    pixels
        (H, W, C).
    formats
        How values are stored, once or for each channel: ``half``, ``float``, ``uint8`` or ``uint16``.
    attributes
        What else the file is to say, by OpenImageIO's names.
    channels
        Names of the channels, where the file has any.
    """
    import OpenImageIO

    height, width, depth = pixels.shape
    spec = OpenImageIO.ImageSpec(width, height, depth, formats[0])
    if len(formats) > 1:
        spec.channelformats = tuple(OpenImageIO.TypeDesc(name) for name in formats)
    if channels:
        spec.channelnames = channels
    # An empty date keeps the clock out of the file: equal pixels make equal bytes.
    for name, value in {"DateTime": "", **attributes}.items():
        spec.attribute(name, value)
    with _private_file(kind) as path:
        output = OpenImageIO.ImageOutput.create(_FORMATS[kind])
        # OpenImageIO checks its arrays, but some libraries beneath read strided ones wrongly.
        whole = np.ascontiguousarray(pixels)
        if output is None:
            raise _not_written(kind, OpenImageIO.geterror())
        if not (output.open(str(path), spec) and output.write_image(whole) and output.close()):
            raise _not_written(kind, output.geterror())
        return path.read_bytes()


def read_image(kind: str, data: bytes, *, key: str = "") -> tuple[npt.NDArray[np.float32], Any]:
    """All pixels of an image file as float32 (H, W, C), and its OpenImageIO spec.

    Raises
    ------
    storage.errors.CorruptObject
        The file can't be read to its end.
    """
    import OpenImageIO

    with _private_file(kind) as path:
        path.write_bytes(data)
        source = OpenImageIO.ImageInput.open(str(path))
        if source is None or source.format_name() != _FORMATS[kind]:
            raise damaged(_fault(OpenImageIO.geterror) or f"it is no {kind} file", key=key)
        if source.spec().image_bytes(native=True) > _DEFLATE_RATIO * len(data):
            raise damaged("it claims more pixels than it can hold", key=key)
        pixels, fault = source.read_image("float"), _fault(source.geterror)
        source.close()
        if pixels is None or fault:
            raise damaged(fault, key=key)
        return np.ascontiguousarray(pixels), source.spec()


def _fault(words: Callable[[], str]) -> str:
    """Return OpenImageIO's words for its last failure, if it can say them."""
    try:
        return words()
    except UnicodeDecodeError:
        # They quote the damaged file.
        return "its header is unreadable"


def damaged(fault: str, *, key: str) -> CorruptObject:
    """Error for an image file whose content is not the one that was written."""
    detail = " ".join(fault.split())[:200]
    return CorruptObject(
        reason=f"The image {key!r} is truncated or damaged: {detail}.",
        remedy="Delete it and render its frame again.",
        url="",
        key=key,
    )


def _not_written(kind: str, fault: str) -> StoreError:
    return StoreError(
        reason=f"The {kind} file can't be written in {gettempdir()}: {' '.join(fault.split())[:200]}.",
        remedy="Check that this folder has free space, or set TMPDIR to another one.",
        url=gettempdir(),
    )


@contextmanager
def _private_file(kind: str) -> Iterator[Path]:
    """Path for one file in a folder of its own, which is gone when the context ends."""
    with translate(gettempdir(), ""), TemporaryDirectory(prefix="frontburner-") as folder:
        yield Path(folder) / f"image.{kind}"
