"""What of a job is in the store, and what of that belongs to its pictures: each pixel and sample once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from frontburner.plan.block import Block


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUnit:
    """A unit that is in the store since ``at_s``; whether it counts, a race may have yet to show."""

    node: str
    block: Block
    render_s: float
    at_s: float


@dataclass(slots=True, kw_only=True)
class Completed:
    """Units in the store, by ticket. ``pixel_samples`` is how much of them counts."""

    pixel_samples: int = 0
    _frames: dict[int, dict[int, Block]] = field(init=False, default_factory=dict)
    _undecided: dict[int, StoredUnit] = field(init=False, default_factory=dict)

    def of_frame(self, frame: int) -> Mapping[int, Block]:
        """Units of a frame that count."""
        return self._frames.get(frame, {})

    def count(self, ticket: int, block: Block) -> None:
        """Count a unit."""
        self._frames.setdefault(block.frame, {})[ticket] = block
        self.pixel_samples += block.pixel_samples

    def drop(self, frame: int) -> None:
        """Count nothing of a frame any more."""
        self.pixel_samples -= sum(block.pixel_samples for block in self._frames.pop(frame, {}).values())
        self._undecided = {ticket: own for ticket, own in self._undecided.items() if own.block.frame != frame}

    def store(self, ticket: int, stored: StoredUnit) -> None:
        """Take in a unit of which isn't known yet whether it counts."""
        self._undecided[ticket] = stored

    def count_stored(self, tickets: Iterable[int]) -> None:
        """Count those of these units that are stored and not counted yet."""
        for ticket in tickets:
            if ticket in self._undecided:
                self.count(ticket, self._undecided.pop(ticket).block)

    def supersede(self, ticket: int) -> StoredUnit:
        """Drop a unit whose pixels came from elsewhere first."""
        return self._undecided.pop(ticket)
