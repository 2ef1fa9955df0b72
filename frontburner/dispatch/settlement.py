"""What units and frames come to: counted, superseded, called back, given back, rendered or failed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.dispatch.capacity import Capacity
from frontburner.dispatch.completed import Completed, StoredUnit
from frontburner.dispatch.overhead import Overhead

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from frontburner.dispatch.messages import Farm
    from frontburner.plan.block import Block
    from frontburner.plan.in_flight import Assignment
    from frontburner.plan.planner import Planner
    from frontburner.plan.speculation import SpeculationResult
    from storage.errors import FrontburnerError


@dataclass(slots=True, kw_only=True)
class Settlement:
    """Carries out on farm, planner and tally what the end of a unit decides.

    Parameters
    ----------
    on_rendered
        Called with a frame all of whose units are in the store.
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

    def settle(self, settlement: SpeculationResult) -> None:
        """Count what belongs to the picture, and let go of what another was faster with."""
        self.completed.count_stored(settlement.counted)
        for ticket in settlement.superseded:
            late = self.completed.supersede(ticket)
            waste = ev.UnitWasted(
                at_s=self.clock(), node=late.node, block=late.block, seconds=late.render_s, finished_s=late.at_s
            )
            ev.announce(waste)
        self.call_back(settlement.call_back)
        self.farm.stop(settlement.superseded)

    def call_back(self, tickets: Sequence[int]) -> None:
        """End units that nobody needs any more."""
        now_s = self.clock()
        self.farm.stop(tickets)
        for ticket in tickets:
            begun = self.planner.in_flight.begun(ticket)
            ended = self.planner.call_back(ticket, now_s)
            if ended is not None:
                self.overhead.forget(ended.node)
                self.capacity.see(ended.node)
                seconds = now_s - ended.begins_s if begun else 0.0
                ev.announce(ev.UnitWasted(at_s=now_s, node=ended.node, block=ended.block, seconds=seconds))

    def take_back(self, units: Iterable[Assignment]) -> None:
        """Return units that nodes have and won't render to the pool."""
        taken = list(units)
        self.farm.stop([assignment.ticket for assignment in taken])
        for assignment in taken:
            if self.planner.in_flight.get(assignment.ticket) is not None and self.gone(assignment, failed=False):
                self.give_back(assignment.block)  # else one before it has settled it

    def gone(self, assignment: Assignment, *, failed: bool) -> bool:
        """Forget a unit that came to nothing; whether its pixels are still wanted."""
        settlement, wanted = self.planner.gone(assignment.ticket, self.clock(), failed=failed)
        self.settle(settlement)
        return wanted

    def give_back(self, block: Block) -> None:
        """Return work to the pool."""
        self.planner.give_back(block)
        self.capacity.see_all()

    def found(self, lost: Assignment) -> None:
        """Count in a unit that its node had stored before it could say so."""
        now_s = self.clock()
        settlement = self.planner.finish(lost.ticket, now_s, render_s=None)
        self.completed.store(lost.ticket, StoredUnit(node=lost.node, block=lost.block, render_s=0.0, at_s=now_s))
        self.completed.count_stored(settlement.counted)
        self.tell_reused(lost.block)
        self.settle(settlement)

    def tell_reused(self, block: Block) -> None:
        """Announce a unit that was there."""
        ev.announce(ev.UnitReused(at_s=self.clock(), block=block, pixel_samples_done=self.completed.pixel_samples))

    def fail_frame(self, frame: int, error: FrontburnerError) -> None:
        """Give a frame up, with all that is under way of it."""
        self.call_back(self.planner.abandon(frame))
        self.failed_frames[frame] = error
        words = getattr(error, "last_words", "")
        ev.announce(ev.FrameFailed(at_s=self.clock(), frame=frame, reason=str(error), last_words=words))

    def see_rendered(self, frame: int) -> None:
        """Say that a frame is rendered, if nothing of it is missing any more and it hasn't failed."""
        if not self.planner.pending(frame) and frame not in self.failed_frames:
            ev.announce(ev.FrameRendered(at_s=self.clock(), frame=frame))
            self.on_rendered(frame)
