"""What lies between two units of a node besides rendering: how the overhead of a unit is measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner.dispatch.capacity import AHEAD_S

if TYPE_CHECKING:
    from frontburner.plan.in_flight import Assignment
    from tasks.spec import UnitRecord

BELIEVED_S = 1.0
"""A gap that is off by so much from what was seen here is none: the node's clock was set between the two units."""


@dataclass(slots=True)
class Overhead:
    """When each node's last unit was seen to end, and when it did by the node's own clock."""

    _ended: dict[str, tuple[float, float]] = field(default_factory=dict)

    def ended(self, done: Assignment, record: UnitRecord, now_s: float) -> float | None:
        """Take in a unit's end; returns the gap before it, where the node had the unit in time for no other reason.

        What was opened for it counts: the scene of another frame. A node's first unit, which opens all, has no gap.
        """
        before = self._ended.pop(done.node, None)
        if record.reused:
            return None
        self._ended[done.node] = now_s, record.started_s + record.wall_s
        # Between the blocks of one unit there is none of what a unit costs.
        if before is None or done.nth or done.given_s > before[0] + AHEAD_S:
            return None
        gap_s, seen_s = record.started_s - before[1], now_s - record.wall_s - before[0]
        return gap_s + record.load_s if abs(gap_s - seen_s) <= BELIEVED_S else None

    def forget(self, node: str) -> None:
        """Forget a node's last unit: what comes after it isn't a gap between units."""
        self._ended.pop(node, None)
