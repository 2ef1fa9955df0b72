"""How nodes behave: one that fails where others succeed is set aside for a while. Pure: no clock of its own.

A node that is set aside comes back by itself, after a time that grows, or at once when it is started anew or somebody
says so. That it is offered again changes nothing: jobs that share nodes hand them to and fro all the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner.dispatch.failures import rest_s

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from frontburner.plan.block import Block

STRIKES = 3
"""Units that fail in a row on a node, while others succeed, before it is set aside."""
BLAMES = 2
"""The same for units that others have rendered since: there is no doubt whose fault those were."""
ASIDE_S = 300.0
"""How long a node is set aside the first time; each further time it is twice as long."""
LONGEST_ASIDE_S = 4 * 3600.0


@dataclass(slots=True)
class _Node:
    """How a node has done lately."""

    strikes: int = 0
    blamed: int = 0
    struck_s: float = 0.0
    """When the first of these was, and the last."""
    failed_s: float = 0.0
    reason: str = ""
    unit: float | None = None
    rests_until_s: float | None = None
    aside_until_s: float | None = None
    times_aside: int = 0


@dataclass(slots=True)
class NodeHealth:
    """What nodes did well, and what not. ``proven`` are those that have rendered something of the job."""

    proven: set[str] = field(default_factory=set)
    _nodes: dict[str, _Node] = field(default_factory=dict)
    _succeeded_s: dict[str, float] = field(default_factory=dict)

    def succeeded(self, node: str, block: Block, now_s: float) -> list[str]:
        """Note that a node finished a unit; returns the nodes which that puts to blame, having failed on it."""
        self._succeeded_s[node] = now_s
        self.proven.add(node)
        own = self._nodes.get(node)
        if own is not None:
            own.strikes = own.blamed = 0
        to_blame = [name for name in block.avoid - {node} if name in self._nodes and self._nodes[name].strikes]
        if not block.failures or block.duplicate_of is not None:  # then some are only slow
            return []
        for name in to_blame:
            self._nodes[name].blamed += 1
        return to_blame

    def failed(self, node: str, reason: str, *, unit: float, now_s: float, of_store: bool = False) -> None:
        """Note that a unit failed on a node.

        Parameters
        ----------
        unit
            When the node was given it: blocks of one unit fail together, and count once.
        of_store
            Whether the store couldn't be used. That counts where others could in between.
        """
        own = self._nodes.setdefault(node, _Node())
        before_s, own.failed_s = own.failed_s, now_s
        if own.unit == unit or (of_store and not self._others_succeeded(node, before_s, self._succeeded_s.keys())):
            return
        own.unit, own.reason = unit, reason
        if not own.strikes:
            own.struck_s = before_s if of_store else now_s
        own.strikes += 1
        if own.strikes > 1:
            self.rest(node, now_s + rest_s(own.strikes - 1))

    def set_aside(self, node: str, nodes: AbstractSet[str], now_s: float) -> str:
        """Set a node aside if it fails where others succeed; returns why, or nothing.

        Parameters
        ----------
        nodes
            Nodes that are there. The last one is kept, whatever it does.
        """
        own = self._nodes.get(node)
        if own is None or self.is_aside(node) or (own.strikes < STRIKES and own.blamed < BLAMES):
            return ""
        if not self._others_succeeded(node, own.struck_s, nodes):
            return ""
        why = f"{own.strikes} units in a row failed on it while others rendered theirs. The last one: {own.reason}"
        own.aside_until_s = now_s + min(LONGEST_ASIDE_S, ASIDE_S * 2**own.times_aside)
        own.strikes, own.blamed, own.times_aside = 0, 0, own.times_aside + 1
        return why

    def is_aside(self, node: str) -> bool:
        """Whether a node is set aside."""
        own = self._nodes.get(node)
        return own is not None and own.aside_until_s is not None

    def pardon(self, node: str) -> bool:
        """Count a node in again that was set aside; whether it was."""
        was = self.is_aside(node)
        if was:
            self._nodes[node].aside_until_s = None
        return was

    def pardoned(self, now_s: float) -> list[str]:
        """Count in again, and return, nodes that have been set aside for long enough."""
        due = [
            name for name, one in self._nodes.items() if one.aside_until_s is not None and one.aside_until_s <= now_s
        ]
        return [name for name in due if self.pardon(name)]

    def rest(self, node: str, until_s: float) -> None:
        """Have a node be given nothing until a time."""
        self._nodes.setdefault(node, _Node()).rests_until_s = until_s

    def rests(self, node: str) -> bool:
        """Whether a node is to be given nothing for a moment."""
        return node in self._nodes and self._nodes[node].rests_until_s is not None

    def rested(self, now_s: float) -> list[str]:
        """Return nodes whose rest is over, once."""
        due = [
            name for name, one in self._nodes.items() if one.rests_until_s is not None and one.rests_until_s <= now_s
        ]
        for name in due:
            self._nodes[name].rests_until_s = None
        return due

    def left(self, node: str) -> None:
        """Forget how a node did: when it comes again, it was started anew."""
        self._nodes.pop(node, None)
        self._succeeded_s.pop(node, None)
        self.proven.discard(node)

    def _others_succeeded(self, node: str, since_s: float, nodes: AbstractSet[str]) -> bool:
        """Whether another of these nodes has finished a unit since a time."""
        return any(at_s >= since_s for other, at_s in self._succeeded_s.items() if other != node and other in nodes)
