"""What the dispatcher does when something goes wrong: units that fail, hang or are lost, and a store that is away."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.dispatch.failures import MOST_LOSSES, Fault, StoreTrouble, fault_of, hopeless, rest_s
from frontburner.dispatch.memory_limits import MemoryLimits
from frontburner.dispatch.timeouts import ExpectedUnit, Timeouts
from storage.errors import StoreError
from tasks.errors import UnitFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.dispatch.available_nodes import AvailableNodes
    from frontburner.dispatch.settlement import Settlement
    from frontburner.plan.block import Block
    from frontburner.plan.in_flight import Assignment
    from frontburner.plan.planner import Planner
    from storage.errors import FrontburnerError
    from tasks.spec import UnitRecord

LOOK_EVERY_S = 5.0
"""Seconds between two looks at whether units are late."""


@dataclass(slots=True, kw_only=True)
class Recovery:
    """Recovers what goes wrong, and sees that nothing goes on for ever.

    Parameters
    ----------
    attempts, recover
        As in `frontburner.dispatch.dispatcher.Dispatcher`.
    """

    settlement: Settlement
    available: AvailableNodes
    attempts: int
    recover: Callable[[int, Block], bool]
    _store: StoreTrouble = field(init=False, default_factory=StoreTrouble)
    _clocks: Timeouts = field(init=False, default_factory=Timeouts)
    _memory: MemoryLimits = field(init=False)
    _load_s: float = field(init=False, default=0.0)
    _looked_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._memory = MemoryLimits(planner=self._planner)

    @property
    def _planner(self) -> Planner:
        return self.settlement.planner

    def began(self, ticket: int, ago_s: float) -> None:
        """Note that a node renders a unit, since when."""
        self._clocks.began(ticket, self.settlement.clock() - ago_s)

    def waits(self, ticket: int, trouble: FrontburnerError | None) -> None:
        """Note that a node has a unit that it can't go on with, through trouble with the store or for its turn."""
        waiting = self._planner.in_flight.get(ticket)
        if waiting is not None:
            self._clocks.waits(ticket)
            if trouble is not None:
                self._see_store_away(waiting.node, trouble)

    def ended_well(self, done: Assignment, record: UnitRecord, *, short_of_memory: bool) -> None:
        """Take in a finished unit: what it says of its node, of the store, and of nodes that had failed on it."""
        self._memory.ended(done, short=short_of_memory)
        self._load_s = max(self._load_s, record.load_s)
        self._store.ends()
        for node in self.available.health.succeeded(done.node, done.block, self.settlement.clock()):
            self.available.judge(node)

    def fail(self, ticket: int, error: FrontburnerError) -> None:
        """Take in that an attempt failed: its work rests and goes elsewhere, unless there is no hope for it."""
        failed = self._planner.in_flight.get(ticket)
        if failed is None:
            return
        begun = self._planner.in_flight.begun(ticket)
        wanted = self.settlement.gone(failed, failed=True)
        self.settlement.overhead.forget(failed.node)
        fault = fault_of(error)
        if fault is Fault.MEMORY and not self._memory.helps(failed):
            fault = Fault.UNIT
        match fault:
            case Fault.UNIT:
                self._fail_unit(failed, error, wanted=wanted)
            case Fault.STORE:
                self._fail_through_store(failed, error, wanted=wanted, begun=begun)
            case Fault.MEMORY:
                self._tell_failed(failed, failed.block, error)
                self._rest(failed.block, rest_s(1), wanted=wanted)
        self.available.judge(failed.node)
        self.settlement.capacity.see(failed.node)
        self.settlement.see_rendered(failed.block.frame)

    def lose(self, node: str) -> None:
        """Take in that a node is gone, and what it had with it."""
        lost = self.available.leave(node)
        begun = lost[0].ticket if lost else None
        self.settlement.farm.stop([assignment.ticket for assignment in lost])
        ev.announce(ev.NodeLost(at_s=self.settlement.clock(), node=node, units=len(lost)))
        for assignment in lost:
            if self._planner.in_flight.get(assignment.ticket) is not None:  # or one before it has settled it
                self._recover(assignment, begun=assignment.ticket == begun)
        self.settlement.capacity.see_all()  # what has failed on all nodes that are left can be tried again

    def check(self) -> None:
        """Take units from nodes that are stuck with them, give up on a store that stays away, and wake what rested."""
        now_s = self.settlement.clock()
        self.available.check(now_s)
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._store.check({one.node for one in self._planner.in_flight}, now_s)
            self._check_late(now_s)
        self.available.wake(now_s)
        if self._planner.wake(now_s):
            self.settlement.capacity.see_all()

    def _fail_unit(self, failed: Assignment, error: FrontburnerError, *, wanted: bool) -> None:
        block = failed.block.failed_on(failed.node)
        self._tell_failed(failed, block, error)
        failed_elsewhere = failed.block.failures and failed.block.avoid - {failed.node}
        if not failed_elsewhere:  # else it is rather the unit's fault than the node's
            self.available.health.failed(failed.node, error.reason, unit=failed.given_s, now_s=self.settlement.clock())
        nodes, proven = self._planner.nodes.keys(), self.available.health.proven
        # Blocks of one unit fail together. Whose fault it was shows when each is rendered alone.
        judged = failed.of == 1 and (wanted or not error.retryable)
        if judged and hopeless(block, error, attempts=self.attempts, nodes=nodes, proven=proven):
            self.settlement.fail_frame(block.frame, error)
        else:
            self._rest(block, rest_s(block.failures), wanted=wanted)

    def _fail_through_store(self, failed: Assignment, error: FrontburnerError, *, wanted: bool, begun: bool) -> None:
        """Note that a unit came to nothing because of the store: nothing of it but its time is lost."""
        now_s = self.settlement.clock()
        seconds = now_s - failed.begins_s if begun else 0.0
        ev.announce(ev.UnitWasted(at_s=now_s, node=failed.node, block=failed.block, seconds=seconds))
        self._see_store_away(failed.node, error)
        self.available.health.failed(failed.node, error.reason, unit=failed.given_s, now_s=now_s, of_store=True)
        self.available.health.rest(failed.node, now_s + self._store.rest_s(now_s))
        self._rest(failed.block, self._store.rest_s(now_s), wanted=wanted)

    def _rest(self, block: Block, seconds: float, *, wanted: bool) -> None:
        if wanted:
            self._planner.backoff.put(block, self.settlement.clock() + seconds)

    def _tell_failed(self, failed: Assignment, block: Block, error: FrontburnerError) -> None:
        ev.announce(
            ev.UnitAttemptFailed(at_s=self.settlement.clock(), node=failed.node, block=block, reason=str(error))
        )

    def _see_store_away(self, node: str, error: FrontburnerError) -> None:
        now_s = self.settlement.clock()
        if self._store.begins(node, error, now_s):
            ev.announce(ev.StoreUnavailable(at_s=now_s, reason=error.reason, remedy=error.remedy))

    def _check_late(self, now_s: float) -> None:
        in_flight = self._planner.in_flight
        self._clocks.keep(one.ticket for one in in_flight)
        for one in list(in_flight):
            if in_flight.get(one.ticket) is not None:  # or the end of one before it has ended it too
                why = self._too_late(one, now_s)
                if why:
                    self._end_late(one, why)

    def _too_late(self, one: Assignment, now_s: float) -> str:
        """Say why a unit takes too long. How far predictions are off is asked of those alone for which it matters."""
        first = self._planner.in_flight.begun(one.ticket)
        if not self._clocks.too_late(one, self._expected(one, deviation=0.0), now_s, first=first):
            return ""
        deviation = self._planner.learning.deviation(one.block, one.node)
        return self._clocks.too_late(one, self._expected(one, deviation=deviation), now_s, first=first)

    def _expected(self, one: Assignment, *, deviation: float) -> ExpectedUnit:
        known = self._planner.cost.measured and one.node in self.available.health.proven
        return ExpectedUnit(known=known, deviation=deviation, load_s=self._load_s)

    def _end_late(self, late: Assignment, why: str) -> None:
        """Take a unit from its node, with all blocks of it that wait behind."""
        company = [one for one in self._planner.in_flight.of_node(late.node) if one.given_s == late.given_s]
        self.settlement.farm.stop([one.ticket for one in company])
        remedy = "Its renderer was ended; the unit is tried again."
        self.fail(late.ticket, UnitFailed(reason=why, remedy=remedy, retryable=True, unit="", node=late.node))
        self.settlement.take_back(one for one in company if one.ticket != late.ticket)

    def _recover(self, lost: Assignment, *, begun: bool) -> None:
        """Have a lost unit rendered again, unless its node stored it before it died and only didn't say so."""
        block = lost.block.lost() if begun else lost.block
        if self._is_stored(lost):
            self.settlement.found(lost)
        elif self.settlement.gone(lost, failed=False):
            if block.losses >= MOST_LOSSES:
                self.settlement.fail_frame(block.frame, _deadly(lost.node))
            else:
                self.settlement.give_back(block)
        self.settlement.see_rendered(block.frame)

    def _is_stored(self, lost: Assignment) -> bool:
        """Whether a lost unit is in the store; if that can't be said now, the next node will find out."""
        try:
            return self.recover(lost.ticket, lost.block)
        except StoreError as error:
            if not error.temporary:
                raise
            self._see_store_away(lost.node, error)
            return False


def _deadly(node: str) -> UnitFailed:
    return UnitFailed(
        reason=f"{MOST_LOSSES} nodes were lost while they rendered the same unit, the last one {node}.",
        remedy="See in their logs and system logs what ended them; most often it is memory.",
        retryable=True,
        unit="",
        node=node,
    )
