"""The driver between planner and farm: hands out units a few a node, learns, and recovers what is lost.

It holds no plan and no Dask: the planner decides, a `frontburner.dispatch.messages.Farm` carries out, and tests and
simulations bring a farm and a clock of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.dispatch.available_nodes import AvailableNodes
from frontburner.dispatch.completed import StoredUnit
from frontburner.dispatch.messages import (
    POLL_S,
    Began,
    Damaged,
    Failed,
    Fetched,
    Finished,
    Joined,
    Left,
    Refused,
    Waiting,
    Withheld,
)
from frontburner.dispatch.recovery import Recovery
from frontburner.dispatch.settlement import Settlement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from frontburner.dispatch.messages import Farm, Message
    from frontburner.plan.block import Block
    from frontburner.plan.planner import Planner
    from storage.errors import FrontburnerError
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
    _tickets: int = field(init=False, default=0)
    _raced: set[int] = field(init=False, default_factory=set)
    _winding_up: bool = field(init=False, default=False)
    _settlement: Settlement = field(init=False)
    _available: AvailableNodes = field(init=False)
    _recovery: Recovery = field(init=False)

    def __post_init__(self) -> None:
        self._settlement = Settlement(
            planner=self.planner, farm=self.farm, clock=self.clock,
            on_rendered=lambda frame: self.on_rendered(frame, tuple(self.done(frame))),
        )  # fmt: skip
        self._available = AvailableNodes(settlement=self._settlement, no_node_timeout_s=self.no_node_timeout_s)
        self._recovery = Recovery(
            settlement=self._settlement, available=self._available, attempts=self.attempts, recover=self.recover
        )

    def run(self) -> None:
        """Dispatch until every frame is rendered or has failed, or `wind_up` was asked for.

        Units under way are called back on any error.
        """
        try:
            self.begin()
            while self.goes_on:
                self.turn()
                self.between()
        finally:
            self.end()

    def begin(self) -> None:
        """See what is rendered already. Then come turns, for as long as it goes on or anybody listens, and the end."""
        self._available.seen_s = self.clock()
        for work in self.planner.frames:
            self._settlement.see_rendered(work.frame)

    def turn(self) -> None:
        """Hand out work, and hear what became of it: waits a moment where nothing happens."""
        if not self._winding_up:
            self._fill()
        self.hear(self.farm.messages(POLL_S))
        self._recovery.check()

    def end(self) -> None:
        """Call back what is under way."""
        self.farm.stop([assignment.ticket for assignment in self.planner.in_flight])

    @property
    def goes_on(self) -> bool:
        """Whether anything is under way, or waits to be handed out."""
        left = not self.planner.exhausted or bool(self.planner.backoff)
        return bool(len(self.planner.in_flight)) or (left and not self._winding_up)

    def render_again(self, frame: int) -> None:
        """Render all of a frame anew: what was rendered of it is no good."""
        self._settlement.call_back(self.planner.abandon(frame))
        self._settlement.completed.drop(frame)
        self.planner.render_again(frame)
        self._settlement.capacity.see_all()

    def fail_frame(self, frame: int, error: FrontburnerError) -> None:
        """Give a frame up, with all that is under way of it."""
        self._settlement.fail_frame(frame, error)

    def wind_up(self) -> None:
        """Hand out nothing more: `run` returns when the units that nodes have begun are done."""
        self._winding_up = True
        for node in {assignment.node for assignment in self.planner.in_flight}:
            self._settlement.take_back(self.planner.in_flight.not_begun(node))

    def pardon(self, node: str) -> None:
        """Have a node back that was set aside: somebody has mended it."""
        self._available.pardon(node)

    @property
    def failed_frames(self) -> Mapping[int, FrontburnerError]:
        """Frames that can't be finished, and why."""
        return self._settlement.failed_frames

    @property
    def pixel_samples_done(self) -> int:
        """Pixels × samples that count, those of earlier runs included."""
        return self._settlement.completed.pixel_samples

    def seconds_left(self) -> float | None:
        """Seconds until all is rendered, if all goes on as it does; None while nothing is known."""
        return self.planner.seconds_left(self.clock())

    def adopt(self, block: Block, ticket: int) -> None:
        """Count in a unit that exists already."""
        self._settlement.completed.count(ticket, block)
        self._settlement.tell_reused(block)

    def done(self, frame: int) -> Mapping[int, Block]:
        """Return the units of a frame that are in the store, by ticket: each pixel and sample once."""
        return self._settlement.completed.of_frame(frame)

    def end_frame(self, frame: int, sample_stop: int) -> None:
        """End a frame at a number of samples: what goes beyond is handed out no more, and called back where it is.

        Units that are finished stay among those `done`. The frame is rendered when nothing below ``sample_stop`` is
        missing.
        """
        pending = self.planner.pending(frame)
        self._settlement.settle(self.planner.drop_after(frame, sample_stop))
        if pending:
            self._settlement.see_rendered(frame)

    def new_ticket(self) -> int:
        """Return a number no other unit of this dispatch has."""
        self._tickets += 1
        return self._tickets

    def _fill(self) -> None:
        """Give every node what it can hold, nodes that have nothing first."""
        capacity = self._settlement.capacity
        while hungry := capacity.nodes():
            for node in hungry:
                if self._available.health.rests(node):
                    capacity.forget(node)
                    continue
                blocks = self.planner.next_blocks(node, self.clock())
                if blocks:
                    self._give(node, {self.new_ticket(): block for block in blocks})
                elif self.planner.exhausted:
                    return  # and nothing is worth racing, whoever asks
                else:
                    capacity.forget(node)  # until something changes: all that is left has failed on it

    def _give(self, node: str, units: dict[int, Block]) -> None:
        now_s = self.clock()
        self.planner.start(units, node, now_s)
        self.farm.start(units, node)
        self._settlement.capacity.see(node)
        for block in units.values():
            if block.duplicate_of is not None:
                self._see_race(block.duplicate_of, by=node)
            ev.announce(ev.UnitStarted(at_s=now_s, node=node, block=block))

    def _see_race(self, ticket: int, *, by: str) -> None:
        """Announce a race when its first piece is given out."""
        late = self.planner.in_flight.get(ticket)
        if ticket not in self._raced and late is not None:
            self._raced.add(ticket)
            ev.announce(ev.UnitTakenOver(at_s=self.clock(), node=late.node, block=late.block, by=by))

    def hear(self, messages: Iterable[Message]) -> None:
        """Take in what happened on the farm."""
        for message in messages:
            match message:
                case Joined(node=node):
                    self._available.join(node)
                case Withheld(node=node, why=why):
                    self._available.withhold(node, why)
                case Refused(node=node, reason=reason):
                    ev.announce(ev.NodeRefused(at_s=self.clock(), node=node, reason=reason))
                case Left(node=node):
                    self._recovery.lose(node)
                case _:
                    self._hear_of_unit(message)

    def _hear_of_unit(self, message: Message) -> None:
        match message:
            case Began(ticket=ticket, ago_s=ago_s):
                self._recovery.began(ticket, ago_s)
            case Waiting(ticket=ticket, trouble=trouble):
                self._recovery.waits(ticket, trouble)
            case Fetched():
                self._recovery.waits(message.ticket, None)
                ev.announce(message.event(at_s=self.clock()))
            case Finished(ticket=ticket, record=record, short_of_memory=short):
                self._finish(ticket, record, short_of_memory=short)
            case Failed(ticket=ticket, error=error):
                self._recovery.fail(ticket, error)
            case Damaged(node=node, frame=frame, reason=reason):
                ev.announce(ev.UnitDamaged(at_s=self.clock(), node=node, frame=frame, reason=reason))

    def _finish(self, ticket: int, record: UnitRecord, *, short_of_memory: bool) -> None:
        now_s, done, settlement = self.clock(), self.planner.in_flight.get(ticket), self._settlement
        if done is None:
            return
        gap_s = settlement.overhead.ended(done, record, now_s)
        if gap_s is not None:
            self.planner.learn_overhead(gap_s)
        render_s = None if record.reused else max(record.wall_s - record.load_s, 0.0)
        result = self.planner.finish(ticket, now_s, render_s=render_s, costs=record.costs)
        settlement.completed.store(
            ticket, StoredUnit(node=done.node, block=done.block, render_s=render_s or 0.0, at_s=now_s)
        )
        self._recovery.ended_well(done, record, short_of_memory=short_of_memory)
        settlement.capacity.see(done.node)
        settlement.completed.count_stored(result.counted)
        ev.announce(
            ev.UnitFinished(
                at_s=now_s,
                node=done.node,
                block=done.block,
                record=record,
                predicted_s=done.predicted_s,
                seconds_left=self.forecast(self.planner.seconds_left(now_s)),
                pixel_samples_done=settlement.completed.pixel_samples,
            )
        )
        settlement.settle(result)
        settlement.see_rendered(done.block.frame)
