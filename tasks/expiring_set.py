"""A set whose elements expire: what was verified a moment ago isn't verified again for every unit."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


@dataclass(slots=True, kw_only=True)
class ExpiringSet:
    """A set whose elements last for `lifetime_s` seconds. Safe to use from any thread."""

    lifetime_s: float
    clock: Callable[[], float] = time.monotonic
    _added_s: dict[Hashable, float] = field(init=False, default_factory=dict)

    def __contains__(self, element: Hashable) -> bool:
        added_s = self._added_s.get(element)
        return added_s is not None and self.clock() - added_s < self.lifetime_s

    def add(self, element: Hashable) -> None:
        """Add an element, or renew it, and drop those that have expired."""
        now_s = self.clock()
        fresh = {each: added_s for each, added_s in self._added_s.items() if now_s - added_s < self.lifetime_s}
        self._added_s = fresh | {element: now_s}

    def discard(self, element: Hashable) -> None:
        """Remove an element, if it is there."""
        self._added_s = {each: added_s for each, added_s in self._added_s.items() if each != element}
