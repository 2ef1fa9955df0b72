"""Who or what a failed attempt is blamed on, when a unit fails its frame, and when a store outage ends the job.

Pure: no clock of its own. Nodes that fail repeatedly are in `frontburner.dispatch.node_health`.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from storage.errors import CorruptObject, FrontburnerError, StoreError
from tasks.errors import UnitFailed, UnitRecalled

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from frontburner.plan.block import Block

MIN_BACKOFF_S = 1.0
MAX_BACKOFF_S = 30.0
STORE_TIMEOUT_S = 600.0
"""A job ends when no unit could be stored for this long."""
STORE_REFUSED_TIMEOUT_S = 60.0
"""The same if the store answers but refuses: that doesn't pass by itself."""
REPORT_AGAIN_S = 600.0
"""An outage is reported again after this long."""
MAX_LOSSES = 5
"""A unit whose nodes were lost this many times while they rendered it may be the cause: its frame fails."""


class Fault(StrEnum):
    """What a failure is blamed on."""

    UNIT = "unit"
    """The unit or its node: other attempts show which."""
    STORE = "store"
    MEMORY = "memory"
    """The node has too little memory for a unit of this size."""
    NOBODY = "nobody"
    """The node's machine was given back to its owner."""


def fault_of(error: FrontburnerError) -> Fault:
    """Return what an error is blamed on, as far as it alone tells."""
    if isinstance(error, StoreError) and not isinstance(error, CorruptObject):
        return Fault.STORE
    if isinstance(error, UnitRecalled):
        return Fault.NOBODY
    if isinstance(error, UnitFailed) and error.short_of_memory:
        return Fault.MEMORY
    return Fault.UNIT


def backoff_s(failures: int) -> float:
    """Seconds to wait after so many failures."""
    return float(min(MAX_BACKOFF_S, MIN_BACKOFF_S * 2 ** max(0, failures - 1)))


def fails_frame(
    block: Block, error: FrontburnerError, *, attempts: int, nodes: AbstractSet[str], proven: AbstractSet[str]
) -> bool:
    """Whether a block fails its frame, with its last failure already counted.

    On a node that hasn't rendered anything of the job, the node may be to blame: others are tried if there are any,
    up to twice the attempts.

    Parameters
    ----------
    attempts
        Failed attempts after which a unit fails its frame.
    nodes, proven
        Available nodes, and those that have rendered something of the job.
    """
    if not nodes - block.avoid or block.failures >= 2 * attempts:
        return block.failures >= attempts or not error.retryable
    failed_on_proven = len(block.avoid & proven)
    if not error.retryable:  # the scene is to blame if the node is proven
        return failed_on_proven > 0
    return block.failures >= attempts and failed_on_proven >= min(attempts, len(nodes))


@dataclass(slots=True)
class StoreOutage:
    """Since when, and on which nodes, units can't be stored."""

    _error: FrontburnerError | None = None
    _since_s: float = 0.0
    _reported_s: float | None = None
    _nodes: set[str] = field(default_factory=set)

    def add(self, node: str, error: FrontburnerError, now_s: float) -> bool:
        """Note an error of the store on a node; whether it should be reported."""
        if self._error is None:
            self._since_s = now_s
        self._error = error
        self._nodes.add(node)
        report = self._reported_s is None or now_s - self._reported_s > REPORT_AGAIN_S
        if report:
            self._reported_s = now_s
        return report

    def backoff_s(self, now_s: float) -> float:
        """Seconds to wait: longer the longer the outage lasts."""
        return min(MAX_BACKOFF_S, max(MIN_BACKOFF_S, now_s - self._since_s))

    def end(self) -> None:
        """Note that a unit was stored."""
        self._error = None
        self._nodes.clear()

    def check(self, busy: AbstractSet[str], now_s: float) -> None:
        """Check that the outage hasn't lasted too long.

        Parameters
        ----------
        busy
            Nodes that have units. One that had no error yet may still store its unit.

        Raises
        ------
        FrontburnerError
            The store's error, with how long it has lasted.
        """
        if self._error is None or busy - self._nodes:
            return
        temporary = isinstance(self._error, StoreError) and self._error.temporary
        if now_s - self._since_s <= (STORE_TIMEOUT_S if temporary else STORE_REFUSED_TIMEOUT_S):
            return
        minutes = round((now_s - self._since_s) / 60)
        raise replace(
            self._error,
            reason=f"{self._error.reason} This has lasted for {minutes} minute{'' if minutes == 1 else 's'}.",
            remedy=f"{self._error.remedy} Then run the same job again: finished units are kept.",
        )
