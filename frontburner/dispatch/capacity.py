"""Which nodes can be given more: the next unit should be there when one ends, but never wait long behind it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frontburner.plan.planner import Planner

AHEAD_S = 0.1
"""What a node holds should last this long at least, so that news and orders are there in time."""
AHEAD_OF_S = 0.5
"""A node with one unit shorter than this gets the next one ahead; behind a longer one it could wait long."""


@dataclass(slots=True, kw_only=True)
class Capacity:
    """The nodes of a planner that have room."""

    planner: Planner
    _hungry: dict[str, None] = field(init=False, default_factory=dict)

    def nodes(self) -> list[str]:
        """Nodes that have room, those that have nothing first."""
        return sorted(self._hungry, key=self.planner.in_flight.count)

    def see(self, node: str) -> None:
        """Note whether a node has room."""
        hand = self.planner.in_flight.of_node(node)
        left_s = sum(assignment.takes_s for assignment in hand)
        ahead = node not in self.planner.most_px and left_s < (AHEAD_OF_S if len(hand) == 1 else AHEAD_S)
        if node in self.planner.nodes and (not hand or ahead):
            self._hungry[node] = None
        else:
            self._hungry.pop(node, None)

    def see_all(self) -> None:
        """Have all nodes ask again that have room: some may have found nothing they could take."""
        for node in self.planner.nodes:
            self.see(node)

    def forget(self, node: str) -> None:
        """Count a node as having no room until it is seen again."""
        self._hungry.pop(node, None)
