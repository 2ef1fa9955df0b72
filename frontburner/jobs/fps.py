"""Frames a second as people write them: ``25``, ``23.976`` or ``30000/1001``, exactly."""

from __future__ import annotations

from fractions import Fraction

MOST = 240
GRAMMAR = "Write frames a second such as 24, 25, 23.976 or 30000/1001, at most 240."
_NTSC = 1001


def parse_fps(text: str) -> Fraction:
    """Read frames a second; 23.976 and its like are what television means by them, such as 24000/1001.

    Raises
    ------
    ValueError
        With a sentence, when it can't be read.
    """
    try:
        given = Fraction(text.strip())
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"'{text}' is no frame rate. {GRAMMAR}") from None
    if not 0 < given <= MOST:
        raise ValueError(f"'{text}' is no frame rate. {GRAMMAR}")
    meant = Fraction(round(given * _NTSC / 1000) * 1000, _NTSC)
    whole = given.denominator == 1 or "/" in text
    return given if whole or abs(meant - given) > Fraction(1, 200) else meant
