"""A frame's files read back: its light, and what a screen shows of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from storage.image_files import read_image
from storage.images import decode_colours
from storage.view import apply_view

if TYPE_CHECKING:
    import numpy.typing as npt

    from storage.objects import ObjectStore
    from tasks.picture.frame_output import Encoding

EXR, PNG = ".exr", ".png"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFiles:
    """A frame that is in place: the key of each of its files, and the SHA-256 of what was written there.

    The digest is empty where it isn't known.
    """

    frame: int
    files: tuple[tuple[str, str], ...]

    @property
    def measured(self) -> str:
        """Key of the file that `read_light` reads."""
        return self.key(EXR) or self.key(PNG)

    def key(self, suffix: str) -> str:
        """Key of the file of a kind; empty if there is none."""
        return next((key for key, _ in self.files if key.endswith(suffix)), "")


def read_light(files: FrameFiles, store: ObjectStore) -> npt.NDArray[np.float32]:
    """Read a frame's colours: linear where there is an EXR, else roughly so.

    Raises
    ------
    MissingObject, CorruptObject
        When a file isn't there, or isn't whole.
    """
    if key := files.key(EXR):
        return decode_colours(store.read(key), key=key)
    key = files.key(PNG)
    shown, _ = read_image("png", store.read(key), key=key)
    return np.asarray(shown[..., :3] ** np.float32(2.2), np.float32)


def read_shown(
    files: FrameFiles, store: ObjectStore, encoding: Encoding, *, deep: bool
) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Read what a screen shows of a frame, over black.

    Parameters
    ----------
    deep
        Whether more than 8 bits a channel are wanted: then the EXR goes before an 8-bit PNG.

    Returns
    -------
    ndarray
        (H, W, 3), uint16 if ``deep`` and else uint8.
    """
    kind = np.uint16 if deep else np.uint8
    shown = _shown(files, store, encoding, exr_first=deep and encoding.png_bits == 8)
    return np.ascontiguousarray(np.floor(shown * np.iinfo(kind).max + 0.5).astype(kind))


def _shown(files: FrameFiles, store: ObjectStore, encoding: Encoding, *, exr_first: bool) -> npt.NDArray[np.float32]:
    key = files.key(PNG)
    if key and not (exr_first and files.key(EXR)):
        shown, _ = read_image("png", store.read(key), key=key)  # multiplied by alpha, that is over black
        return shown[..., :3]
    light = read_light(files, store)
    return apply_view(light[..., :3], encoding.view, exposure_stops=encoding.exposure_stops)
