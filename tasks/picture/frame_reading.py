"""Reads a frame's files back: as linear colours, or as a screen shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from storage.image_files import read_image
from storage.images import decode_colours
from storage.view import apply_view
from tasks.renderers.scene_views import view_here

if TYPE_CHECKING:
    import numpy.typing as npt

    from storage.objects import ObjectStore
    from tasks.picture.frame_output import Encoding

EXR, PNG = ".exr", ".png"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFiles:
    """A frame whose files are in place: the key and the SHA-256 of each, empty where it isn't known."""

    frame: int
    files: tuple[tuple[str, str], ...]

    @property
    def measured(self) -> str:
        """Key of the file that `read_linear` reads."""
        return self.key(EXR) or self.key(PNG)

    def key(self, suffix: str) -> str:
        """Key of the file with a suffix; empty if there is none."""
        return next((key for key, _ in self.files if key.endswith(suffix)), "")


def read_linear(files: FrameFiles, store: ObjectStore) -> npt.NDArray[np.float32]:
    """Read a frame's colours: linear from its EXR, else from its PNG, where they are roughly linear.

    Raises
    ------
    MissingObject, CorruptObject
        When a file is missing or damaged.
    """
    if key := files.key(EXR):
        return decode_colours(store.read(key), key=key)
    key = files.key(PNG)
    values, _ = read_image("png", store.read(key), key=key)
    return np.asarray(values[..., :3] ** np.float32(2.2), np.float32)


def read_display(
    files: FrameFiles, store: ObjectStore, encoding: Encoding, *, deep: bool
) -> npt.NDArray[np.uint8] | npt.NDArray[np.uint16]:
    """Read a frame as a screen shows it, over black.

    Parameters
    ----------
    deep
        Whether more than 8 bits a channel are wanted: then the EXR is preferred to an 8-bit PNG.

    Returns
    -------
    ndarray
        (H, W, 3), uint16 if ``deep`` and else uint8.
    """
    dtype = np.uint16 if deep else np.uint8
    values = _display_values(files, store, encoding, prefer_exr=deep and encoding.png_bits == 8)
    return np.ascontiguousarray(np.floor(values * np.iinfo(dtype).max + 0.5).astype(dtype))


def _display_values(
    files: FrameFiles, store: ObjectStore, encoding: Encoding, *, prefer_exr: bool
) -> npt.NDArray[np.float32]:
    key = files.key(PNG)
    if key and not (prefer_exr and files.key(EXR)):
        values, _ = read_image("png", store.read(key), key=key)  # premultiplied by alpha, that is over black
        return values[..., :3]
    return apply_view(
        read_linear(files, store)[..., :3],
        encoding.view,
        exposure_stops=encoding.exposure_stops,
        scene=view_here(encoding.scene),
    )
