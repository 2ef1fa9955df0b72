"""Node health: a node on which units fail that succeed on others is excluded for a while. Pure: no clock of its own.

An excluded node is readmitted after a time that doubles with each exclusion, or at once when it is restarted. Being
offered again by the farm doesn't readmit it: jobs that share nodes pass them back and forth all the time.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner.dispatch.failures import backoff_s

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from frontburner.plan.block import Block

MAX_FAILURES = 3
"""Units that fail in a row on a node, while others succeed, until it is excluded."""
MAX_BLAMED = 2
"""The same for units that other nodes have rendered since: then the node is certainly to blame."""
EXCLUSION_S = 300.0
"""Duration of a node's first exclusion; each further one is twice as long."""
MAX_EXCLUSION_S = 4 * 3600.0


@dataclass(slots=True)
class _Node:
    """Recent failures of a node, and what follows from them."""

    failures: int = 0
    blamed: int = 0
    first_failure_s: float = 0.0
    last_failure_s: float = 0.0
    reason: str = ""
    unit: float | None = None
    backoff_until_s: float | None = None
    excluded_until_s: float | None = None
    exclusions: int = 0


@dataclass(slots=True)
class NodeHealth:
    """Successes and failures of nodes. ``proven`` nodes have rendered something of the job."""

    proven: set[str] = field(default_factory=set)
    _nodes: dict[str, _Node] = field(default_factory=dict)
    _succeeded_s: dict[str, float] = field(default_factory=dict)

    def succeeded(self, node: str, block: Block, now_s: float) -> list[str]:
        """Note that a node finished a unit; returns the nodes it failed on before, which are to blame for that."""
        self._succeeded_s[node] = now_s
        self.proven.add(node)
        state = self._nodes.get(node)
        if state is not None:
            state.failures = state.blamed = 0
        if not block.failures or block.duplicate_of is not None:  # nodes to avoid may only be slow
            return []
        blamed = [name for name in block.avoid - {node} if name in self._nodes and self._nodes[name].failures]
        for name in blamed:
            self._nodes[name].blamed += 1
        return blamed

    def failed(self, node: str, reason: str, *, unit: float, now_s: float, of_store: bool = False) -> None:
        """Note that a unit failed on a node.

        Parameters
        ----------
        unit
            When the node got the unit. Blocks of one unit fail together and count once.
        of_store
            Whether the store was to blame. That counts only if other nodes could use it in between.
        """
        state = self._nodes.setdefault(node, _Node())
        before_s, state.last_failure_s = state.last_failure_s, now_s
        if state.unit == unit or (of_store and not self._others_succeeded(node, before_s, self._succeeded_s.keys())):
            return
        state.unit, state.reason = unit, reason
        if not state.failures:
            state.first_failure_s = before_s if of_store else now_s
        state.failures += 1
        if state.failures > 1:
            self.back_off(node, now_s + backoff_s(state.failures - 1))

    def exclude(self, node: str, nodes: AbstractSet[str], now_s: float) -> str:
        """Exclude a node if units fail on it that succeed on others; returns the reason, or an empty string.

        Parameters
        ----------
        nodes
            Available nodes. The last one is never excluded.
        """
        state = self._nodes.get(node)
        if state is None or self.is_excluded(node) or (state.failures < MAX_FAILURES and state.blamed < MAX_BLAMED):
            return ""
        if not self._others_succeeded(node, state.first_failure_s, nodes):
            return ""
        why = f"{state.failures} units in a row failed on it while others rendered theirs. The last one: {state.reason}"
        state.excluded_until_s = now_s + min(MAX_EXCLUSION_S, EXCLUSION_S * 2**state.exclusions)
        state.failures, state.blamed, state.exclusions = 0, 0, state.exclusions + 1
        return why

    def is_excluded(self, node: str) -> bool:
        """Whether a node is excluded."""
        return node in self._nodes and self._nodes[node].excluded_until_s is not None

    def readmit(self, node: str) -> bool:
        """End a node's exclusion; whether it was excluded."""
        excluded = self.is_excluded(node)
        if excluded:
            self._nodes[node].excluded_until_s = None
        return excluded

    def end_exclusions(self, now_s: float) -> list[str]:
        """Readmit and return the nodes whose exclusion is over."""
        over = [name for name, state in self._nodes.items() if _is_over(state.excluded_until_s, now_s)]
        for name in over:
            self._nodes[name].excluded_until_s = None
        return over

    def back_off(self, node: str, until_s: float) -> None:
        """Give a node no units until a time."""
        self._nodes.setdefault(node, _Node()).backoff_until_s = until_s

    def backs_off(self, node: str) -> bool:
        """Whether a node gets no units for a moment."""
        return node in self._nodes and self._nodes[node].backoff_until_s is not None

    def end_backoffs(self, now_s: float) -> list[str]:
        """End and return the backoffs that are over."""
        over = [name for name, state in self._nodes.items() if _is_over(state.backoff_until_s, now_s)]
        for name in over:
            self._nodes[name].backoff_until_s = None
        return over

    def forget(self, node: str) -> None:
        """Forget a node that is gone: when it comes back, it was restarted."""
        self._nodes.pop(node, None)
        self._succeeded_s.pop(node, None)
        self.proven.discard(node)

    def _others_succeeded(self, node: str, since_s: float, nodes: AbstractSet[str]) -> bool:
        """Whether another of these nodes has finished a unit since a time."""
        return any(at_s >= since_s for other, at_s in self._succeeded_s.items() if other != node and other in nodes)


def _is_over(until_s: float | None, now_s: float) -> bool:
    return until_s is not None and until_s <= now_s
