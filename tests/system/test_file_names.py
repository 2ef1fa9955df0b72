"""Which names a file can have on every system."""

from __future__ import annotations

import pytest

from system.file_names import name_fault, spelled_alike


@pytest.mark.parametrize(
    "name", ["a.exr", "room ü.0001.png", "con1.exr", "console", "a.con", "com10", ".tmp", "shot..exr"]
)
def test_names_that_every_system_takes(name: str) -> None:
    assert name_fault(name) == ""


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("a:b.exr", "a ':'"),
        ("what?", "a '?'"),
        ("a\\b", "a '\\'"),
        ("a|b", "a '|'"),
        ("C:", "a ':'"),
        ("a\nb", r"a control character ('\n')"),
        ("trail.", "a dot at its end"),
        ("trail ", "a space at its end"),
        ("con", "the name of a device of Windows, con"),
        ("Aux.exr", "the name of a device of Windows, Aux"),
        ("nul.tar.gz", "the name of a device of Windows, nul"),
        ("nul .txt", "the name of a device of Windows, nul"),
        ("COM1", "the name of a device of Windows, COM1"),
        ("lpt¹.log", "the name of a device of Windows, lpt¹"),
    ],
)
def test_what_is_wrong_with_a_name_is_said(name: str, fault: str) -> None:
    assert name_fault(name) == fault


def test_names_that_some_system_takes_for_one() -> None:
    assert spelled_alike("Straße") == spelled_alike("STRASSE")
    assert spelled_alike("u\u0308ber") == spelled_alike("Über")
    assert spelled_alike("a") != spelled_alike("b")
