"""Denoises a whole picture with Open Image Denoise, once it is stitched.

Denoising each tile by itself would leave seams: the result at a pixel depends on those around it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tasks.extras import require
from tasks.spec import Aov

if TYPE_CHECKING:
    import numpy.typing as npt

    from tasks.picture.stitch import Picture

GUIDES = (Aov.ALBEDO, Aov.NORMAL)
"""AOVs that help it tell edges and textures from noise."""
_COLOURS = 3


def denoise(picture: Picture) -> Picture:
    """Denoise a picture's colours; alpha and all other channels stay as they are.

    Albedo and normal help where the picture has them. Light brighter than white is kept (``hdr``).
    """
    require("pyoidn", "Denoising")
    import pyoidn

    guides = {guide.value: _channels(picture, guide) for guide in GUIDES}
    colours = pyoidn.denoise(
        np.maximum(picture.pixels[..., :_COLOURS], 0.0),
        albedo=None if guides["albedo"] is None else np.clip(guides["albedo"], 0.0, 1.0),
        normal=None if guides["normal"] is None else np.clip(guides["normal"], -1.0, 1.0),
        hdr=True,
    )
    pixels = picture.pixels.copy()
    pixels[..., :_COLOURS] = colours
    return replace(picture, pixels=pixels)


def _channels(picture: Picture, guide: Aov) -> npt.NDArray[np.float32] | None:
    """Return an AOV of a picture, or None where it lacks it. The filter can't use a normal without an albedo."""
    if Aov.ALBEDO.channels[0] not in picture.channels or guide.channels[0] not in picture.channels:
        return None
    first = picture.channels.index(guide.channels[0])
    return np.ascontiguousarray(picture.pixels[..., first : first + len(guide.channels)])
