"""Units that other nodes were given as well because their own takes too long: the first complete cover counts.

Pixels are the same whoever renders them, so nothing but time depends on who wins.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frontburner.plan.block import Block
    from frontburner.plan.in_flight import Assignment


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculationResult:
    """What the end of a unit decides.

    Parameters
    ----------
    counted
        Tickets of finished units that belong to the picture from now on.
    superseded
        Tickets of finished units that don't: their pixels were there before.
    call_back
        Tickets of units under way that nobody needs any more.
    drop
        The race whose pieces are to leave the pool.
    """

    counted: tuple[int, ...] = ()
    superseded: tuple[int, ...] = ()
    call_back: tuple[int, ...] = ()
    drop: int | None = None


@dataclass(slots=True, kw_only=True)
class _Race:
    left_px: int
    running: set[int] = field(default_factory=set)
    finished: list[int] = field(default_factory=list)
    alone: bool = False  # the unit it began with is gone: its pieces are all there is


class Speculation:
    """All races, each known by the ticket of the unit that is raced."""

    def __init__(self) -> None:
        self._speculation: dict[int, _Race] = {}
        self._barred: set[int] = set()

    def __contains__(self, ticket: int) -> bool:
        return ticket in self._speculation

    def may_begin(self, ticket: int, block: Block) -> bool:
        """Whether a unit can be raced: not twice, not a piece of another race."""
        return block.duplicate_of is None and ticket not in self._speculation and ticket not in self._barred

    def begin(self, assignment: Assignment) -> Block:
        """Begin a race; what is returned goes to the pool, to be cut and given to other nodes."""
        ticket, block = assignment.ticket, assignment.block
        self._speculation[ticket] = _Race(left_px=block.region.area)
        return block.as_duplicate(ticket, assignment.node)

    def started(self, ticket: int, block: Block) -> None:
        """Note that a node has a piece."""
        if block.duplicate_of is not None:
            self._speculation[block.duplicate_of].running.add(ticket)

    def finished(self, ticket: int, block: Block) -> SpeculationResult:
        """Settle what a finished unit decides."""
        if block.duplicate_of is None:
            race = self._speculation.pop(ticket, None)
            return SpeculationResult(counted=(ticket,)) if race is None else _won_by(ticket, race)
        race = self._speculation[block.duplicate_of]
        race.running.discard(ticket)
        race.left_px -= block.region.area
        if race.alone:
            if not race.left_px:
                del self._speculation[block.duplicate_of]
            return SpeculationResult(counted=(ticket,))
        race.finished.append(ticket)
        if race.left_px:
            return SpeculationResult()
        del self._speculation[block.duplicate_of]
        return SpeculationResult(counted=tuple(race.finished), call_back=(block.duplicate_of,))

    def gone(self, ticket: int, block: Block, *, failed: bool) -> tuple[SpeculationResult, bool]:
        """Settle what a unit that failed or was lost decides, and say whether its pixels are still to be rendered.

        The pieces of a unit that is gone are all of it. A piece that failed ends its race: the unit goes on alone.
        """
        race = self._speculation.get(ticket if block.duplicate_of is None else block.duplicate_of)
        if race is None:
            return SpeculationResult(), True
        if block.duplicate_of is None:
            race.alone = True
            return SpeculationResult(counted=tuple(race.finished)), False
        race.running.discard(ticket)
        if failed and not race.alone:
            return self.call_off(block.duplicate_of), False
        return SpeculationResult(), True

    def call_off(self, ticket: int) -> SpeculationResult:
        """End a race without a winner; its unit isn't raced again."""
        race = self._speculation.pop(ticket)
        self._barred.add(ticket)
        return SpeculationResult(superseded=tuple(race.finished), call_back=tuple(sorted(race.running)), drop=ticket)

    def drop(self, tickets: set[int]) -> tuple[int, ...]:
        """Forget races over units that are called back; returns the pieces of them that are finished.

        No other unit has their pixels any more.
        """
        dropped = [self._speculation.pop(ticket) for ticket in sorted(tickets & self._speculation.keys())]
        return tuple(ticket for race in dropped for ticket in race.finished)


def _won_by(ticket: int, race: _Race) -> SpeculationResult:
    return SpeculationResult(
        counted=(ticket,), superseded=tuple(race.finished), call_back=tuple(sorted(race.running)), drop=ticket
    )
