"""The nodes that can get units: those the farm offers, except excluded ones."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.dispatch.node_health import NodeHealth
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from frontburner.dispatch.settlement import Settlement
    from frontburner.plan.in_flight import Assignment


@dataclass(slots=True, kw_only=True)
class AvailableNodes:
    """Nodes the farm offers, withholds or has lost, and which of them may get units.

    Parameters
    ----------
    no_node_timeout_s
        How long to wait without any node before giving up.
    last_seen_s
        When there was a node last.
    """

    settlement: Settlement
    no_node_timeout_s: float
    last_seen_s: float = 0.0
    health: NodeHealth = field(init=False, default_factory=NodeHealth)
    _offered: set[str] = field(init=False, default_factory=set)
    _withheld: set[str] = field(init=False, default_factory=set)

    def add(self, node: str) -> None:
        """Add a node that the farm offers."""
        self._offered.add(node)
        self._withheld.discard(node)
        self._admit(node)

    def withhold(self, node: str, why: str) -> None:
        """Give a node no more units because the farm says so."""
        self._offered.discard(node)
        self._withheld.add(node)
        self._stop_giving(node, why)

    def remove(self, node: str) -> list[Assignment]:
        """Remove a node that is gone; returns what it had in flight."""
        self._offered.discard(node)
        self._withheld.discard(node)
        self.health.forget(node)
        self.settlement.capacity.remove(node)
        self.settlement.overhead.forget(node)
        self.settlement.planner.remove_node(node)
        return self.settlement.planner.in_flight.of_node(node)

    def check_health(self, node: str) -> None:
        """Exclude a node for a while if units fail on it that succeed on others."""
        if node not in self._offered:
            return
        now_s = self.settlement.clock()
        why = self.health.exclude(node, self.settlement.planner.nodes.keys(), now_s)
        if why:
            ev.announce(ev.NodeExcluded(at_s=now_s, node=node, reason=why))
            self._stop_giving(node, f"it is excluded. {why}")

    def resume(self, now_s: float) -> None:
        """Give units again to nodes whose exclusion or backoff is over."""
        for node in self.health.end_exclusions(now_s):
            if node in self._offered:
                self._admit(node)
        for node in self.health.end_backoffs(now_s):
            self.settlement.capacity.update(node)

    def check_any(self, now_s: float) -> None:
        """Check that there is a node.

        Raises
        ------
        FrontburnerError
            When there was none for too long.
        """
        if not self.settlement.planner.nodes:  # excluded nodes are better than none
            for node in tuple(self._offered):
                if self.health.readmit(node):
                    self._admit(node)
        if self.settlement.planner.nodes or self._withheld:
            self.last_seen_s = now_s
        elif now_s - self.last_seen_s > self.no_node_timeout_s:
            raise FrontburnerError(
                reason=f"There has been no node for {self.no_node_timeout_s:.0f} s.",
                remedy="Start a node, then run the same job again: finished units are kept.",
                retryable=True,
            )

    def _admit(self, node: str) -> None:
        if not self.health.is_excluded(node):
            self.settlement.planner.add_node(node)
            self.settlement.capacity.update(node)
            ev.announce(ev.NodeJoined(at_s=self.settlement.clock(), node=node))

    def _stop_giving(self, node: str, why: str) -> None:
        """Give a node no more units, and requeue those it doesn't render yet."""
        self.settlement.capacity.remove(node)
        self.settlement.planner.remove_node(node)
        ev.announce(ev.NodeWithheld(at_s=self.settlement.clock(), node=node, why=why))
        self.settlement.take_back(self.settlement.planner.in_flight.waiting(node))
