"""Names of things in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_NAMED = 3
"""So many are named in a sentence."""


def listed(names: Iterable[str]) -> str:
    """Return the first of these names, and how many more there are."""
    every = sorted(names)
    return ", ".join(every[:_NAMED]) + (f" and {len(every) - _NAMED} more" if len(every) > _NAMED else "")
