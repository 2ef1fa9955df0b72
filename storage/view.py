"""View transforms from linear values to display colours. The same values always give the same colours."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from storage.errors import StoreError

if TYPE_CHECKING:
    import numpy.typing as npt

    from storage.scene_view import SceneView

# A fixed version of the ACES configuration built into the library: "default" changes with its releases.
_ACES = "ocio://cg-config-v2.2.0_aces-v1.3_ocio-v2.4"
_LIMIT = 65504.0
_ACES_SOURCE = "Linear Rec.709 (sRGB)"
_ACES_DISPLAY = "sRGB - Display"
_ACES_VIEW = "ACES 1.0 - SDR Video"


class View(StrEnum):
    """How linear values become the colours of a PNG or a preview."""

    SCENE = "scene"
    """As the scene says; sRGB where it doesn't."""
    SRGB = "srgb"
    """The sRGB curve; values above 1 are clipped."""
    ACES = "aces"
    """The ACES 1.3 tone mapping for SDR video, which rolls highlights off."""
    RAW = "raw"
    """Linear values, clipped: for data, not for display."""


def apply_view(
    rgb: npt.NDArray[np.float32], view: View, *, exposure_stops: float = 0.0, scene: SceneView | None = None
) -> npt.NDArray[np.float32]:
    """Convert light to display values.

    Parameters
    ----------
    rgb
        float32 (H, W, 3), linear, not premultiplied; Rec.709, or the scene's own space.
    exposure_stops
        Exposure in powers of two, applied first; added to the scene's own in its view.
    scene
        The scene's own colour management.

    Returns
    -------
    ndarray
        float32 (H, W, 3) from 0 to 1.
    """
    if scene is not None and scene.display and view is View.SCENE:
        limited = np.clip(np.asarray(rgb, np.float32), -_LIMIT, _LIMIT)
        return np.clip(scene.shown(limited, exposure_stops=exposure_stops), 0.0, 1.0)
    if scene is not None:
        rgb = scene.rec709(rgb)
    with np.errstate(over="ignore"):
        exposed = np.ascontiguousarray(rgb, dtype=np.float32) * np.float32(2.0**exposure_stops)
    # Far beyond what any view distinguishes, and safe from overflow inside it.
    exposed = np.clip(exposed, -_LIMIT, _LIMIT)
    match view:
        case View.SRGB | View.SCENE:
            shown = _srgb_curve(np.clip(exposed, 0.0, 1.0))
        case View.ACES:
            shown = _aces(exposed)
        case View.RAW:
            shown = exposed
    return np.clip(shown, 0.0, 1.0)


def _srgb_curve(linear: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Encode values from 0 to 1 as IEC 61966-2-1 does."""
    toe = linear * np.float32(12.92)
    shoulder = np.float32(1.055) * linear ** np.float32(1 / 2.4) - np.float32(0.055)
    return np.where(linear <= np.float32(0.0031308), toe, shoulder)


def _aces(linear: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    import OpenImageIO

    shown = OpenImageIO.ImageBufAlgo.ociodisplay(
        OpenImageIO.ImageBuf(linear), _ACES_DISPLAY, _ACES_VIEW, _ACES_SOURCE, colorconfig=_ACES
    )
    if shown.has_error:
        raise StoreError(
            reason=f"The ACES view can't be computed: {shown.geterror()}.",
            remedy="Install OpenImageIO from PyPI, which has ACES built in, or choose the view 'srgb'.",
            url="",
        )
    return np.asarray(shown.get_pixels("float"), np.float32)
