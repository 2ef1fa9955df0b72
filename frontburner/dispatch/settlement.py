"""Carries out what the end of a unit means: it counts, is superseded, cancelled or requeued, or its frame is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.dispatch.capacity import AHEAD_S, Capacity

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from frontburner.dispatch.messages import Farm
    from frontburner.plan.block import Block
    from frontburner.plan.in_flight import Assignment
    from frontburner.plan.planner import Planner
    from frontburner.plan.stragglers import SpeculationResult
    from storage.errors import FrontburnerError
    from tasks.spec import UnitRecord

CLOCK_TOLERANCE_S = 1.0
"""If the time between two units differs by more than this from what is seen here, the node's clock was set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredUnit:
    """A unit that is in the store since ``at_s``."""

    node: str
    block: Block
    render_s: float
    at_s: float


@dataclass(slots=True, kw_only=True)
class Completed:
    """Units in the store that are part of the pictures, each pixel and sample once, and ``pixel_samples`` of them all.

    While a unit is rendered on several nodes, its stored parts are undecided.
    """

    pixel_samples: int = 0
    _frames: dict[int, dict[int, Block]] = field(init=False, default_factory=dict)
    _undecided: dict[int, StoredUnit] = field(init=False, default_factory=dict)

    def of_frame(self, frame: int) -> Mapping[int, Block]:
        """Return the completed units of a frame, by ticket."""
        return self._frames.get(frame, {})

    def add(self, ticket: int, block: Block) -> None:
        """Add a unit."""
        self._frames.setdefault(block.frame, {})[ticket] = block
        self.pixel_samples += block.pixel_samples

    def drop(self, frame: int) -> None:
        """Remove all units of a frame."""
        self.pixel_samples -= sum(block.pixel_samples for block in self._frames.pop(frame, {}).values())
        self._undecided = {ticket: unit for ticket, unit in self._undecided.items() if unit.block.frame != frame}

    def store(self, ticket: int, stored: StoredUnit) -> None:
        """Note a stored unit that is undecided."""
        self._undecided[ticket] = stored

    def add_stored(self, tickets: Iterable[int]) -> None:
        """Add those of these units that are stored and undecided."""
        for ticket in tickets:
            if ticket in self._undecided:
                self.add(ticket, self._undecided.pop(ticket).block)

    def supersede(self, ticket: int) -> StoredUnit:
        """Drop a stored unit whose pixels another node finished first."""
        return self._undecided.pop(ticket)


@dataclass(slots=True)
class Overhead:
    """Measures the overhead of a unit: the time between two units of a node.

    Per node, when its last unit was seen to end, and when it ended by the node's own clock.
    """

    _ends: dict[str, tuple[float, float]] = field(default_factory=dict)

    def measure(self, done: Assignment, record: UnitRecord, now_s: float) -> float | None:
        """Return the overhead of a finished unit; None if the node didn't have it in time, or for its first unit.

        Opening the scene of another frame counts as overhead.
        """
        last = self._ends.pop(done.node, None)
        if record.reused:
            return None
        self._ends[done.node] = now_s, record.started_s + record.wall_s
        # Between blocks of the same unit there is no overhead.
        if last is None or done.index or done.assigned_s > last[0] + AHEAD_S:
            return None
        gap_s, seen_s = record.started_s - last[1], now_s - record.wall_s - last[0]
        return gap_s + record.load_s if abs(gap_s - seen_s) <= CLOCK_TOLERANCE_S else None

    def forget(self, node: str) -> None:
        """Forget a node's last unit: the time until its next one isn't overhead."""
        self._ends.pop(node, None)


@dataclass(slots=True, kw_only=True)
class Settlement:
    """Applies the end of units to farm, planner and completed units.

    Parameters
    ----------
    on_rendered
        Called with a frame when all its units are in the store.
    """

    planner: Planner
    farm: Farm
    clock: Callable[[], float]
    on_rendered: Callable[[int], None]
    capacity: Capacity = field(init=False)
    completed: Completed = field(init=False, default_factory=Completed)
    overhead: Overhead = field(init=False, default_factory=Overhead)
    failed_frames: dict[int, FrontburnerError] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.capacity = Capacity(planner=self.planner)

    def settle(self, result: SpeculationResult) -> None:
        """Add what counts, and drop and cancel what other nodes finished first."""
        self.completed.add_stored(result.counted)
        for ticket in result.superseded:
            unit = self.completed.supersede(ticket)
            wasted = ev.UnitWasted(
                at_s=self.clock(), node=unit.node, block=unit.block, seconds=unit.render_s, finished_s=unit.at_s
            )
            ev.announce(wasted)
        self.cancel(result.cancelled)
        self.farm.stop(result.superseded)

    def cancel(self, tickets: Sequence[int]) -> None:
        """Cancel units that are no longer needed."""
        now_s = self.clock()
        self.farm.stop(tickets)
        for ticket in tickets:
            rendering = self.planner.in_flight.is_rendering(ticket)
            cancelled = self.planner.cancel(ticket, now_s)
            if cancelled is not None:
                self.overhead.forget(cancelled.node)
                self.capacity.update(cancelled.node)
                seconds = now_s - cancelled.starts_s if rendering else 0.0
                ev.announce(ev.UnitWasted(at_s=now_s, node=cancelled.node, block=cancelled.block, seconds=seconds))

    def requeue(self, block: Block) -> None:
        """Return work to the pool."""
        self.planner.requeue(block)
        self.capacity.update_all()

    def take_back(self, units: Iterable[Assignment]) -> None:
        """Return units to the pool that their nodes won't render."""
        units = list(units)
        self.farm.stop([unit.ticket for unit in units])
        for unit in units:
            # A unit before it may have settled it already.
            if self.planner.in_flight.get(unit.ticket) is not None and self.abort(unit, failed=False):
                self.requeue(unit.block)

    def abort(self, unit: Assignment, *, failed: bool) -> bool:
        """Remove a unit that failed or was lost; returns whether its pixels must still be rendered."""
        result, wanted = self.planner.abort(unit.ticket, self.clock(), failed=failed)
        self.settle(result)
        return wanted

    def finish_stored(self, lost: Assignment) -> None:
        """Finish a unit that its node stored before it was lost."""
        now_s = self.clock()
        result = self.planner.finish(lost.ticket, now_s, render_s=None)
        self.completed.store(lost.ticket, StoredUnit(node=lost.node, block=lost.block, render_s=0.0, at_s=now_s))
        self.completed.add_stored(result.counted)
        self.announce_reused(lost.block)
        self.settle(result)

    def announce_reused(self, block: Block) -> None:
        """Announce a unit that was already in the store."""
        ev.announce(ev.UnitReused(at_s=self.clock(), block=block, pixel_samples_done=self.completed.pixel_samples))

    def fail_frame(self, frame: int, error: FrontburnerError) -> None:
        """Fail a frame and cancel its units."""
        self.cancel(self.planner.abandon(frame))
        self.failed_frames[frame] = error
        last_words = getattr(error, "last_words", "")
        ev.announce(ev.FrameFailed(at_s=self.clock(), frame=frame, reason=str(error), last_words=last_words))

    def check_rendered(self, frame: int) -> None:
        """Report a frame as rendered if all its units are in the store and it hasn't failed."""
        if not self.planner.pending(frame) and frame not in self.failed_frames:
            ev.announce(ev.FrameRendered(at_s=self.clock(), frame=frame))
            self.on_rendered(frame)
