"""What was found to be so a moment ago, and isn't looked at again for every unit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


@dataclass(slots=True, kw_only=True)
class RecentFindings:
    """Findings that count for some seconds. Safe to use from any thread."""

    for_s: float
    clock: Callable[[], float] = time.monotonic
    _found_s: dict[Hashable, float] = field(init=False, default_factory=dict)

    def __contains__(self, finding: Hashable) -> bool:
        found_s = self._found_s.get(finding)
        return found_s is not None and self.clock() - found_s < self.for_s

    def add(self, finding: Hashable) -> None:
        """Note that something is so now."""
        now_s = self.clock()
        self._found_s = {one: at_s for one, at_s in self._found_s.items() if now_s - at_s < self.for_s} | {
            finding: now_s
        }
