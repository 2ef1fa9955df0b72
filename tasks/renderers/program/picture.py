"""Reads a unit's pixels back from the file a program wrote, and checks them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from tasks.errors import ProgramFailed
from tasks.spec import Pixels, Size

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt
    from OpenImageIO import ImageInput, ImageSpec

    from tasks.spec import UnitSpec

_GRAY, _GRAY_ALPHA, _RGB, _RGBA = 1, 2, 3, 4
_REMEDY = "See the renderer's log for the cause."


def pixels_of(file: Path, unit: UnitSpec, *, program: str, crop: bool, blank: bool = True) -> Pixels:
    """Read a unit's pixels: RGBA, linear, premultiplied, times its samples.

    Parameters
    ----------
    file
        A picture of linear values: of the whole frame, or of the region alone where ``crop`` is set.
    blank
        Whether a whole frame that is empty, alpha included, may be right.

    Raises
    ------
    ProgramFailed
        When the file is missing, unreadable, of another size, holds values that are not finite, or is empty.
    """
    frame, region = unit.frame, unit.region
    expected = Size(width=region.width, height=region.height) if crop else frame.size
    first, columns = (0, slice(None)) if crop else (region.y0, slice(region.x0, region.x1))
    with _open(file, program) as (source, spec):
        if (spec.width, spec.height) != (expected.width, expected.height):
            raise ProgramFailed(reason=_wrong_size(spec, unit, expected, program), remedy=_REMEDY, retryable=True)
        picture = _rows(source, spec, first, first + region.height, program)[:, columns]
    picture = _rgba(picture, program)
    _check_finite(picture, unit, program)
    if not blank and region == frame.size.whole and not picture.any():
        raise ProgramFailed(reason=f"{program} left an empty picture.", remedy=_REMEDY, retryable=True)
    sums = np.ascontiguousarray(picture * np.float32(unit.samples.count), dtype=np.float32)
    return Pixels(sums=sums, channels=frame.channels)


def read(file: Path, program: str) -> npt.NDArray[np.float32]:
    """Read a picture as it is, (H, W, C). Raises `ProgramFailed` when it is missing or unreadable."""
    with _open(file, program) as (source, spec):
        return _rows(source, spec, 0, spec.height, program)


@contextmanager
def _open(file: Path, program: str) -> Iterator[tuple[ImageInput, ImageSpec]]:
    import OpenImageIO as oiio  # noqa: N813 - the name its documentation uses

    if not file.is_file() or not file.stat().st_size:
        what = "an empty picture" if file.is_file() else "no picture"
        raise ProgramFailed(reason=f"{program} ended well but left {what}.", remedy=_REMEDY, retryable=True)
    source = oiio.ImageInput.open(str(file))
    if source is None:
        raise _unreadable(program, oiio.geterror())
    try:
        yield source, source.spec()
    finally:
        source.close()


def _rows(source: ImageInput, spec: ImageSpec, first: int, end: int, program: str) -> npt.NDArray[np.float32]:
    """Read only these rows: the rest of a large frame may be empty."""
    rows = source.read_scanlines(spec.y + first, spec.y + end, 0, 0, spec.nchannels, "float")
    if rows is None:
        raise _unreadable(program, source.geterror())
    return np.asarray(rows, np.float32).reshape(end - first, spec.width, spec.nchannels)


def _unreadable(program: str, error: str) -> ProgramFailed:
    reason = f"{program} left a picture that can't be read: {error}".rstrip(".") + "."
    return ProgramFailed(reason=reason, remedy=_REMEDY, retryable=True)


def _rgba(picture: npt.NDArray[np.float32], program: str) -> npt.NDArray[np.float32]:
    """Return a picture's red, green, blue and alpha; without an alpha it is opaque."""
    channels = picture.shape[2]
    if channels not in (_GRAY, _GRAY_ALPHA, _RGB, _RGBA):
        raise ProgramFailed(
            reason=f"{program} left a picture of {channels} channels instead of 3 or 4.",
            remedy=_REMEDY,
            retryable=False,
        )
    if channels in (_GRAY, _GRAY_ALPHA):
        picture = picture[:, :, [0, 0, 0, *range(1, channels)]]
    if picture.shape[2] == _RGB:
        picture = np.concatenate([picture, np.ones_like(picture[:, :, :1])], axis=2)
    return picture


def _wrong_size(spec: ImageSpec, unit: UnitSpec, expected: Size, program: str) -> str:
    size = unit.frame.size
    whole = " (the whole frame)" if (spec.width, spec.height) == (size.width, size.height) else ""
    wanted = f"{expected.width}x{expected.height}"
    return f"{program} left a picture of {spec.width}x{spec.height}{whole} instead of {wanted} pixels."


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
