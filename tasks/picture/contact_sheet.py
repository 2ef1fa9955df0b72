"""A contact sheet: frames of a job side by side, named, those that are flagged framed in red. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tasks.picture.movie import DisplayImage

MOST_FRAMES = 120
"""Frames of a sheet at most: of more, every second, third, … is shown, and all that are flagged."""
_WIDTH, _MARGIN, _GAP, _LINE, _HEAD = 1920, 40, 16, 26, 96
_PAPER, _INK, _FAINT, _RED = "#17181a", "#e8e6e1", "#8d8f94", "#ff5d4f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A frame on the sheet; ``flag`` says in a word or two what is wrong with it."""

    frame: int
    picture: DisplayImage
    flag: str = ""


def select_frames(frames: Sequence[int], flagged: Mapping[int, str], *, most: int = MOST_FRAMES) -> tuple[int, ...]:
    """Choose the frames of a sheet: evenly spread, the first and all that are flagged among them."""
    step = math.ceil(len(frames) / most)
    return tuple(frame for at, frame in enumerate(frames) if at % step == 0 or frame in flagged)


def columns_for(count: int, *, width: int, height: int) -> int:
    """Return the number of columns with which a sheet is about as high as it is wide, and cells can be read."""
    return max(1, min(count, 8, round(math.sqrt(count * height / width * 1.6))))


def sheet(cells: Sequence[Cell], *, title: str, facts: str) -> bytes:
    """Draw a sheet; returns a JPEG.

    Parameters
    ----------
    cells
        At least one; all pictures as wide and high as the first are shown largest.
    title, facts
        What stands above them, large and small.
    """
    height, width = cells[0].picture.shape[:2]
    columns = columns_for(len(cells), width=width, height=height)
    wide = (_WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    high = max(1, round(wide * height / width))
    rows = math.ceil(len(cells) / columns)
    whole = Image.new("RGB", (_WIDTH, _HEAD + _MARGIN + rows * (high + _LINE + _GAP)), _PAPER)
    draw = ImageDraw.Draw(whole)
    draw.text((_MARGIN, 34), title, fill=_INK, font=_font(30), anchor="lt")
    draw.text((_WIDTH - _MARGIN, 44), facts, fill=_FAINT, font=_font(18), anchor="rt")
    for at, cell in enumerate(cells):
        row, column = divmod(at, columns)
        _place(whole, draw, cell, (_MARGIN + column * (wide + _GAP), _HEAD + row * (high + _LINE + _GAP)), (wide, high))
    out = BytesIO()
    whole.save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


def small(picture: DisplayImage, *, max_px: int) -> bytes:
    """Make a JPEG of at most so many pixels a side."""
    return _small(Image.fromarray(picture), max_px)


def smaller(jpeg: bytes, *, max_px: int) -> bytes:
    """Make a smaller JPEG of one."""
    with Image.open(BytesIO(jpeg)) as whole:
        return _small(whole, max_px)


def _small(image: Image.Image, max_px: int) -> bytes:
    image.thumbnail((max_px, max_px), Image.Resampling.LANCZOS)
    out = BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def _place(
    whole: Image.Image, draw: ImageDraw.ImageDraw, cell: Cell, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    """Put a picture into its place, with its number below, and its flag."""
    left, top = corner
    picture = Image.fromarray(cell.picture)
    scale = min(size[0] / picture.width, size[1] / picture.height)
    fitted = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    whole.paste(picture.resize(fitted, Image.Resampling.LANCZOS), corner)
    right, bottom = left + fitted[0], top + fitted[1]
    if cell.flag:
        draw.rectangle((left - 3, top - 3, right + 2, bottom + 2), outline=_RED, width=3)
        draw.text((right, bottom + 7), cell.flag, fill=_RED, font=_font(15), anchor="rt")
    draw.text((left, bottom + 7), str(cell.frame), fill=_RED if cell.flag else _FAINT, font=_font(15), anchor="lt")


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that comes with Matplotlib, which has letters for most names; or Pillow's own."""
    plots = find_spec("matplotlib")
    if plots is not None and plots.origin is not None:
        path = Path(plots.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)
