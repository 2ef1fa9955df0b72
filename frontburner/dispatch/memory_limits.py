"""How large a unit a node's memory bears: found by what went wrong, and tried again little by little. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from frontburner.plan.unit_sizer import Mode

if TYPE_CHECKING:
    from frontburner.plan.in_flight import Assignment
    from frontburner.plan.planner import Planner

SMALLER = 0.5
LARGER = 1.25
LEAST_PX = 1024
"""A unit that is smaller still isn't what takes the memory: that is the scene."""


@dataclass(slots=True, kw_only=True)
class MemoryLimits:
    """Sets the planner's ``most_px`` of nodes whose memory is short."""

    planner: Planner

    def helps(self, failed: Assignment) -> bool:
        """Have a node get smaller units from now on; whether that could help the one it had no memory for."""
        area, most_px = failed.block.region.area, self.planner.most_px.get(failed.node)
        if self.planner.mode is Mode.FRAMES or area < LEAST_PX or (most_px is not None and area > 2 * most_px):
            return False
        self.planner.most_px[failed.node] = area * SMALLER
        return True

    def ended(self, done: Assignment, *, short: bool) -> None:
        """Take in how a unit ended well: just so, or with memory to spare."""
        most_px, area = self.planner.most_px.get(done.node), done.block.region.area
        if short and area >= LEAST_PX:
            self.planner.most_px[done.node] = min(area * SMALLER, most_px or area)
        elif most_px is not None and not short and 2 * area > most_px:
            self._raise(done.node, most_px * LARGER)

    def _raise(self, node: str, most_px: float) -> None:
        if most_px >= self.planner.region.area:
            del self.planner.most_px[node]
        else:
            self.planner.most_px[node] = most_px
