"""The driver between planner and farm: hands out units a few a node, learns, and recovers what is lost.

It holds no plan and no Dask: the planner decides, a `flows.messages.Farm` carries out, and tests and simulations
bring a farm and a clock of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows import events as ev
from flows.gaps import Gaps
from flows.hunger import Hunger
from flows.messages import POLL_S, Failed, Finished, Joined, Left, Refused, Withheld
from flows.tally import Stored, Tally
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flows.messages import Farm, Message
    from flows.plan.block import Block
    from flows.plan.planner import Planner
    from flows.plan.races import Settlement
    from flows.plan.under_way import Assignment
    from tasks.spec import UnitRecord


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

    def __post_init__(self) -> None:
        self._hunger = Hunger(planner=self.planner)

    def run(self) -> None:
        """Dispatch until every frame is rendered or has failed, or `wind_up` was asked for.

        Units under way are called back on any error.
        """
        self._node_seen_s = self.clock()
        try:
            for work in [work for work in self.planner.frames if not self.planner.pending(work.frame)]:
                self._rendered(work.frame)
            while len(self.planner.under_way) or not (self.planner.exhausted or self._winding_up):
                if not self._winding_up:
                    self._fill()
                for message in self.farm.messages(POLL_S):
                    self._handle(message)
                self._check_nodes()
                self.between()
        finally:
            self.farm.stop([assignment.ticket for assignment in self.planner.under_way])

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
                self._withheld.pop(node, None)
                self.planner.join(node)
                self._hunger.see(node)
                ev.announce(ev.NodeJoined(at_s=self.clock(), node=node))
            case Withheld(node=node, why=why):
                self._withhold(node, why)
            case Refused(node=node, reason=reason):
                ev.announce(ev.NodeRefused(at_s=self.clock(), node=node, reason=reason))
            case Left(node=node):
                self._lose(node)
            case Finished(ticket=ticket, record=record):
                self._finish(ticket, record)
            case Failed(ticket=ticket, error=error):
                self._fail(ticket, error)

    def _withhold(self, node: str, why: str) -> None:
        """Give a node nothing more. What it hasn't begun goes back to the pool."""
        self._withheld[node] = why
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

    def _take_apart(self, assignment: Assignment) -> None:
        """Forget a unit that won't be rendered, and return what is still wanted of it to the pool."""
        settlement, wanted = self.planner.gone(assignment.ticket, self.clock(), failed=False)
        self._settle(settlement)
        if wanted:
            self._give_back(assignment.block)

    def _finish(self, ticket: int, record: UnitRecord) -> None:
        now_s, done = self.clock(), self.planner.under_way.get(ticket)
        if done is None:
            return
        gap_s = self._gaps.ended(done, record, now_s)
        if gap_s is not None:
            self.planner.learn_overhead(gap_s)
        render_s = None if record.reused else max(record.wall_s - record.load_s, 0.0)
        settlement = self.planner.finish(ticket, now_s, render_s=render_s, costs=record.costs)
        self.tally.store(ticket, Stored(node=done.node, block=done.block, render_s=render_s or 0.0, at_s=now_s))
        self._hunger.see(done.node)
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
        now_s = self.clock()
        settlement, wanted = self.planner.gone(ticket, now_s, failed=True)
        self._gaps.forget(failed.node)
        self._hunger.see(failed.node)
        block = failed.block.failed_on(failed.node)
        ev.announce(ev.UnitAttemptFailed(at_s=now_s, node=failed.node, block=block, reason=str(error)))
        self._settle(settlement)
        # Blocks of one unit fail together. Whose fault it was shows when each is rendered alone.
        alone = failed.of == 1
        if alone and (not error.retryable or (wanted and block.failures >= self.attempts)):
            self._fail_frame(block.frame, error)
        elif wanted:
            self._give_back(block)
        self._see_rendered(block.frame)

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
        self._gaps.forget(node)
        self.planner.leave(node)
        lost = self.planner.under_way.of_node(node)
        self.farm.stop([assignment.ticket for assignment in lost])
        ev.announce(ev.NodeLost(at_s=self.clock(), node=node, units=len(lost)))
        for assignment in lost:
            if self.planner.under_way.get(assignment.ticket) is not None:  # or one before it has settled it
                self._recover(assignment)
        self._hunger.see_all()  # what has failed on all nodes that are left can be tried again

    def _recover(self, lost: Assignment) -> None:
        """Have a lost unit rendered again, unless its node stored it before it died and only didn't say so."""
        if self.recover(lost.ticket, lost.block):
            now_s = self.clock()
            settlement = self.planner.finish(lost.ticket, now_s, render_s=None)
            self.tally.store(lost.ticket, Stored(node=lost.node, block=lost.block, render_s=0.0, at_s=now_s))
            self.tally.count_stored(settlement.counted)
            self._tell_reused(lost.block)
            self._settle(settlement)
        else:
            self._take_apart(lost)
        self._see_rendered(lost.block.frame)

    def _see_rendered(self, frame: int) -> None:
        if not self.planner.pending(frame):
            self._rendered(frame)

    def _rendered(self, frame: int) -> None:
        if frame not in self.failed_frames:
            ev.announce(ev.FrameRendered(at_s=self.clock(), frame=frame))
            self.on_rendered(frame, tuple(self.done(frame)))

    def _check_nodes(self) -> None:
        now_s = self.clock()
        if self.planner.nodes or self._withheld:
            self._node_seen_s = now_s
        elif now_s - self._node_seen_s > self.no_node_timeout_s:
            raise FrontburnerError(
                reason=f"No node has been there for {self.no_node_timeout_s:.0f} s.",
                remedy="Start a node, then run the same job again: finished units are kept.",
                retryable=True,
            )
