"""What Blender hands over of a unit, as one array."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import OpenImageIO

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

_LETTERS = ("RGBA", "RGB", "XYZ", "Z")


def rendered(ask: Callable[[str], dict[str, Any]], width: int, height: int) -> tuple[npt.NDArray[np.float32], float]:
    """Have part of a frame rendered.

    Parameters
    ----------
    ask
        Asks for it, with the path of a file that may be written.

    Returns
    -------
    tuple
        float32 (H, W, C), means over samples; and the seconds it took to get the scene there.
    """
    with tempfile.TemporaryDirectory(prefix="frontburner-") as folder:
        file = Path(folder) / "unit.exr"
        answer = ask(str(file))
        if "planes" in answer:
            planes = [
                np.frombuffer(data, np.float32).reshape(height, width, channels)[::-1]
                for channels, data in answer["planes"]
            ]
        else:
            planes = _read(file, answer["names"])
    return np.concatenate(planes, axis=2), answer["load_s"]


def _read(file: Path, names: list[str]) -> list[npt.NDArray[np.float32]]:
    """Read passes from a file with several layers."""
    source = OpenImageIO.ImageInput.open(str(file))
    if source is None:
        raise OSError(f"{file.name} can't be read: {OpenImageIO.geterror()}")
    try:
        found = list(source.spec().channelnames)
        pixels = np.asarray(source.read_image(format=OpenImageIO.FLOAT), np.float32)
    finally:
        source.close()
    return [pixels[..., _places(found, name)] for name in names]


def _places(found: list[str], name: str) -> list[int]:
    letters = next(own for own in _LETTERS if f"{name}.{own[-1]}" in found and f"{name}.{own[0]}" in found)
    return [found.index(f"{name}.{letter}") for letter in letters]
