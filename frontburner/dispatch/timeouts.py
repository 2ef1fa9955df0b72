"""When a node has had a unit for too long. Timeouts follow from the expected time; nobody has to set them. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from frontburner.plan.in_flight import Assignment

MIN_TIMEOUT_S = 60.0
TIMEOUT_FACTOR = 10.0
"""A unit times out after this many times its expected time, but not before `MIN_TIMEOUT_S`."""
RETRY_FACTOR = 4.0
"""The timeout grows by this factor with each failed attempt: the picture may be that expensive there."""
UNKNOWN_TIMEOUT_S = 24 * 3600.0
"""Timeout if nothing is known of the picture or the node: a whole frame can take a night. A renderer that does nothing
at all is ended by its node long before that."""
START_TIMEOUT_S = 600.0
"""A node that got a unit must report within this time that it renders it, or that it waits."""


@dataclass(slots=True)
class Timeouts:
    """Since when each unit is being rendered, as reported by its node: it doesn't start when the node gets it.

    ``load_s`` is the longest any node needed so far to open the scene or change the frame.
    """

    load_s: float = 0.0
    _began_s: dict[int, float] = field(default_factory=dict)
    _waiting: set[int] = field(default_factory=set)

    def began(self, ticket: int, at_s: float) -> None:
        """Note when the renderer began with a unit."""
        self._began_s[ticket] = at_s
        self._waiting.discard(ticket)

    def waits(self, ticket: int) -> None:
        """Note that a unit waits for something other than its renderer: another job's unit, or the store."""
        self._began_s.pop(ticket, None)
        self._waiting.add(ticket)

    def retain(self, tickets: Iterable[int]) -> None:
        """Forget all units but these."""
        kept = set(tickets)
        self._began_s = {ticket: at_s for ticket, at_s in self._began_s.items() if ticket in kept}
        self._waiting &= kept

    def check(self, unit: Assignment, now_s: float, *, first: bool, deviation: float | None) -> str:
        """Return why a unit has timed out; an empty string if it hasn't.

        Parameters
        ----------
        first
            Whether its node has nothing else of this job to render before it.
        deviation
            Standard deviation of the logarithm of measured over predicted seconds; None if nothing is known.
        """
        began_s = self._began_s.get(unit.ticket)
        if began_s is None:
            given_s = now_s - unit.starts_s
            if first and unit.ticket not in self._waiting and given_s > START_TIMEOUT_S:
                return f"{unit.node} got the unit {given_s:.0f} s ago and hasn't begun with it."
            return ""
        took_s = now_s - began_s
        if took_s <= self._timeout_s(unit, deviation):
            return ""
        if deviation is None:
            return f"{unit.node} didn't finish the unit within {took_s:.0f} s, opening the scene included."
        return f"{unit.node} didn't finish the unit within {took_s:.0f} s; {unit.duration_s:.0f} s were expected."

    def _timeout_s(self, unit: Assignment, deviation: float | None) -> float:
        render_s = UNKNOWN_TIMEOUT_S
        if deviation is not None:
            render_s = max(MIN_TIMEOUT_S, TIMEOUT_FACTOR * unit.duration_s * (1.0 + deviation))
        return (render_s + TIMEOUT_FACTOR * self.load_s) * RETRY_FACTOR**unit.block.failures
