"""Which nodes can take another unit: the next one should be there when one ends, but never wait long behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frontburner.plan.planner import Planner

AHEAD_S = 0.1
"""What a node has should last at least this long, so that messages arrive in time."""
SINGLE_AHEAD_S = 0.5
"""A node with a single unit that is shorter than this gets the next one ahead of time."""


@dataclass(slots=True, kw_only=True)
class Capacity:
    """The nodes of a planner that can take another unit."""

    planner: Planner
    _free: dict[str, None] = field(init=False, default_factory=dict)

    def nodes(self) -> list[str]:
        """Return nodes with capacity, idle ones first."""
        return sorted(self._free, key=self.planner.in_flight.count)

    def update(self, node: str) -> None:
        """Determine whether a node has capacity."""
        units = self.planner.in_flight.of_node(node)
        left_s = sum(assignment.duration_s for assignment in units)
        ahead = node not in self.planner.max_px and left_s < (SINGLE_AHEAD_S if len(units) == 1 else AHEAD_S)
        if node in self.planner.nodes and (not units or ahead):
            self._free[node] = None
        else:
            self._free.pop(node, None)

    def update_all(self) -> None:
        """Determine which nodes have capacity: those that found nothing they could take may find something now."""
        for node in self.planner.nodes:
            self.update(node)

    def remove(self, node: str) -> None:
        """Treat a node as full until it is updated."""
        self._free.pop(node, None)
