"""Draws contact sheets: frames of a job side by side, with their numbers, flagged ones framed in red. Pure."""

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

MAX_FRAMES = 120
"""Of more frames, every second, third, … is shown, and all that are flagged."""
_WIDTH, _MARGIN, _GAP, _LINE_HEIGHT, _HEADER_HEIGHT = 1920, 40, 16, 26, 96
_BACKGROUND, _TEXT, _DIMMED, _RED = "#17181a", "#e8e6e1", "#8d8f94", "#ff5d4f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A frame on the sheet; ``flag`` says in a word or two what is wrong with it, or is empty."""

    frame: int
    picture: DisplayImage
    flag: str = ""


def select_frames(frames: Sequence[int], flagged: Mapping[int, str], *, limit: int = MAX_FRAMES) -> tuple[int, ...]:
    """Choose the frames of a sheet: evenly spread, with the first and all flagged ones among them."""
    step = math.ceil(len(frames) / limit)
    return tuple(frame for index, frame in enumerate(frames) if index % step == 0 or frame in flagged)


def columns_for(count: int, *, width: int, height: int) -> int:
    """Return the number of columns that makes a sheet about as high as wide, with readable cells."""
    return max(1, min(count, 8, round(math.sqrt(count * height / width * 1.6))))


def sheet(cells: Sequence[Cell], *, title: str, facts: str) -> bytes:
    """Draw a sheet; returns a JPEG.

    Parameters
    ----------
    cells
        At least one; the first picture's size is the largest that is shown.
    title, facts
        The large and the small text above them.
    """
    height, width = cells[0].picture.shape[:2]
    columns = columns_for(len(cells), width=width, height=height)
    cell_width = (_WIDTH - 2 * _MARGIN - (columns - 1) * _GAP) // columns
    cell_height = max(1, round(cell_width * height / width))
    row_height = cell_height + _LINE_HEIGHT + _GAP
    rows = math.ceil(len(cells) / columns)
    canvas = Image.new("RGB", (_WIDTH, _HEADER_HEIGHT + _MARGIN + rows * row_height), _BACKGROUND)
    draw = ImageDraw.Draw(canvas)
    draw.text((_MARGIN, 34), title, fill=_TEXT, font=_font(30), anchor="lt")
    draw.text((_WIDTH - _MARGIN, 44), facts, fill=_DIMMED, font=_font(18), anchor="rt")
    for index, cell in enumerate(cells):
        row, column = divmod(index, columns)
        corner = (_MARGIN + column * (cell_width + _GAP), _HEADER_HEIGHT + row * row_height)
        _draw_cell(canvas, draw, cell, corner, (cell_width, cell_height))
    out = BytesIO()
    canvas.save(out, "JPEG", quality=90, subsampling=0)
    return out.getvalue()


def jpeg_of(picture: DisplayImage, *, max_px: int) -> bytes:
    """Make a JPEG of at most this many pixels a side."""
    return _thumbnail(Image.fromarray(picture), max_px)


def shrink_jpeg(jpeg: bytes, *, max_px: int) -> bytes:
    """Make a JPEG of at most this many pixels a side from another."""
    with Image.open(BytesIO(jpeg)) as image:
        return _thumbnail(image, max_px)


def _thumbnail(image: Image.Image, max_px: int) -> bytes:
    image.thumbnail((max_px, max_px), Image.Resampling.LANCZOS)
    out = BytesIO()
    image.save(out, "JPEG", quality=85)
    return out.getvalue()


def _draw_cell(
    canvas: Image.Image, draw: ImageDraw.ImageDraw, cell: Cell, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    """Draw a picture, with its number and its flag below."""
    left, top = corner
    picture = Image.fromarray(cell.picture)
    scale = min(size[0] / picture.width, size[1] / picture.height)
    fitted = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
    canvas.paste(picture.resize(fitted, Image.Resampling.LANCZOS), corner)
    right, bottom = left + fitted[0], top + fitted[1]
    if cell.flag:
        draw.rectangle((left - 3, top - 3, right + 2, bottom + 2), outline=_RED, width=3)
        draw.text((right, bottom + 7), cell.flag, fill=_RED, font=_font(15), anchor="rt")
    draw.text((left, bottom + 7), str(cell.frame), fill=_RED if cell.flag else _DIMMED, font=_font(15), anchor="lt")


@cache
def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Return the font that comes with Matplotlib, which covers most languages; or Pillow's own."""
    matplotlib = find_spec("matplotlib")
    if matplotlib is not None and matplotlib.origin is not None:
        path = Path(matplotlib.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
        if path.is_file():
            return ImageFont.truetype(path, size)
    return ImageFont.load_default(size)
