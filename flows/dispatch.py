"""The driver between planner and farm: hands out units a few a node, learns, and recovers what is lost.

It holds no plan and no Dask: the planner decides, a `flows.messages.Farm` carries out, and tests and simulations
bring a farm and a clock of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows import events as ev
from flows.conduct import Conduct
from flows.failures import MOST_LOSSES, Fault, StoreTrouble, fault_of, hopeless, rest_s
from flows.gaps import Gaps
from flows.hunger import Hunger
from flows.memory import Memory
from flows.messages import POLL_S, Began, Damaged, Failed, Finished, Joined, Left, Refused, Waiting, Withheld
from flows.tally import Stored, Tally
from flows.timeouts import Clocks, Expected
from storage.errors import FrontburnerError, StoreError
from tasks.errors import UnitFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flows.messages import Farm, Message
    from flows.plan.block import Block
    from flows.plan.planner import Planner
    from flows.plan.races import Settlement
    from flows.plan.under_way import Assignment
    from tasks.spec import UnitRecord


LOOK_EVERY_S = 1.0
"""Seconds between two looks at whether units are late."""


@dataclass(slots=True, kw_only=True)
class Dispatcher:
    """Renders what the planner has left, on the farm's nodes.

    Parameters
    ----------
    planner, farm, clock
        What to do, who does it, and seconds that only ever grow.
    attempts
        Failed attempts after which a unit fails its frame.
    between
        Called at every turn of the loop, at least every `POLL_S`: whatever it raises ends the dispatch.
    on_rendered
        Called with a frame and its tickets when all its units are in the store.
    recover
        Called with a lost unit's ticket and block: has it loaded and says True if it is in the store after all.
    forecast
        Makes of the seconds until all is rendered those until the job ends, where a limit ends it earlier.
    no_node_timeout_s
        How long to wait without a single node before giving up.
    """

    planner: Planner
    farm: Farm
    clock: Callable[[], float]
    attempts: int = 3
    between: Callable[[], None] = lambda: None
    on_rendered: Callable[[int, Sequence[int]], None] = lambda frame, tickets: None  # noqa: ARG005
    recover: Callable[[int, Block], bool] = lambda ticket, block: False  # noqa: ARG005
    forecast: Callable[[float | None], float | None] = lambda seconds_left: seconds_left
    no_node_timeout_s: float = 300.0
    failed_frames: dict[int, FrontburnerError] = field(init=False, default_factory=dict)
    tally: Tally = field(init=False, default_factory=Tally)
    _tickets: int = field(init=False, default=0)
    _hunger: Hunger = field(init=False)
    _raced: set[int] = field(init=False, default_factory=set)
    _gaps: Gaps = field(init=False, default_factory=Gaps)
    _node_seen_s: float = field(init=False, default=0.0)
    _withheld: dict[str, str] = field(init=False, default_factory=dict)
    _winding_up: bool = field(init=False, default=False)
    _conduct: Conduct = field(init=False, default_factory=Conduct)
    _store: StoreTrouble = field(init=False, default_factory=StoreTrouble)
    _memory: Memory = field(init=False)
    _clocks: Clocks = field(init=False, default_factory=Clocks)
    _load_s: float = field(init=False, default=0.0)
    _offered: set[str] = field(init=False, default_factory=set)
    _looked_s: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self._hunger = Hunger(planner=self.planner)
        self._memory = Memory(planner=self.planner)

    def run(self) -> None:
        """Dispatch until every frame is rendered or has failed, or `wind_up` was asked for.

        Units under way are called back on any error.
        """
        self._node_seen_s = self.clock()
        try:
            for work in [work for work in self.planner.frames if not self.planner.pending(work.frame)]:
                self._rendered(work.frame)
            while self._goes_on:
                if not self._winding_up:
                    self._fill()
                for message in self.farm.messages(POLL_S):
                    self._handle(message)
                self._check_nodes()
                self._check_units()
                self._wake()
                self.between()
        finally:
            self.farm.stop([assignment.ticket for assignment in self.planner.under_way])

    @property
    def _goes_on(self) -> bool:
        left = not self.planner.exhausted or bool(self.planner.resting)
        return bool(len(self.planner.under_way)) or (left and not self._winding_up)

    def wind_up(self) -> None:
        """Hand out nothing more: `run` returns when the units that nodes have begun are done."""
        self._winding_up = True
        for node in {assignment.node for assignment in self.planner.under_way}:
            self._take_back(node)

    @property
    def pixel_samples_done(self) -> int:
        """Pixels × samples that count, those of earlier runs included."""
        return self.tally.pixel_samples

    def adopt(self, block: Block, ticket: int) -> None:
        """Count in a unit that exists already."""
        self.tally.count(ticket, block)
        self._tell_reused(block)

    def done(self, frame: int) -> Mapping[int, Block]:
        """Return the units of a frame that are in the store, by ticket: each pixel and sample once."""
        return self.tally.of_frame(frame)

    def end_frame(self, frame: int, sample_stop: int) -> None:
        """End a frame at a number of samples: what goes beyond is handed out no more, and called back where it is.

        Units that are finished stay among those `done`. The frame is rendered when nothing below ``sample_stop`` is
        missing.
        """
        pending = self.planner.pending(frame)
        self._settle(self.planner.drop_after(frame, sample_stop))
        if pending:
            self._see_rendered(frame)

    def new_ticket(self) -> int:
        """Return a number no other unit of this dispatch has."""
        self._tickets += 1
        return self._tickets

    def _fill(self) -> None:
        """Give every node what it can hold, nodes that have nothing first."""
        while hungry := self._hunger.nodes():
            for node in hungry:
                if self._conduct.rests(node):
                    self._hunger.forget(node)
                    continue
                blocks = self.planner.next_blocks(node, self.clock())
                if blocks:
                    self._give(node, {self.new_ticket(): block for block in blocks})
                elif self.planner.exhausted:
                    return  # and nothing is worth racing, whoever asks
                else:
                    self._hunger.forget(node)  # until something changes: all that is left has failed on it

    def _give(self, node: str, units: dict[int, Block]) -> None:
        now_s = self.clock()
        self.planner.start(units, node, now_s)
        self.farm.start(units, node)
        self._hunger.see(node)
        for block in units.values():
            if block.race is not None:
                self._see_race(block.race, by=node)
            ev.announce(ev.UnitStarted(at_s=now_s, node=node, block=block))

    def _see_race(self, ticket: int, *, by: str) -> None:
        """Announce a race when its first piece is given out."""
        late = self.planner.under_way.get(ticket)
        if ticket not in self._raced and late is not None:
            self._raced.add(ticket)
            ev.announce(ev.UnitTakenOver(at_s=self.clock(), node=late.node, block=late.block, by=by))

    def _handle(self, message: Message) -> None:
        match message:
            case Joined(node=node):
                self._offered.add(node)
                self._withheld.pop(node, None)
                self._admit(node)
            case Withheld(node=node, why=why):
                self._offered.discard(node)
                self._withheld[node] = why
                self._keep_from(node, why)
            case Refused(node=node, reason=reason):
                ev.announce(ev.NodeRefused(at_s=self.clock(), node=node, reason=reason))
            case Left(node=node):
                self._lose(node)
            case _:
                self._handle_unit(message)

    def _handle_unit(self, message: Message) -> None:
        match message:
            case Began(ticket=ticket, ago_s=ago_s):
                self._clocks.began(ticket, self.clock() - ago_s)
            case Waiting(ticket=ticket, trouble=trouble):
                self._wait(ticket, trouble)
            case Finished(ticket=ticket, record=record, short_of_memory=short):
                self._finish(ticket, record, short=short)
            case Failed(ticket=ticket, error=error):
                self._fail(ticket, error)
            case Damaged(node=node, frame=frame, reason=reason):
                ev.announce(ev.UnitDamaged(at_s=self.clock(), node=node, frame=frame, reason=reason))

    def pardon(self, node: str) -> None:
        """Have a node back that was set aside: somebody has mended it."""
        if self._conduct.pardon(node) and node in self._offered:
            self._admit(node)

    def _admit(self, node: str) -> None:
        """Give a node work, unless it is set aside: that ends by itself, or when it is started anew."""
        if not self._conduct.is_aside(node):
            self.planner.join(node)
            self._hunger.see(node)
            ev.announce(ev.NodeJoined(at_s=self.clock(), node=node))

    def _keep_from(self, node: str, why: str) -> None:
        """Give a node nothing more. What it hasn't begun goes back to the pool."""
        self._hunger.forget(node)
        self.planner.leave(node)
        ev.announce(ev.NodeWithheld(at_s=self.clock(), node=node, why=why))
        self._take_back(node)

    def _take_back(self, node: str) -> None:
        """Return what a node has and hasn't begun to the pool."""
        waiting = self.planner.under_way.not_begun(node)
        self.farm.stop([assignment.ticket for assignment in waiting])
        for assignment in waiting:
            if self.planner.under_way.get(assignment.ticket) is not None:  # or one before it has settled it
                self._take_apart(assignment)

    def _take_apart(self, assignment: Assignment, block: Block | None = None) -> None:
        """Forget a unit that won't be rendered, and return what is still wanted of it, or ``block``, to the pool."""
        settlement, wanted = self.planner.gone(assignment.ticket, self.clock(), failed=False)
        self._settle(settlement)
        if wanted:
            self._give_back(block or assignment.block)

    def _finish(self, ticket: int, record: UnitRecord, *, short: bool = False) -> None:
        now_s, done = self.clock(), self.planner.under_way.get(ticket)
        if done is None:
            return
        gap_s = self._gaps.ended(done, record, now_s)
        if gap_s is not None:
            self.planner.learn_overhead(gap_s)
        render_s = None if record.reused else max(record.wall_s - record.load_s, 0.0)
        settlement = self.planner.finish(ticket, now_s, render_s=render_s, costs=record.costs)
        self.tally.store(ticket, Stored(node=done.node, block=done.block, render_s=render_s or 0.0, at_s=now_s))
        self._memory.ended(done, short=short)
        self._hunger.see(done.node)
        self._load_s = max(self._load_s, record.load_s)
        self._store.ends()
        to_blame = self._conduct.succeeded(done.node, done.block, now_s)
        self.tally.count_stored(settlement.counted)
        ev.announce(
            ev.UnitFinished(
                at_s=now_s,
                node=done.node,
                block=done.block,
                record=record,
                predicted_s=done.predicted_s,
                seconds_left=self.forecast(self.planner.seconds_left(now_s)),
                pixel_samples_done=self.tally.pixel_samples,
            )
        )
        self._settle(settlement)
        self._see_rendered(done.block.frame)
        for node in to_blame:
            self._set_aside(node)

    def _settle(self, settlement: Settlement) -> None:
        """Count what belongs to the picture, and let go of what another was faster with."""
        self.tally.count_stored(settlement.counted)
        for ticket in settlement.superseded:
            late = self.tally.supersede(ticket)
            waste = ev.UnitWasted(
                at_s=self.clock(), node=late.node, block=late.block, seconds=late.render_s, finished_s=late.at_s
            )
            ev.announce(waste)
        self._call_back(settlement.call_back)
        self.farm.stop(settlement.superseded)

    def _tell_reused(self, block: Block) -> None:
        ev.announce(ev.UnitReused(at_s=self.clock(), block=block, pixel_samples_done=self.tally.pixel_samples))

    def _call_back(self, tickets: Sequence[int]) -> None:
        """End units that nobody needs any more."""
        now_s = self.clock()
        self.farm.stop(tickets)
        for ticket in tickets:
            begun = self.planner.under_way.begun(ticket)
            ended = self.planner.call_back(ticket, now_s)
            if ended is not None:
                self._gaps.forget(ended.node)
                self._hunger.see(ended.node)
                seconds = now_s - ended.begins_s if begun else 0.0
                ev.announce(ev.UnitWasted(at_s=now_s, node=ended.node, block=ended.block, seconds=seconds))

    def _fail(self, ticket: int, error: FrontburnerError) -> None:
        failed = self.planner.under_way.get(ticket)
        if failed is None:
            return
        now_s, fault = self.clock(), fault_of(error)
        if fault is Fault.MEMORY and not self._memory.helps(failed):
            fault = Fault.UNIT
        begun = self.planner.under_way.begun(ticket)
        settlement, wanted = self.planner.gone(ticket, now_s, failed=True)
        self._gaps.forget(failed.node)
        self._settle(settlement)
        match fault:
            case Fault.STORE:
                self._fail_through_store(failed, error, seconds=now_s - failed.begins_s if begun else 0.0)
                block, rest = failed.block, self._store.rest_s(now_s)
            case Fault.MEMORY:
                block, rest = failed.block, rest_s(1)
                self._tell_failed(failed, block, error)
            case Fault.UNIT:
                block = failed.block.failed_on(failed.node)
                rest = rest_s(block.failures)
                self._tell_failed(failed, block, error)
                wanted = not self._fails_frame(failed, block, error, wanted=wanted) and wanted
                self._conduct.failed(failed.node, error.reason, unit=failed.given_s, now_s=now_s)
        if wanted:
            self.planner.resting.put(block, now_s + rest)
        self._set_aside(failed.node)
        self._hunger.see(failed.node)
        self._see_rendered(block.frame)

    def _tell_failed(self, failed: Assignment, block: Block, error: FrontburnerError) -> None:
        ev.announce(ev.UnitAttemptFailed(at_s=self.clock(), node=failed.node, block=block, reason=str(error)))

    def _fails_frame(self, failed: Assignment, block: Block, error: FrontburnerError, *, wanted: bool) -> bool:
        """Fail a block's frame if there is no hope for it."""
        # Blocks of one unit fail together. Whose fault it was shows when each is rendered alone.
        if failed.of > 1 or not (wanted or not error.retryable):
            return False
        nodes, proven = self.planner.nodes.keys(), self._conduct.proven
        lost = hopeless(block, error, attempts=self.attempts, nodes=nodes, proven=proven)
        if lost:
            self._fail_frame(block.frame, error)
        return lost

    def _fail_through_store(self, failed: Assignment, error: FrontburnerError, *, seconds: float) -> None:
        """Note that a unit came to nothing because of the store: nothing of it but its time is lost."""
        now_s = self.clock()
        ev.announce(ev.UnitWasted(at_s=now_s, node=failed.node, block=failed.block, seconds=seconds))
        self._see_store_away(failed.node, error)
        self._conduct.failed(failed.node, error.reason, unit=failed.given_s, now_s=now_s, of_store=True)
        self._conduct.rest(failed.node, now_s + self._store.rest_s(now_s))

    def _wait(self, ticket: int, trouble: FrontburnerError | None) -> None:
        """Note that a node has a unit that it can't go on with."""
        waiting = self.planner.under_way.get(ticket)
        if waiting is not None:
            self._clocks.waits(ticket)
            if trouble is not None:
                self._see_store_away(waiting.node, trouble)

    def _see_store_away(self, node: str, error: FrontburnerError) -> None:
        now_s = self.clock()
        if self._store.begins(node, error, now_s):
            ev.announce(ev.StoreAway(at_s=now_s, reason=error.reason, remedy=error.remedy))

    def _set_aside(self, node: str) -> None:
        """Give a node nothing more for a while if it fails where others succeed."""
        if node not in self._offered:
            return
        why = self._conduct.set_aside(node, self.planner.nodes.keys(), self.clock())
        if why:
            ev.announce(ev.NodeSetAside(at_s=self.clock(), node=node, reason=why))
            self._keep_from(node, f"it is set aside. {why}")

    def _check_units(self) -> None:
        """Take units from nodes that are stuck with them, and give up on a store that stays away."""
        now_s, under_way = self.clock(), self.planner.under_way
        if now_s - self._looked_s < LOOK_EVERY_S:
            return
        self._looked_s = now_s
        self._store.check({one.node for one in under_way}, now_s)
        self._clocks.keep(one.ticket for one in under_way)
        for one in list(under_way):
            if under_way.get(one.ticket) is not None:  # or the end of one before it has ended it too
                why = self._too_late(one, now_s)
                if why:
                    self._end_late(one, why)

    def _too_late(self, one: Assignment, now_s: float) -> str:
        """Say why a unit takes too long. How far predictions are off is asked of those alone for which it matters."""
        first = self.planner.under_way.begun(one.ticket)
        if not self._clocks.too_late(one, self._expected(one, deviation=0.0), now_s, first=first):
            return ""
        deviation = self.planner.learning.deviation(one.block, one.node)
        return self._clocks.too_late(one, self._expected(one, deviation=deviation), now_s, first=first)

    def _expected(self, one: Assignment, *, deviation: float) -> Expected:
        known = self.planner.cost.measured and one.node in self._conduct.proven
        return Expected(known=known, deviation=deviation, load_s=self._load_s)

    def _end_late(self, late: Assignment, why: str) -> None:
        """Take a unit from its node, with all blocks of it that wait behind."""
        company = [one for one in self.planner.under_way.of_node(late.node) if one.given_s == late.given_s]
        self.farm.stop([one.ticket for one in company])
        error = UnitFailed(
            reason=why, remedy="Its renderer was ended; the unit is tried again.", retryable=True, unit="",
            node=late.node,
        )  # fmt: skip
        self._fail(late.ticket, error)
        for one in company:
            if self.planner.under_way.get(one.ticket) is not None:
                self._take_apart(one)

    def _wake(self) -> None:
        """Hand out again what has rested, and have nodes back whose time is over."""
        now_s = self.clock()
        for node in self._conduct.pardoned(now_s):
            if node in self._offered:
                self._admit(node)
        for node in self._conduct.rested(now_s):
            self._hunger.see(node)
        if self.planner.wake(now_s):
            self._hunger.see_all()

    def _give_back(self, block: Block) -> None:
        self.planner.give_back(block)
        self._hunger.see_all()

    def _fail_frame(self, frame: int, error: FrontburnerError) -> None:
        self._call_back(self.planner.abandon(frame))
        self.failed_frames[frame] = error
        words = getattr(error, "last_words", "")
        ev.announce(ev.FrameFailed(at_s=self.clock(), frame=frame, reason=str(error), last_words=words))

    def _lose(self, node: str) -> None:
        self._hunger.forget(node)
        self._withheld.pop(node, None)
        self._offered.discard(node)
        self._conduct.left(node)
        self._gaps.forget(node)
        self.planner.leave(node)
        lost = self.planner.under_way.of_node(node)
        begun = lost[0].ticket if lost else None
        self.farm.stop([assignment.ticket for assignment in lost])
        ev.announce(ev.NodeLost(at_s=self.clock(), node=node, units=len(lost)))
        for assignment in lost:
            if self.planner.under_way.get(assignment.ticket) is not None:  # or one before it has settled it
                self._recover(assignment, begun=assignment.ticket == begun)
        self._hunger.see_all()  # what has failed on all nodes that are left can be tried again

    def _recover(self, lost: Assignment, *, begun: bool) -> None:
        """Have a lost unit rendered again, unless its node stored it before it died and only didn't say so."""
        if self._is_stored(lost):
            now_s = self.clock()
            settlement = self.planner.finish(lost.ticket, now_s, render_s=None)
            self.tally.store(lost.ticket, Stored(node=lost.node, block=lost.block, render_s=0.0, at_s=now_s))
            self.tally.count_stored(settlement.counted)
            self._tell_reused(lost.block)
            self._settle(settlement)
        elif begun and lost.block.losses + 1 >= MOST_LOSSES:
            self.planner.gone(lost.ticket, self.clock(), failed=False)
            self._fail_frame(lost.block.frame, _deadly(lost))
        else:
            self._take_apart(lost, lost.block.lost() if begun else lost.block)
        self._see_rendered(lost.block.frame)

    def _is_stored(self, lost: Assignment) -> bool:
        """Whether a lost unit is in the store; if that can't be said now, the next node will find out."""
        try:
            return self.recover(lost.ticket, lost.block)
        except StoreError as error:
            if not error.passes:
                raise
            self._see_store_away(lost.node, error)
            return False

    def _see_rendered(self, frame: int) -> None:
        if not self.planner.pending(frame):
            self._rendered(frame)

    def _rendered(self, frame: int) -> None:
        if frame not in self.failed_frames:
            ev.announce(ev.FrameRendered(at_s=self.clock(), frame=frame))
            self.on_rendered(frame, tuple(self.done(frame)))

    def _check_nodes(self) -> None:
        now_s = self.clock()
        if not self.planner.nodes:  # nobody can say any more that they could do better
            for node in tuple(self._offered):
                self.pardon(node)
        if self.planner.nodes or self._withheld:
            self._node_seen_s = now_s
        elif now_s - self._node_seen_s > self.no_node_timeout_s:
            raise FrontburnerError(
                reason=f"No node has been there for {self.no_node_timeout_s:.0f} s.",
                remedy="Start a node, then run the same job again: finished units are kept.",
                retryable=True,
            )


def _deadly(lost: Assignment) -> UnitFailed:
    return UnitFailed(
        reason=f"{MOST_LOSSES} nodes were lost while they rendered the same unit, the last one {lost.node}.",
        remedy="See in their logs and system logs what ended them; most often it is memory.",
        retryable=True,
        unit="",
        node=lost.node,
    )
