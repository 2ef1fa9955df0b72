"""Read a unit's pixels back from the file a program wrote, and refuse a file that can't hold them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import ProgramFailed
from tasks.spec import Pixels

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from tasks.spec import UnitSpec

_GRAY, _GRAY_ALPHA, _RGB, _RGBA = 1, 2, 3, 4
_AGAIN = "See the renderer's log for the cause."


def pixels_of(file: Path, unit: UnitSpec, *, program: str, crop: bool, blank: bool = True) -> Pixels:
    """Read a unit's pixels: RGBA, linear, premultiplied, times its samples.

    Parameters
    ----------
    file
        A picture of linear values: of the whole frame, or of the region alone where ``crop`` is set.
    blank
        Whether a whole frame in which there is nothing at all, no alpha either, may be right.

    Raises
    ------
    ProgramFailed
        When the file is missing, unreadable, of another size, holds values that are not finite, or nothing.
    """
    picture = read(file, program)
    frame, region = unit.frame, unit.region
    expected = (region.height, region.width) if crop else (frame.size.height, frame.size.width)
    if picture.shape[:2] != expected:
        raise ProgramFailed(reason=_wrong_size(picture, unit, expected, program), remedy=_AGAIN, retryable=True)
    if not crop:
        picture = picture[region.y0 : region.y1, region.x0 : region.x1]
    picture = _rgba(picture, program)
    _check_finite(picture, unit, program)
    if not blank and region == frame.size.whole and not picture.any():
        raise ProgramFailed(reason=f"{program} left a picture with nothing in it.", remedy=_AGAIN, retryable=True)
    sums = np.ascontiguousarray(picture * np.float32(unit.samples.count), dtype=np.float32)
    return Pixels(sums=sums, channels=frame.channels)


def read(file: Path, program: str) -> npt.NDArray[np.float32]:
    """Read a picture as it is, (H, W, C)."""
    import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

    if not file.is_file() or not file.stat().st_size:
        what = "an empty picture" if file.is_file() else "no picture"
        raise ProgramFailed(reason=f"{program} ended well but left {what}.", remedy=_AGAIN, retryable=True)
    opened = oiio.ImageInput.open(str(file))
    if opened is None:
        raise _unreadable(program, oiio.geterror())
    try:
        pixels, spec = opened.read_image("float"), opened.spec()
        if pixels is None:
            raise _unreadable(program, opened.geterror())
    finally:
        opened.close()
    return np.asarray(pixels, np.float32).reshape(spec.height, spec.width, spec.nchannels)


def _unreadable(program: str, said: str) -> ProgramFailed:
    reason = f"{program} left a picture that can't be read: {said}".rstrip(".") + "."
    return ProgramFailed(reason=reason, remedy=_AGAIN, retryable=True)


def _rgba(picture: npt.NDArray[np.float32], program: str) -> npt.NDArray[np.float32]:
    """Return a picture's red, green, blue and alpha; without an alpha it is opaque."""
    channels = picture.shape[2]
    if channels not in (_GRAY, _GRAY_ALPHA, _RGB, _RGBA):
        raise ProgramFailed(
            reason=f"{program} left a picture of {channels} channels instead of 3 or 4.", remedy=_AGAIN, retryable=False
        )
    if channels in (_GRAY, _GRAY_ALPHA):
        picture = picture[:, :, [0, 0, 0, *range(1, channels)]]
    if picture.shape[2] == _RGB:
        picture = np.concatenate([picture, np.ones_like(picture[:, :, :1])], axis=2)
    return picture


def _wrong_size(picture: npt.NDArray[np.float32], unit: UnitSpec, expected: tuple[int, int], program: str) -> str:
    height, width = picture.shape[:2]
    size = unit.frame.size
    whole = " (the whole frame)" if (height, width) == (size.height, size.width) else ""
    return f"{program} left a picture of {width}x{height}{whole} instead of {expected[1]}x{expected[0]} pixels."


def _check_finite(picture: npt.NDArray[np.float32], unit: UnitSpec, program: str) -> None:
    bad = np.argwhere(~np.isfinite(picture).all(axis=2))
    if not len(bad):
        return
    y, x = bad[0] + (unit.region.y0, unit.region.x0)
    one = len(bad) == 1
    raise ProgramFailed(
        reason=f"{program} drew {len(bad)} pixel{'' if one else 's'} that {'is' if one else 'are'} infinite or not a "
        f"number, the first at {x},{y}.",
        remedy="Look for light without end in the scene there: an emitting medium without bounds, a light too bright.",
        retryable=False,
    )
