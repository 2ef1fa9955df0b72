"""Whose fault a failed attempt is, and what becomes of its work. Pure: no clock of its own.

A unit that crashes wherever it is rendered is a bad unit; a store that can't be reached is nobody's fault. Bad nodes
are `frontburner.dispatch.node_health`'s.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from storage.errors import CorruptObject, FrontburnerError, StoreError
from tasks.errors import UnitFailed

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from frontburner.plan.block import Block

FIRST_REST_S = 1.0
LONGEST_REST_S = 30.0
STORE_PATIENCE_S = 600.0
"""How long a job goes on in which nothing comes of any unit but trouble with the store."""
LITTLE_PATIENCE_S = 60.0
"""The same, where the store can be used but refuses: that doesn't pass by itself."""
SAY_AGAIN_S = 600.0
"""The same trouble isn't told again before."""
MOST_LOSSES = 5
"""A unit under way on so many nodes when they were lost may be what ended them: its frame fails."""


class Fault(StrEnum):
    """Whose fault an error is."""

    UNIT = "unit"
    """The unit's or the node's: which of them, other attempts show."""
    STORE = "store"
    MEMORY = "memory"
    """The node's memory was too short for a unit of this size."""


def fault_of(error: FrontburnerError) -> Fault:
    """Say whose fault an error is, as far as the error alone tells."""
    if isinstance(error, StoreError) and not isinstance(error, CorruptObject):
        return Fault.STORE
    if isinstance(error, UnitFailed) and error.short_of_memory:
        return Fault.MEMORY
    return Fault.UNIT


def rest_s(failures: int) -> float:
    """Seconds that work rests after its nth failure."""
    return float(min(LONGEST_REST_S, FIRST_REST_S * 2 ** max(0, failures - 1)))


def hopeless(
    block: Block, error: FrontburnerError, *, attempts: int, nodes: AbstractSet[str], proven: AbstractSet[str]
) -> bool:
    """Whether a block that failed once more, which it knows of, fails its frame.

    On a node that has rendered nothing of the job yet, it may be the node's fault: another is asked, where there is
    one. Nobody is asked without end.

    Parameters
    ----------
    attempts
        Failed attempts after which a unit fails its frame.
    nodes, proven
        The nodes that are there, and those that have rendered something of the job.
    """
    if not nodes - block.avoid or block.failures >= 2 * attempts:
        return block.failures >= attempts or not error.retryable
    failed_on_proven = len(block.avoid & proven)
    if not error.retryable:  # the scene's own fault, if the node can be trusted
        return failed_on_proven > 0
    return block.failures >= attempts and failed_on_proven >= min(attempts, len(nodes))


@dataclass(slots=True)
class StoreTrouble:
    """Nothing but trouble with the store since when, and on which nodes."""

    _error: FrontburnerError | None = None
    _since_s: float = 0.0
    _told_s: float | None = None
    _nodes: set[str] = field(default_factory=set)

    def begins(self, node: str, error: FrontburnerError, now_s: float) -> bool:
        """Note trouble on a node; whether it is news."""
        if self._error is None:
            self._since_s = now_s
        self._error = error
        self._nodes.add(node)
        news = self._told_s is None or now_s - self._told_s > SAY_AGAIN_S
        if news:
            self._told_s = now_s
        return news

    def rest_s(self, now_s: float) -> float:
        """Seconds that work rests: the longer, the longer the trouble lasts."""
        return min(LONGEST_REST_S, max(FIRST_REST_S, now_s - self._since_s))

    def ends(self) -> None:
        """Note that a unit came to its end in the store."""
        self._error = None
        self._nodes.clear()

    @property
    def _passes(self) -> bool:
        return isinstance(self._error, StoreError) and self._error.temporary

    def check(self, busy: AbstractSet[str], now_s: float) -> None:
        """Give up when there was nothing but trouble for too long.

        Parameters
        ----------
        busy
            Nodes that have units. One that had no trouble yet may yet end its own well.

        Raises
        ------
        FrontburnerError
            The trouble, with how long it has lasted.
        """
        if self._error is None or busy - self._nodes:
            return
        patience_s = STORE_PATIENCE_S if self._passes else LITTLE_PATIENCE_S
        if now_s - self._since_s <= patience_s:
            return
        minutes = round((now_s - self._since_s) / 60)
        raise replace(
            self._error,
            reason=f"{self._error.reason} It has been so for {minutes} minute{'' if minutes == 1 else 's'}.",
            remedy=f"{self._error.remedy} Then run the same job again: finished units are kept.",
        )
