"""Pictures without noise: Open Image Denoise over the whole picture, once, when it is stitched.

Over each tile by itself it would leave seams: what it does at a pixel depends on those around it.
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
"""What tells it edges and textures from noise."""
_COLOURS = 3


def denoised(picture: Picture) -> Picture:
    """Take the noise out of a picture's colours; alpha and all other channels stay as they are.

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
    """Return an AOV of a picture; None where it hasn't it. A normal alone is of no use to the filter."""
    if Aov.ALBEDO.channels[0] not in picture.channels or guide.channels[0] not in picture.channels:
        return None
    first = picture.channels.index(guide.channels[0])
    return np.ascontiguousarray(picture.pixels[..., first : first + len(guide.channels)])
