"""When a part that ended is started again, and when it is given up. Pure."""

from __future__ import annotations

from dataclasses import dataclass

FIRST_S = 1.0
LONGEST_S = 60.0
STEADY_S = 60.0
"""A part that was up for so long begins with a clean slate."""
MOST_IN_A_ROW = 8
"""Starts in a row after which a part that never stays up is given up: after about three minutes of waiting."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """How often a part has ended without having been up for long."""

    in_a_row: int = 0

    def after(self, up_s: float) -> RestartPolicy:
        """Return it after one more end, of a part that had been up for so many seconds."""
        return RestartPolicy(1 if up_s >= STEADY_S else self.in_a_row + 1)

    @property
    def over(self) -> bool:
        """Whether it is at its end."""
        return self.in_a_row >= MOST_IN_A_ROW

    @property
    def wait_s(self) -> float:
        """Seconds until the part is to be started again."""
        return min(LONGEST_S, FIRST_S * 2.0 ** max(0, self.in_a_row - 1))
