"""How often somebody who wasn't let in may try again: a few times at once, then once in a while, for each address."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

AT_ONCE = 20
AGAIN_S = 2.0
MOST_ADDRESSES = 10_000


@dataclass(slots=True, kw_only=True)
class RateLimit:
    """Counts failed attempts.

    Parameters
    ----------
    clock
        Seconds that only go forward.
    at_once
        So many may fail in a row.
    again_s
        After that, one in so many seconds.
    """

    clock: Callable[[], float]
    at_once: int = AT_ONCE
    again_s: float = AGAIN_S
    _left: OrderedDict[str, tuple[float, float]] = field(init=False, default_factory=OrderedDict)

    def fail(self, address: str) -> float:
        """Count a failed attempt; returns the seconds until another is heard, 0.0 if it is heard at once."""
        left, seen_s = self._left.pop(address, (float(self.at_once), self.clock()))
        left = min(float(self.at_once), left + (self.clock() - seen_s) / self.again_s) - 1.0
        self._left[address] = (max(left, -1.0), self.clock())
        while len(self._left) > MOST_ADDRESSES:
            self._left.popitem(last=False)
        return max(0.0, -left * self.again_s)
