"""Recovers units that fail, time out or are lost, and waits out a store that is unavailable."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.dispatch.failures import MAX_LOSSES, Fault, StoreOutage, backoff_s, fails_frame, fault_of
from frontburner.dispatch.timeouts import Timeouts
from frontburner.plan.unit_sizer import Mode
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

CHECK_EVERY_S = 5.0
"""Seconds between two checks for timeouts."""
SMALLER = 0.5
LARGER = 1.25
"""Change of a node's largest unit when its memory was too short, and when it wasn't."""
RECALLED_BACKOFF_S = 1.0
"""A node that gave its machine back gets no unit for so long; meanwhile the farm withholds it."""
MIN_LIMITED_PX = 1024
"""If a unit is smaller than this, memory is taken by the scene."""


@dataclass(slots=True, kw_only=True)
class Recovery:
    """Recovers from failures, and makes sure that nothing takes forever.

    Parameters
    ----------
    attempts, recover
        As in `frontburner.dispatch.dispatcher.Dispatcher`.
    """

    settlement: Settlement
    available: AvailableNodes
    attempts: int
    recover: Callable[[int, Block], bool]
    _store: StoreOutage = field(init=False, default_factory=StoreOutage)
    _timeouts: Timeouts = field(init=False, default_factory=Timeouts)
    _checked_s: float = field(init=False, default=0.0)

    @property
    def _planner(self) -> Planner:
        return self.settlement.planner

    def began(self, ticket: int, ago_s: float) -> None:
        """Note that a node began to render a unit."""
        self._timeouts.began(ticket, self.settlement.clock() - ago_s)

    def waits(self, ticket: int, error: FrontburnerError | None) -> None:
        """Note that a node can't go on with a unit: it waits for another one or, with an error, for the store."""
        unit = self._planner.in_flight.get(ticket)
        if unit is not None:
            self._timeouts.waits(ticket)
            if error is not None:
                self._add_store_error(unit.node, error)

    def finished(self, done: Assignment, record: UnitRecord, *, short_of_memory: bool) -> None:
        """Learn from a finished unit about its node, the store, and nodes it failed on."""
        _adjust_units(self._planner, done, short=short_of_memory)
        self._timeouts.load_s = max(self._timeouts.load_s, record.load_s)
        self._store.end()
        for node in self.available.health.succeeded(done.node, done.block, self.settlement.clock()):
            self.available.check_health(node)

    def fail(self, ticket: int, error: FrontburnerError) -> None:
        """Handle a failed attempt: retry it elsewhere after a backoff, or fail the frame."""
        failed = self._planner.in_flight.get(ticket)
        if failed is None:
            return
        rendering = self._planner.in_flight.is_rendering(ticket)
        wanted = self.settlement.abort(failed, failed=True)
        self.settlement.overhead.forget(failed.node)
        fault = fault_of(error)
        if fault is Fault.MEMORY and not _reduce_units(self._planner, failed):
            fault = Fault.UNIT
        match fault:
            case Fault.UNIT:
                self._fail_unit(failed, error, wanted=wanted)
            case Fault.STORE:
                self._fail_through_store(failed, error, wanted=wanted, rendering=rendering)
            case Fault.NOBODY:
                self._render_elsewhere(failed, wanted=wanted, rendering=rendering)
            case Fault.MEMORY:
                self._announce_failure(failed, failed.block, error)
                self._retry(failed.block, backoff_s(1), wanted=wanted)
        self.available.check_health(failed.node)
        self.settlement.capacity.update(failed.node)
        self.settlement.check_rendered(failed.block.frame)

    def lose(self, node: str) -> None:
        """Handle the loss of a node and of what it had in flight."""
        lost = self.available.remove(node)
        self.settlement.farm.stop([unit.ticket for unit in lost])
        ev.announce(ev.NodeLost(at_s=self.settlement.clock(), node=node, units=len(lost)))
        for index, unit in enumerate(lost):
            if self._planner.in_flight.get(unit.ticket) is not None:  # one before it may have settled it
                self._recover(unit, rendering=index == 0)
        self.settlement.capacity.update_all()  # work that failed on all remaining nodes can be retried

    def check(self) -> None:
        """Check for timeouts, store outages and missing nodes, and resume what has backed off."""
        now_s = self.settlement.clock()
        self.available.check_any(now_s)
        if now_s - self._checked_s >= CHECK_EVERY_S:
            self._checked_s = now_s
            self._store.check({unit.node for unit in self._planner.in_flight}, now_s)
            self._check_timeouts(now_s)
        self.available.resume(now_s)
        if self._planner.requeue_due(now_s):
            self.settlement.capacity.update_all()

    def _fail_unit(self, failed: Assignment, error: FrontburnerError, *, wanted: bool) -> None:
        block = failed.block.failed_on(failed.node)
        self._announce_failure(failed, block, error)
        failed_elsewhere = failed.block.failures and failed.block.avoid - {failed.node}
        if not failed_elsewhere:  # otherwise the unit is more likely to blame than the node
            self.available.health.failed(
                failed.node, error.reason, unit=failed.assigned_s, now_s=self.settlement.clock()
            )
        nodes, proven = self._planner.nodes.keys(), self.available.health.proven
        # Blocks of one unit fail together. Which one is to blame shows when each is rendered alone.
        conclusive = failed.unit_size == 1 and (wanted or not error.retryable)
        if conclusive and fails_frame(block, error, attempts=self.attempts, nodes=nodes, proven=proven):
            self.settlement.fail_frame(block.frame, error)
        else:
            self._retry(block, backoff_s(block.failures), wanted=wanted)

    def _fail_through_store(
        self, failed: Assignment, error: FrontburnerError, *, wanted: bool, rendering: bool
    ) -> None:
        """Handle a unit that couldn't be stored: only its time is lost."""
        now_s = self.settlement.clock()
        self._announce_waste(failed, rendering=rendering)
        self._add_store_error(failed.node, error)
        self.available.health.failed(failed.node, error.reason, unit=failed.assigned_s, now_s=now_s, of_store=True)
        self.available.health.back_off(failed.node, now_s + self._store.backoff_s(now_s))
        self._retry(failed.block, self._store.backoff_s(now_s), wanted=wanted)

    def _render_elsewhere(self, recalled: Assignment, *, wanted: bool, rendering: bool) -> None:
        """Put a unit back at once whose node gave its machine back: only its time is lost."""
        self._announce_waste(recalled, rendering=rendering)
        self.available.health.back_off(recalled.node, self.settlement.clock() + RECALLED_BACKOFF_S)
        if wanted:
            self.settlement.requeue(recalled.block)

    def _announce_waste(self, ended: Assignment, *, rendering: bool) -> None:
        now_s = self.settlement.clock()
        seconds = now_s - ended.starts_s if rendering else 0.0
        ev.announce(ev.UnitWasted(at_s=now_s, node=ended.node, block=ended.block, seconds=seconds))

    def _retry(self, block: Block, seconds: float, *, wanted: bool) -> None:
        if wanted:
            self._planner.backoff.put(block, self.settlement.clock() + seconds)

    def _announce_failure(self, failed: Assignment, block: Block, error: FrontburnerError) -> None:
        ev.announce(
            ev.UnitAttemptFailed(at_s=self.settlement.clock(), node=failed.node, block=block, reason=str(error))
        )

    def _add_store_error(self, node: str, error: FrontburnerError) -> None:
        now_s = self.settlement.clock()
        if self._store.add(node, error, now_s):
            ev.announce(ev.StoreUnavailable(at_s=now_s, reason=error.reason, remedy=error.remedy))

    def _check_timeouts(self, now_s: float) -> None:
        in_flight = self._planner.in_flight
        self._timeouts.retain(unit.ticket for unit in in_flight)
        for unit in list(in_flight):
            if in_flight.get(unit.ticket) is not None:  # the timeout of one before it may have ended it
                why = self._timed_out(unit, now_s)
                if why:
                    self._end(unit, why)

    def _timed_out(self, unit: Assignment, now_s: float) -> str:
        """Return why a unit has timed out. The deviation takes time to compute, so it is only used if it matters."""
        first = self._planner.in_flight.is_rendering(unit.ticket)
        known = self._planner.cost.measured and unit.node in self.available.health.proven
        why = self._timeouts.check(unit, now_s, first=first, deviation=0.0 if known else None)
        if why and known:
            deviation = self._planner.learning.deviation(unit.block, unit.node)
            why = self._timeouts.check(unit, now_s, first=first, deviation=deviation)
        return why

    def _end(self, late: Assignment, why: str) -> None:
        """End a unit on its node, with all its blocks."""
        of_node = self._planner.in_flight.of_node(late.node)
        unit = [assignment for assignment in of_node if assignment.assigned_s == late.assigned_s]
        self.settlement.farm.stop([assignment.ticket for assignment in unit])
        remedy = "Its renderer was ended; the unit is tried again."
        self.fail(late.ticket, UnitFailed(reason=why, remedy=remedy, retryable=True, unit="", node=late.node))
        self.settlement.take_back(assignment for assignment in unit if assignment.ticket != late.ticket)

    def _recover(self, lost: Assignment, *, rendering: bool) -> None:
        """Have a lost unit rendered again, unless its node stored it but couldn't report that any more."""
        block = lost.block.lost() if rendering else lost.block
        if self._is_stored(lost):
            self.settlement.finish_stored(lost)
        elif self.settlement.abort(lost, failed=False):
            if block.losses >= MAX_LOSSES:
                self.settlement.fail_frame(block.frame, _lost_too_often(lost.node))
            else:
                self.settlement.requeue(block)
        self.settlement.check_rendered(block.frame)

    def _is_stored(self, lost: Assignment) -> bool:
        """Whether a lost unit is in the store; False if the store is unavailable: the next node will find it."""
        try:
            return self.recover(lost.ticket, lost.block)
        except StoreError as error:
            if not error.temporary:
                raise
            self._add_store_error(lost.node, error)
            return False


