"""A user's machine that is like a Mac."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.end_to_end.conftest import Studio, null_scene, studio
from tests.macos.__main__ import ROOT, as_on_macos

__all__ = ["null_scene", "studio"]


@pytest.fixture
def mac(studio: Studio) -> Studio:
    """A user's machine whose Pythons have no more than on macOS."""
    return replace(studio, settings={"PYTHONPATH": as_on_macos()["PYTHONPATH"]})


@pytest.fixture
def linux(studio: Studio) -> Studio:
    """The same machine with all of Linux."""
    return replace(studio, settings={"PYTHONPATH": str(ROOT)})
