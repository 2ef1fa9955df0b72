"""Stragglers: units that take too long are rendered on idle nodes as well, and the first complete result counts.

This is speculative execution. Pixels are the same whoever renders them, so only the time depends on who is first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from frontburner.plan.block import Block
    from frontburner.plan.in_flight import Assignment, InFlight
    from frontburner.plan.learning import Learning

TAKE_OVER_GAIN = 0.75
"""A straggler is duplicated if that takes less than this part of the time its own node still needs."""
WASTE_LIMIT = 0.25
"""No more units are duplicated once duplicates make up this part of all the job's work."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeculationResult:
    """Consequences of the end of a unit.

    Parameters
    ----------
    counted
        Tickets of finished units that are part of the picture from now on.
    superseded
        Tickets of finished units that aren't: another node was faster.
    cancelled
        Tickets of units in flight that are no longer needed.
    drop_duplicates_of
        Ticket of a straggler whose duplicates are to leave the pool.
    """

    counted: tuple[int, ...] = ()
    superseded: tuple[int, ...] = ()
    cancelled: tuple[int, ...] = ()
    drop_duplicates_of: int | None = None


@dataclass(slots=True, kw_only=True)
class _Duplicates:
    """The duplicates of one straggler, the original."""

    missing_px: int
    running: set[int] = field(default_factory=set)
    finished: list[int] = field(default_factory=list)
    original_gone: bool = False

    def superseded_by(self, counted: tuple[int, ...], original: int) -> SpeculationResult:
        """Return what follows if the duplicates are no longer needed."""
        return SpeculationResult(
            counted=counted, superseded=tuple(self.finished), cancelled=tuple(sorted(self.running)),
            drop_duplicates_of=original,
        )  # fmt: skip


class Speculation:
    """All stragglers that are being duplicated, by ticket."""

    def __init__(self) -> None:
        self._duplicates: dict[int, _Duplicates] = {}
        self._barred: set[int] = set()

    def may_begin(self, ticket: int, block: Block) -> bool:
        """Whether a unit can be duplicated: only once, and no duplicate itself."""
        return block.duplicate_of is None and ticket not in self._duplicates and ticket not in self._barred

    def begin(self, straggler: Assignment) -> Block:
        """Duplicate a unit; the returned block goes to the pool, to be cut and given to other nodes."""
        self._duplicates[straggler.ticket] = _Duplicates(missing_px=straggler.block.region.area)
        return straggler.block.as_duplicate(straggler.ticket, straggler.node)

    def started(self, ticket: int, block: Block) -> None:
        """Note that a block was given to a node."""
        if block.duplicate_of is not None:
            self._duplicates[block.duplicate_of].running.add(ticket)

    def finished(self, ticket: int, block: Block) -> SpeculationResult:
        """Note that a unit finished."""
        original = block.duplicate_of
        if original is None:
            beaten = self._duplicates.pop(ticket, None)
            return SpeculationResult(counted=(ticket,)) if beaten is None else beaten.superseded_by((ticket,), ticket)
        duplicates = self._duplicates[original]
        duplicates.running.discard(ticket)
        duplicates.missing_px -= block.region.area
        if not duplicates.missing_px:
            del self._duplicates[original]
        if duplicates.original_gone:
            return SpeculationResult(counted=(ticket,))
        duplicates.finished.append(ticket)
        if duplicates.missing_px:
            return SpeculationResult()
        return SpeculationResult(counted=tuple(duplicates.finished), cancelled=(original,))

    def aborted(self, ticket: int, block: Block, *, failed: bool) -> tuple[SpeculationResult, bool]:
        """Note that a unit failed or was lost; returns also whether its pixels must still be rendered.

        If the original is gone, its duplicates replace it. If a duplicate failed, the original goes on alone.
        """
        original = ticket if block.duplicate_of is None else block.duplicate_of
        duplicates = self._duplicates.get(original)
        if duplicates is None:
            return SpeculationResult(), True
        if original == ticket:
            duplicates.original_gone = True
            return SpeculationResult(counted=tuple(duplicates.finished)), False
        duplicates.running.discard(ticket)
        if failed and not duplicates.original_gone:
            del self._duplicates[original]
            self._barred.add(original)
            return duplicates.superseded_by((), original), False
        return SpeculationResult(), True

    def drop(self, tickets: set[int]) -> tuple[int, ...]:
        """Forget originals that are cancelled; returns their finished duplicates, which now count."""
        dropped = [self._duplicates.pop(ticket) for ticket in sorted(tickets & self._duplicates.keys())]
        return tuple(ticket for duplicates in dropped for ticket in duplicates.finished)


@dataclass(slots=True, kw_only=True)
class Stragglers:
    """Chooses the units to duplicate, as long as not too much is rendered twice.

    Parameters
    ----------
    duplicated_s
        Work duplicated so far, in seconds of a node of speed 1.
    """

    learning: Learning
    in_flight: InFlight
    speculation: Speculation
    duplicated_s: float = field(init=False, default=0.0)

    def take_over(self, node: str, now_s: float, *, done_s: float, alone: bool) -> Block | None:
        """Return the duplicate of a straggler for an idle node; None if that isn't worth it.

        Parameters
        ----------
        done_s
            Finished work of the job.
        alone
            Whether this node must render all of it; otherwise other nodes will help.
        """
        if self.in_flight.count(node) or not self.learning.cost.measured:
            return None  # a node with short units asks ahead of time: it isn't idle
        candidates = [unit for unit in self.in_flight if self.speculation.may_begin(unit.ticket, unit.block)]
        if not candidates or self.duplicated_s > WASTE_LIMIT * (done_s + self.in_flight.work_left(now_s)):
            return None
        last = max(candidates, key=lambda unit: unit.seconds_left(now_s))
        if self._duplicate_s(last, node, now_s, alone=alone) > TAKE_OVER_GAIN * last.seconds_left(now_s):
            return None
        self.duplicated_s += self.learning.price(last.block)
        return self.speculation.begin(last)

    def _duplicate_s(self, straggler: Assignment, node: str, now_s: float, *, alone: bool) -> float:
        """Seconds until other nodes could have rendered a straggler, and before that all they have in flight."""
        work, speed = self.learning.price(straggler.block), self.learning.speed(node)
        if not alone:
            own_speed = self.learning.speed(straggler.node)
            own_work = own_speed * max(0.0, straggler.ends_s - now_s)
            work += max(0.0, self.in_flight.work_left(now_s) - own_work)
            speed = self.learning.farm_speed - own_speed
        return work / speed + self.learning.unit_overhead_s
