"""The nodes a dispatcher may give work: those the farm offers, except the ones that are set aside."""

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
    """Who is there, and who may have work.

    Parameters
    ----------
    no_node_timeout_s
        How long to wait without a single node before giving up.
    seen_s
        When a node was there last.
    """

    settlement: Settlement
    no_node_timeout_s: float
    seen_s: float = 0.0
    health: NodeHealth = field(init=False, default_factory=NodeHealth)
    _offered: set[str] = field(init=False, default_factory=set)
    _withheld: set[str] = field(init=False, default_factory=set)

    def join(self, node: str) -> None:
        """Take in a node that the farm offers."""
        self._offered.add(node)
        self._withheld.discard(node)
        self._admit(node)

    def withhold(self, node: str, why: str) -> None:
        """Give a node nothing more, since the farm says so."""
        self._offered.discard(node)
        self._withheld.add(node)
        self._keep_from(node, why)

    def leave(self, node: str) -> list[Assignment]:
        """Forget a node that is gone; returns what it had under way."""
        self._offered.discard(node)
        self._withheld.discard(node)
        self.health.left(node)
        self.settlement.capacity.forget(node)
        self.settlement.overhead.forget(node)
        self.settlement.planner.leave(node)
        return self.settlement.planner.in_flight.of_node(node)

    def judge(self, node: str) -> None:
        """Set a node aside for a while if it fails where others succeed."""
        if node not in self._offered:
            return
        now_s = self.settlement.clock()
        why = self.health.set_aside(node, self.settlement.planner.nodes.keys(), now_s)
        if why:
            ev.announce(ev.NodeExcluded(at_s=now_s, node=node, reason=why))
            self._keep_from(node, f"it is set aside. {why}")

    def pardon(self, node: str) -> None:
        """Have a node back that was set aside."""
        if self.health.pardon(node) and node in self._offered:
            self._admit(node)

    def wake(self, now_s: float) -> None:
        """Have nodes back whose time is over."""
        for node in self.health.pardoned(now_s):
            if node in self._offered:
                self._admit(node)
        for node in self.health.rested(now_s):
            self.settlement.capacity.see(node)

    def check(self, now_s: float) -> None:
        """See that somebody is there.

        Raises
        ------
        FrontburnerError
            When nobody has been there for too long.
        """
        if not self.settlement.planner.nodes:  # then nobody does better than those that are set aside
            for node in tuple(self._offered):
                self.pardon(node)
        if self.settlement.planner.nodes or self._withheld:
            self.seen_s = now_s
        elif now_s - self.seen_s > self.no_node_timeout_s:
            raise FrontburnerError(
                reason=f"No node has been there for {self.no_node_timeout_s:.0f} s.",
                remedy="Start a node, then run the same job again: finished units are kept.",
                retryable=True,
            )

    def _admit(self, node: str) -> None:
        """Give a node work, unless it is set aside: that ends by itself, or when it is started anew."""
        if not self.health.is_aside(node):
            self.settlement.planner.join(node)
            self.settlement.capacity.see(node)
            ev.announce(ev.NodeJoined(at_s=self.settlement.clock(), node=node))

    def _keep_from(self, node: str, why: str) -> None:
        """Give a node nothing more. What it hasn't begun goes back to the pool."""
        self.settlement.capacity.forget(node)
        self.settlement.planner.leave(node)
        ev.announce(ev.NodeWithheld(at_s=self.settlement.clock(), node=node, why=why))
        self.settlement.take_back(self.settlement.planner.in_flight.not_begun(node))
