"""Image files in memory. OpenImageIO takes only paths, so each goes through a temporary folder."""

from __future__ import annotations

from contextlib import contextmanager
from tempfile import gettempdir
from typing import TYPE_CHECKING, Any

import numpy as np

from storage.disk_errors import translate_os_errors
from storage.errors import CorruptObject, StoreError
from system.files import temporary_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

_ARRAYS = {"B": "uint8", "i": "int", "f": "float"}
"""OpenImageIO's names of the types of attributes that are arrays."""
_FORMATS = {"exr": "openexr", "png": "png", "jpg": "jpeg"}
# Deflate expands data at most 1032-fold: a corrupt size is caught before memory is allocated for it.
_DEFLATE_RATIO = 1100


def write_image(
    kind: str,
    pixels: npt.NDArray[Any],
    *,
    formats: tuple[str, ...],
    attributes: Mapping[str, str | int | float | npt.NDArray[Any]],
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
        Storage type of the values, one for all channels or one for each: ``half``, ``float``, ``uint8`` or ``uint16``.
    attributes
        Further attributes of the file, by OpenImageIO's names.
    channels
        Names of the channels, if the format has any.
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
        if isinstance(value, np.ndarray):
            spec.attribute(name, f"{_ARRAYS[value.dtype.char]}[{len(value)}]", value)
        else:
            spec.attribute(name, value)
    with _temporary_file(kind) as path:
        output = OpenImageIO.ImageOutput.create(_FORMATS[kind])
        # Some libraries below OpenImageIO read strided arrays wrongly.
        contiguous = np.ascontiguousarray(pixels)
        if output is None:
            raise _write_failed(kind, OpenImageIO.geterror())
        if not (output.open(str(path), spec) and output.write_image(contiguous) and output.close()):
            message = output.geterror()
            output.close()  # on Windows an open file can't be removed
            raise _write_failed(kind, message)
        return path.read_bytes()


def read_image(kind: str, data: bytes, *, key: str = "") -> tuple[npt.NDArray[np.float32], Any]:
    """All pixels of an image file as float32 (H, W, C), and its OpenImageIO spec.

    Raises
    ------
    storage.errors.CorruptObject
        The file can't be read to its end.
    """
    import OpenImageIO

    with _temporary_file(kind) as path:
        path.write_bytes(data)
        source = OpenImageIO.ImageInput.open(str(path))
        if source is None:
            raise corrupt_image(_message(OpenImageIO.geterror) or f"it is no {kind} file", key=key)
        try:
            if source.format_name() != _FORMATS[kind]:
                raise corrupt_image(f"it is no {kind} file", key=key)
            if source.spec().image_bytes(native=True) > _DEFLATE_RATIO * len(data):
                raise corrupt_image("it claims more pixels than it can hold", key=key)
            pixels, message = source.read_image("float"), _message(source.geterror)
        finally:
            source.close()  # on Windows an open file can't be removed
        if pixels is None or message:
            raise corrupt_image(message, key=key)
        return np.ascontiguousarray(pixels), source.spec()


def _message(get_error: Callable[[], str]) -> str:
    """Return OpenImageIO's message for its last failure, if it can be decoded."""
    try:
        return get_error()
    except UnicodeDecodeError:  # it quotes the damaged file
        return "its header is unreadable"


def corrupt_image(message: str, *, key: str) -> CorruptObject:
    """Error for an image file whose content is not the one that was written."""
    detail = " ".join(message.split())[:200]
    return CorruptObject(
        reason=f"The image {key!r} is truncated or damaged: {detail}.",
        remedy="Delete it and render its frame again.",
        url="",
        key=key,
    )


def _write_failed(kind: str, message: str) -> StoreError:
    return StoreError(
        reason=f"The {kind} file can't be written in {gettempdir()}: {' '.join(message.split())[:200]}.",
        remedy="Check that this folder has free space, or set TMPDIR to another one.",
        url=gettempdir(),
    )


@contextmanager
def _temporary_file(kind: str) -> Iterator[Path]:
    """Path for one file in a temporary folder, which is removed when the context ends."""
    with translate_os_errors(gettempdir(), ""), temporary_folder() as folder:
        yield folder / f"image.{kind}"
