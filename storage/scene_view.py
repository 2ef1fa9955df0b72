"""A scene's own colour management: how the program it was made in turns its light into the colours of a picture."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from storage.errors import ViewUnavailable

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float32]

_BLACK_TO_WHITE = 1e-5
_DITHER = 0.0033
"""Amplitude of Blender's dither at an intensity of one, in display values."""
_PROFILES = {
    "Display P3": ("srgb_p3d65_display", (12, 13, 0, 1)),
    "Rec.1886": ("g24_rec709_display", (1, 1, 0, 1)),
    "Rec.2020": ("g24_rec2020_display", (9, 1, 0, 1)),
}
"""ICC profile beside the configuration, and CICP (ITU-T H.273), of displays that aren't sRGB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """Tone curves, one for each of red, green and blue.

    Parameters
    ----------
    points
        x and y of the points of each curve, which is straight between them and beyond.
    black, white
        Levels that become 0 and 1 before.
    keeps_hue
        They hold for the largest and the smallest channel; the middle one keeps the hue.
    """

    points: tuple[tuple[tuple[float, ...], tuple[float, ...]], ...]
    black: tuple[float, float, float]
    white: tuple[float, float, float]
    keeps_hue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneView:
    """How a scene's light is shown, in the terms of Blender's colour management.

    Parameters
    ----------
    program
        Whose OpenColorIO configuration the names are of, as renderer and build: ``blender 5.0.1 cpu``.
    space, interop_id
        The colour space of its light, and that space's name among programs; both are in EXR files.
    to_rec709
        Rows of the matrix from there to linear Rec.709; empty if it is that.
    display, view, look
        Names of the configuration. An empty display is none that a picture file can be made for.
    exposure_stops, gamma
        Before and after the view.
    balance
        Rows of the matrix of its white balance; empty if it has none.
    curves
        Tone curves, which come first.
    dither, dither_by_sines
        Intensity of the dither of 8-bit files, and whether its noise is that of before Blender 5.
    config
        Path of the configuration on this machine; filled in where a picture is made.
    """

    program: str
    space: str
    interop_id: str
    to_rec709: tuple[float, ...] = ()
    display: str
    view: str
    look: str = ""
    exposure_stops: float = 0.0
    gamma: float = 1.0
    balance: tuple[float, ...] = ()
    curves: Curves | None = None
    dither: float = 0.0
    dither_by_sines: bool = False
    config: str = ""

    def rec709(self, rgb: Floats) -> Floats:
        """Convert light, (H, W, 3), to linear Rec.709."""
        return _transformed(rgb, self.to_rec709)

    def shown(self, rgb: Floats, *, exposure_stops: float) -> Floats:
        """Convert light, (H, W, 3), to display values.

        Raises
        ------
        ViewUnavailable
            When this machine doesn't have the configuration, or it doesn't have the names.
        """
        light = _transformed(rgb if self.curves is None else _curved(rgb, self.curves), self.balance)
        with np.errstate(over="ignore"):
            light = np.nan_to_num(light * np.float32(2.0 ** (self.exposure_stops + exposure_stops)))
        shown = self._displayed(light)
        return shown if self.gamma == 1.0 else np.maximum(shown, 0.0) ** np.float32(1 / self.gamma)

    def _displayed(self, light: Floats) -> Floats:
        import OpenImageIO

        if not self.config:
            raise _unavailable(self.program, "it isn't on this machine")
        shown = OpenImageIO.ImageBufAlgo.ociodisplay(
            OpenImageIO.ImageBuf(np.ascontiguousarray(light)),
            self.display,
            self.view,
            self.space,
            looks=self.look,
            colorconfig=self.config,
        )
        if shown.has_error:
            raise _unavailable(self.program, shown.geterror())
        return np.asarray(shown.get_pixels("float"), np.float32)

    def dithered(self, shown: Floats) -> Floats:
        """Add the dither of an 8-bit file to display values, (H, W, 3)."""
        if not self.dither:
            return shown
        noise = _noise_of_sines if self.dither_by_sines else _noise
        return shown + noise(*shown.shape[:2]) * np.float32(_DITHER * self.dither)

    def png_attributes(self) -> dict[str, Any]:
        """Return what a PNG says of its display, as Blender writes it."""
        if self.display not in _PROFILES:
            return {}
        profile, code = _PROFILES[self.display]
        return {"CICP": np.array(code, np.int32)} | _icc(Path(self.config).parent / "icc" / f"{profile}.icc")


def scene_view_from(document: object) -> SceneView | None:
    """Return a scene's colour management from its fields, as JSON has them; None if they don't make one."""
    try:
        return TypeAdapter(SceneView).validate_python(document)
    except ValidationError:
        return None


def _transformed(rgb: Floats, matrix: tuple[float, ...]) -> Floats:
    if not matrix:
        return rgb
    return np.asarray(rgb @ np.asarray(matrix, np.float32).reshape(3, 3).T, np.float32)


def _curved(rgb: Floats, curves: Curves) -> Floats:
    black, white = (np.asarray(level, np.float32) for level in (curves.black, curves.white))
    levelled = (rgb - black) / np.maximum(np.float32(_BLACK_TO_WHITE), white - black)
    shown = np.stack([np.interp(levelled[..., i], *points) for i, points in enumerate(curves.points)], axis=-1)
    if curves.keeps_hue:
        least, most = (find(levelled, axis=-1, keepdims=True) for find in (np.argmin, np.argmax))
        low, high = (np.take_along_axis(levelled, each, axis=-1) for each in (least, most))
        shown_low, shown_high = (np.take_along_axis(shown, each, axis=-1) for each in (least, most))
        place = np.divide(levelled - low, high - low, out=np.zeros_like(levelled), where=high > low)
        shown = shown_low + place * (shown_high - shown_low)
    return np.asarray(shown, np.float32)


def _noise_of_sines(height: int, width: int) -> Floats:
    """Return the noise of each pixel, (H, W, 1), as Blender had it before 5.0: rows from below."""
    x, y = np.meshgrid(*(np.arange(n, dtype=np.float32) * np.float32(1 / n) for n in (width, height)))
    noise = np.full((height, width), np.float32(-0.5))
    for a, b, factor in ((12.9898, 78.233, 43758.5453), (19.9898, 119.233, 43798.5453)):
        noise += np.modf(np.sin(x * np.float32(a) + y * np.float32(b)) * np.float32(factor))[0] % 1
    return noise[::-1, :, None]


def _noise(height: int, width: int) -> Floats:
    """Return the noise of each pixel, (H, W, 1), as in Blender 5: triangular from -1 to 1, rows from below.

    Its hash, iqint3, is in Jarzynski and Olano, "Hash Functions for GPU Rendering", JCGT 9 (3), 2020.
    """
    x, y = np.meshgrid(np.arange(width, dtype=np.uint32), np.arange(height, dtype=np.uint32)[::-1])
    factor, one, three = (np.uint32(value) for value in (1103515245, 1, 3))
    with np.errstate(over="ignore"):
        hashed = factor * ((factor * ((x >> one) ^ y)) ^ ((factor * ((y >> one) ^ x)) >> three))
    uniform = hashed.astype(np.float32) * np.float32(2 / 0xFFFFFFFF) - 1
    return np.asarray(np.sign(uniform) * (1 - np.sqrt(1 - np.abs(uniform))), np.float32)[..., None]


@cache
def _icc(path: Path) -> dict[str, Any]:
    return {"ICCProfile": np.frombuffer(path.read_bytes(), np.uint8)} if path.is_file() else {}


def _unavailable(program: str, why: str) -> ViewUnavailable:
    return ViewUnavailable(
        reason=f"The scene's own colours can't be made, which need the colour configuration of {program}: {why}.",
        remedy="Do it on a machine with that program, or choose another view for the job: srgb, aces or raw.",
    )
