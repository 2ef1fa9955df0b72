"""The menu of applications on macOS, which takes an application bundle: there is none."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def add(name: str, description: str, command: Sequence[str]) -> Path:  # noqa: ARG001 - the same on every system
    """Do nothing."""
    return entry(name)


def entry(name: str) -> Path:
    """Return the file that an entry would have."""
    return Path.home() / "Applications" / f"{name}.app"
