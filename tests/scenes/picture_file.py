"""Reads and writes pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import OpenImageIO

if TYPE_CHECKING:
    import numpy.typing as npt


def read(path: str) -> npt.NDArray[np.float32]:
    """Read RGBA, with an alpha of one where there is none."""
    source = OpenImageIO.ImageInput.open(path)
    if source is None:
        raise OSError(OpenImageIO.geterror())
    try:
        pixels = np.asarray(source.read_image(format=OpenImageIO.FLOAT), np.float32)
        names = [name.rpartition(".")[2] for name in source.spec().channelnames]
    finally:
        source.close()
    pixels = pixels.reshape(pixels.shape[0], pixels.shape[1], -1)
    planes = [pixels[..., names.index(letter)] for letter in "RGBA" if letter in names] or [pixels[..., 0]] * 3
    if len(planes) == 3:
        planes.append(np.ones_like(planes[0]))
    return np.stack(planes, axis=2)


def write(path: str, pixels: npt.NDArray[Any]) -> None:
    """Write a picture in the format that its suffix says."""
    height, width, channels = pixels.shape
    output = OpenImageIO.ImageOutput.create(path)
    assert output is not None, OpenImageIO.geterror()
    kind = OpenImageIO.UINT8 if path.endswith(".png") else OpenImageIO.FLOAT
    output.open(path, OpenImageIO.ImageSpec(width, height, channels, kind))
    output.write_image(np.ascontiguousarray(pixels, np.float32))
    output.close()
