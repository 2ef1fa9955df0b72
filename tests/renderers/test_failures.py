"""What logs of V-Ray and 3ds Max say, and what is made of it: a harmless line must never end a good render."""

from __future__ import annotations

import re

import pytest

from tasks.renderers.max3ds import program as max3ds
from tasks.renderers.program.failures import match_failure
from tasks.renderers.vray import program


@pytest.mark.parametrize(
    "line",
    [
        "Connecting to license server at 127.0.0.1:30304",
        "License: 1 of 5 seats in use (render node)",
        "A newer version of V-Ray is available",
        "warning: could not load configuration file vraycore.cfg",
        "Loading bitmap file oak.exr",
        "Texture memory: 120 MB; could not use the cache",
        "Failed to find a GPU, falling back to the CPU",
    ],
)
def test_a_line_that_sounds_like_a_failure_ends_nothing(line: str) -> None:
    for table in (program.FAILURES, max3ds.FAILURES):
        found = match_failure(table, line)
        assert found is None or not found.failure.fatal


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("[error] Could not obtain a license (-88)", "no V-Ray licence"),
        ("License error (-97): no server", "no V-Ray licence"),
        ("error: Failed to open file C:/maps/oak wood/oak.png", r"this node: wood/oak\.png|oak wood/oak\.png"),
        ("Cannot load image file 'a/b.tx'", r"this node: a/b\.tx"),
        ("Scene was saved with a newer version", "another version"),
        ('Unknown plugin type "TexForest"', "another version"),
    ],
)
def test_known_failures_have_many_wordings(line: str, says: str) -> None:
    found = match_failure(program.FAILURES, line)
    assert found is not None
    assert found.failure.fatal
    assert re.search(says, str(found.error("a.vrscene")))
