"""Frame rates mean exactly what television means by them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from frontburner.jobs.field_values import parse_fps


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("24", Fraction(24)),
        (" 25 ", Fraction(25)),
        ("23.976", Fraction(24000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("29.97", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        ("12.5", Fraction(25, 2)),
    ],
)
def test_what_is_written_is_what_is_meant(text: str, meant: Fraction) -> None:
    assert parse_fps(text) == meant


@pytest.mark.parametrize("text", ["", "fast", "0", "-24", "241", "24/0", "nan"])
def test_what_is_no_rate_is_refused_with_the_grammar(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no frame rate\. Write frames a second such as"):
        parse_fps(text)
