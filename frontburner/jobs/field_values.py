"""Values of job fields as people type them or a job file holds them, read as the field's own type."""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, TypeVar

from pydantic import AfterValidator, BeforeValidator

from tasks.spec import Region, Size

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MAX_EDGE_PX = 65_536
MAX_FPS = 240
FPS_SYNTAX = "Write frames a second such as 24, 25, 23.976 or 30000/1001, at most 240."
_NTSC = 1001
_INVISIBLE = {"Cc", "Cs", "Zl", "Zp"}
"""Unicode categories: control characters, surrogates, line and paragraph separators."""


def comma_list(value: object) -> object:
    """Split ``exr,png`` into a list."""
    return [word.strip() for word in value.split(",") if word.strip()] if isinstance(value, str) else value


def number_to_text(value: object) -> object:
    """Convert an integer to text: JSON may hold ``"frames": 12`` as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(number_to_text)]


def bool_to_yes_no(value: object) -> object:
    """Convert true and false, which YAML makes of yes and no, back to those words."""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else value


def text_to_number(value: object) -> object:
    """Convert decimal text to an integer: the command line gives all values as text."""
    return int(value) if isinstance(value, str) and value.strip().isdecimal() else value


def name_value_pairs(value: object) -> object:
    """Split ``name=value,other=value`` into a mapping, and convert numbers in it to text."""
    if isinstance(value, str):
        pairs = [pair.partition("=") for pair in value.split(",") if pair.strip()]
        if not all(name.strip() and equals for name, equals, _ in pairs):
            raise ValueError("does not read as name=value,name=value.")
        return {name.strip(): text.strip() for name, _, text in pairs}
    return {name: _float_to_text(each) for name, each in value.items()} if isinstance(value, dict) else value


def readable(parse: Callable[[str], object], *, optional: bool = True) -> AfterValidator:
    """Return a validator that refuses text which a parser can't read; empty text passes where it is optional."""

    def check(value: str) -> str:
        if value or not optional:
            parse(value)
        return value

    return AfterValidator(check)


def require_one_line(value: T) -> T:
    """Return the value, unless text in it (also within lists) holds line breaks or invisible characters.

    Such text would mean more to a program, a log or a file system than it shows.
    """
    inner = list(value) if isinstance(value, list | dict) else []
    inner += value.values() if isinstance(value, dict) else []
    for word in inner:
        require_one_line(word)
    if isinstance(value, str) and any(unicodedata.category(character) in _INVISIBLE for character in value):
        raise ValueError("holds a line break or an invisible character. Leave it out.")
    return value


def parse_size(text: str) -> Size:
    """Read ``1920x1080``. Raises ValueError with a sentence."""
    match = re.fullmatch(r"\s*(\d+)\s*[x×,]\s*(\d+)\s*", text)
    if match is None:
        raise ValueError("is not a size. Write width x height in pixels, such as 1920x1080.")
    width, height = int(match[1]), int(match[2])
    if not (1 <= width <= MAX_EDGE_PX and 1 <= height <= MAX_EDGE_PX):
        raise ValueError(f"is out of range: each edge is 1 to {MAX_EDGE_PX} pixels.")
    return Size(width=width, height=height)


def parse_region(text: str) -> Region:
    """Read ``x0,y0,x1,y1``. Raises ValueError with a sentence."""
    match = re.fullmatch(r"\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*", text)
    if match is None:
        raise ValueError(
            f"region '{text}' can't be read. Write x0,y0,x1,y1 in pixels from the top left, such as 0,0,640,360."
        )
    x0, y0, x1, y1 = (int(group) for group in match.groups())
    if x1 <= x0 or y1 <= y0:
        raise ValueError(f"region '{text}' is empty: x1 must be more than x0, and y1 more than y0.")
    return Region(x0=x0, y0=y0, x1=x1, y1=y1)


def outside_frame(region: str, size: Size) -> str:
    """Return the error message for a region that reaches outside its frame."""
    return (
        f"region '{region}' reaches outside the frame of {size.width}x{size.height}. "
        f"x1 is at most {size.width} and y1 at most {size.height}."
    )


def parse_fps(text: str) -> Fraction:
    """Read frames a second, exactly. Raises ValueError with a sentence.

    Rounded NTSC rates mean what television means by them: 23.976 is 24000/1001.
    """
    try:
        given = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"'{text}' is no frame rate. {FPS_SYNTAX}") from None
    if not 0 < given <= MAX_FPS:
        raise ValueError(f"'{text}' is no frame rate. {FPS_SYNTAX}")
    ntsc = Fraction(round(given * _NTSC / 1000) * 1000, _NTSC)
    exact = given.denominator == 1 or "/" in text
    return given if exact or abs(ntsc - given) > Fraction(1, 200) else ntsc


def _float_to_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value
