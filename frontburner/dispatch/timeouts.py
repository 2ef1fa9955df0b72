"""When a node has had a unit for too long: nobody has to set a time, since what units take is known. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frontburner.plan.in_flight import Assignment

LATE_AT_LEAST_S = 60.0
LATE_TIMES = 10.0
"""A unit is stuck when it takes so many times what it should, but not before so many seconds."""
PATIENCE_GROWS = 4.0
"""After an attempt that failed, the next one may take so many times as long: perhaps the picture is so dear there."""
UNKNOWN_S = 24 * 3600.0
"""What a unit may take at least where nothing is known of the picture, or of the node: a whole frame can be a night's
work. A renderer that does nothing at all is ended by its node long before."""
START_S = 600.0
"""A node that was given a unit must say by then that it renders it, or that it waits its turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedUnit:
    """What is known of how long a unit should take.

    Parameters
    ----------
    known
        Whether anything is, of the picture and of the node.
    deviation
        Standard deviation of the logarithm of measured over predicted seconds.
    load_s
        The longest it took any node so far to open the scene or move to a frame.
    """

    known: bool
    deviation: float
    load_s: float


@dataclass(slots=True)
class Timeouts:
    """Since when each unit has been rendered, as nodes say: to be given a unit isn't to begin it."""

    _began_s: dict[int, float] = field(default_factory=dict)
    _waiting: set[int] = field(default_factory=set)

    def began(self, ticket: int, at_s: float) -> None:
        """Note when a unit's renderer began."""
        self._began_s[ticket] = at_s
        self._waiting.discard(ticket)

    def waits(self, ticket: int) -> None:
        """Note that a unit waits for something that isn't its renderer: its turn, or the store."""
        self._began_s.pop(ticket, None)
        self._waiting.add(ticket)

    def keep(self, tickets: Iterable[int]) -> None:
        """Forget all units but these."""
        kept = set(tickets)
        self._began_s = {ticket: at_s for ticket, at_s in self._began_s.items() if ticket in kept}
        self._waiting &= kept

    def too_late(self, one: Assignment, expected: ExpectedUnit, now_s: float, *, first: bool) -> str:
        """Say what is wrong with the time a unit takes; nothing if it may go on.

        Parameters
        ----------
        first
            Whether its node has nothing of this job to render before it.
        """
        began_s = self._began_s.get(one.ticket)
        if began_s is not None:
            took_s = now_s - began_s
            if took_s <= longest_s(one, expected):
                return ""
            if not expected.known:
                return f"{one.node} wasn't ready with the unit after {took_s:.0f} s, opening the scene included."
            return (
                f"The unit should have taken {one.takes_s:.0f} s on {one.node} and wasn't ready after {took_s:.0f} s."
            )
        if first and one.ticket not in self._waiting and now_s - one.begins_s > START_S:
            return f"{one.node} was given the unit {now_s - one.begins_s:.0f} s ago and hasn't begun with it."
        return ""


def longest_s(one: Assignment, expected: ExpectedUnit) -> float:
    """Seconds a renderer may take for a unit before it is taken for stuck."""
    limit_s = (
        max(LATE_AT_LEAST_S, LATE_TIMES * one.takes_s * (1.0 + expected.deviation)) if expected.known else UNKNOWN_S
    )
    return (limit_s + LATE_TIMES * expected.load_s) * PATIENCE_GROWS**one.block.failures