def _lost_too_often(node: str) -> UnitFailed:
    return UnitFailed(
        reason=f"{MAX_LOSSES} nodes were lost while they rendered the same unit, the last one {node}.",
        remedy="Their logs and system logs show what ended them; most often they ran out of memory.",
        retryable=True, unit="", node=node,
    )  # fmt: skip


def _reduce_units(planner: Planner, failed: Assignment) -> bool:
    """Give a node smaller units after one it had too little memory for; whether that can help."""
    area, max_px = failed.block.region.area, planner.max_px.get(failed.node)
    uncuttable = max_px is not None and area > 2 * max_px
    if planner.mode is Mode.FRAMES or area < MIN_LIMITED_PX or uncuttable:
        return False
    planner.max_px[failed.node] = area * SMALLER
    return True


def _adjust_units(planner: Planner, done: Assignment, *, short: bool) -> None:
    """Adjust the size of a node's units after one for which memory was short, or wasn't."""
    max_px, area = planner.max_px.get(done.node), done.block.region.area
    if short and area >= MIN_LIMITED_PX:
        planner.max_px[done.node] = min(area * SMALLER, max_px or area)
    elif max_px is not None and not short and 2 * area > max_px:
        planner.max_px[done.node] = max_px * LARGER
        if planner.max_px[done.node] >= planner.region.area:
            del planner.max_px[done.node]
