"""The dispatcher: hands out units, a few per node at a time, learns from them, and recovers those that are lost.

The planner decides, and a `frontburner.dispatch.messages.Farm` renders. Tests and simulations bring a farm and a clock
of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.dispatch.available_nodes import AvailableNodes
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
from frontburner.dispatch.settlement import Settlement, StoredUnit
from frontburner.plan.unit_sizer import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from frontburner.dispatch.messages import Farm, Message
    from frontburner.plan.block import Block
    from frontburner.plan.planner import Planner
    from storage.errors import FrontburnerError
    from tasks.spec import UnitRecord


@dataclass(slots=True, kw_only=True)
class Dispatcher:
    """Renders the planner's work on the nodes of a farm.

    Parameters
    ----------
    clock
        Monotonic seconds.
    attempts
        Failed attempts after which a unit fails its frame.
    on_step
        Called after every step of `run`, at least every `POLL_S`. Whatever it raises ends the dispatch.
    on_rendered
        Called with a frame and its tickets when all its units are in the store.
    recover
        Called with the ticket and block of a lost unit; loads it and returns True if it is in the store after all.
    forecast
        Converts seconds until all is rendered to seconds until the job ends, if a limit ends it earlier.
    no_node_timeout_s
        How long to wait without any node before giving up.
    """

    planner: Planner
    farm: Farm
    clock: Callable[[], float]
    attempts: int = 3
    on_step: Callable[[], None] = lambda: None
    on_rendered: Callable[[int, Sequence[int]], None] = lambda frame, tickets: None  # noqa: ARG005
    recover: Callable[[int, Block], bool] = lambda ticket, block: False  # noqa: ARG005
    forecast: Callable[[float | None], float | None] = lambda seconds_left: seconds_left
    no_node_timeout_s: float = 300.0
    _tickets: int = field(init=False, default=0)
    _taken_over: set[int] = field(init=False, default_factory=set)
    _may_lose_frames: set[str] = field(init=False, default_factory=set)
    _draining: bool = field(init=False, default=False)
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
        """Dispatch until every frame is rendered or failed, or until drained. On any error, units are cancelled."""
        try:
            self.begin()
            while self.active:
                self.step()
                self.on_step()
        finally:
            self.end()

    def begin(self) -> None:
        """Report frames that are rendered already. Call `step` next, for as long as the dispatcher is `active`."""
        self._available.last_seen_s = self.clock()
        for work in self.planner.frames:
            self._settlement.check_rendered(work.frame)

    def step(self) -> None:
        """Hand out work and handle messages, waiting a moment if there are none."""
        if not self._draining:
            self._hand_out()
        self.handle(self.farm.messages(POLL_S))
        self._recovery.check()

    def end(self) -> None:
        """Cancel what is in flight."""
        self.farm.stop([assignment.ticket for assignment in self.planner.in_flight])

    @property
    def active(self) -> bool:
        """Whether anything is in flight or waits to be handed out."""
        left = not self.planner.exhausted or bool(self.planner.backoff)
        return bool(len(self.planner.in_flight)) or (left and not self._draining)

    def render_again(self, frame: int) -> None:
        """Render all of a frame again because its units are unusable."""
        self._settlement.cancel(self.planner.abandon(frame))
        self._settlement.completed.drop(frame)
        self.planner.render_again(frame)
        self._settlement.capacity.update_all()

    def fail_frame(self, frame: int, error: FrontburnerError) -> None:
        """Fail a frame and cancel its units."""
        self._settlement.fail_frame(frame, error)

    def drain(self) -> None:
        """Hand out nothing more: `run` returns when the units that nodes render are done."""
        self._draining = True
        for node in {assignment.node for assignment in self.planner.in_flight}:
            self._settlement.take_back(self.planner.in_flight.waiting(node))

    @property
    def failed_frames(self) -> Mapping[int, FrontburnerError]:
        """Frames that can't be finished, and why."""
        return self._settlement.failed_frames

    @property
    def pixel_samples_done(self) -> int:
        """Pixels × samples completed, earlier runs included."""
        return self._settlement.completed.pixel_samples

    def seconds_left(self) -> float | None:
        """Estimate the seconds until all is rendered; None if nothing is known."""
        return self.planner.seconds_left(self.clock())

    def add_reused(self, block: Block, ticket: int) -> None:
        """Add a unit that exists already."""
        self._settlement.completed.add(ticket, block)
        self._settlement.announce_reused(block)

    def done(self, frame: int) -> Mapping[int, Block]:
        """Return the units of a frame that are in the store, by ticket: each pixel and sample once."""
        return self._settlement.completed.of_frame(frame)

    def end_frame(self, frame: int, sample_stop: int) -> None:
        """End a frame at a number of samples: passes beyond it are cancelled, unless they are `done`.

        The frame is rendered once nothing below ``sample_stop`` is missing.
        """
        pending = self.planner.pending(frame)
        self._settlement.settle(self.planner.drop_after(frame, sample_stop))
        if pending:
            self._settlement.check_rendered(frame)

    def new_ticket(self) -> int:
        """Return a number that identifies a unit in this dispatch."""
        self._tickets += 1
        return self._tickets

    def handle(self, messages: Iterable[Message]) -> None:
        """Handle messages of the farm."""
        for message in messages:
            match message:
                case Joined(node=node, yields=yields, cores=cores):
                    self.planner.expect(node, yields=yields, cores=cores)
                    if yields and self.planner.mode is Mode.FRAMES:
                        self._tell_of_whole_frames(node)
                    self._available.add(node)
                case Withheld(node=node, why=why):
                    self._available.withhold(node, why)
                case Refused(node=node, reason=reason, other_build=other):
                    event = ev.NodeLeftOut if other else ev.NodeRefused
                    ev.announce(event(at_s=self.clock(), node=node, reason=reason))
                case Left(node=node):
                    self._recovery.lose(node)
                case _:
                    self._handle_unit(message)

    def _tell_of_whole_frames(self, node: str) -> None:
        """Tell once that a node may lose a whole frame, since none can be cut to be short there."""
        if node not in self._may_lose_frames:
            self._may_lose_frames.add(node)
            why = "is lost when its machine is given back to its owner."
            note = f"Frames of this job aren't cut: what {node} renders of one {why}"
            ev.announce(ev.JobNoted(at_s=self.clock(), notes=(note,)))

    def _handle_unit(self, message: Message) -> None:
        match message:
            case Began(ticket=ticket, ago_s=ago_s):
                self._recovery.began(ticket, ago_s)
            case Waiting(ticket=ticket, error=error):
                self._recovery.waits(ticket, error)
            case Fetched(ticket=ticket):
                self._recovery.waits(ticket, None)
                ev.announce(message.event(at_s=self.clock()))
            case Finished(ticket=ticket, record=record, short_of_memory=short):
                self._finish(ticket, record, short_of_memory=short)
            case Failed(ticket=ticket, error=error):
                self._recovery.fail(ticket, error)
            case Damaged(node=node, frame=frame, reason=reason):
                ev.announce(ev.UnitDamaged(at_s=self.clock(), node=node, frame=frame, reason=reason))

    def _hand_out(self) -> None:
        """Give every node what it has capacity for, idle nodes first."""
        capacity = self._settlement.capacity
        while nodes := capacity.nodes():
            for node in nodes:
                if self._available.health.backs_off(node):
                    capacity.remove(node)
                    continue
                blocks = self.planner.next_unit(node, self.clock())
                if blocks:
                    self._give(node, {self.new_ticket(): block for block in blocks})
                elif self.planner.exhausted:
                    return  # and there is no straggler worth duplicating, on any node
                else:
                    capacity.remove(node)  # until something changes: all that is left failed on it

    def _give(self, node: str, units: dict[int, Block]) -> None:
        now_s = self.clock()
        self.planner.start(units, node, now_s)
        self.farm.start(units, node)
        self._settlement.capacity.update(node)
        for block in units.values():
            if block.duplicate_of is not None:
                self._announce_takeover(block.duplicate_of, by=node)
            ev.announce(ev.UnitStarted(at_s=now_s, node=node, block=block))

    def _announce_takeover(self, ticket: int, *, by: str) -> None:
        """Announce that a straggler is duplicated, when its first duplicate is given out."""
        straggler = self.planner.in_flight.get(ticket)
        if ticket not in self._taken_over and straggler is not None:
            self._taken_over.add(ticket)
            ev.announce(ev.UnitTakenOver(at_s=self.clock(), node=straggler.node, block=straggler.block, by=by))

    def _finish(self, ticket: int, record: UnitRecord, *, short_of_memory: bool) -> None:
        now_s, done, settlement = self.clock(), self.planner.in_flight.get(ticket), self._settlement
        if done is None:
            return
        overhead_s = settlement.overhead.measure(done, record, now_s)
        if overhead_s is not None:
            self.planner.learning.learn_overhead(overhead_s)
        render_s = None if record.reused else max(record.wall_s - record.load_s, 0.0)
        result = self.planner.finish(ticket, now_s, render_s=render_s, costs=record.costs)
        stored = StoredUnit(node=done.node, block=done.block, render_s=render_s or 0.0, at_s=now_s)
        settlement.completed.store(ticket, stored)
        self._recovery.finished(done, record, short_of_memory=short_of_memory)
        settlement.capacity.update(done.node)
        settlement.completed.add_stored(result.counted)
        finished = ev.UnitFinished(
            at_s=now_s, node=done.node, block=done.block, record=record, predicted_s=done.predicted_s,
            seconds_left=self.forecast(self.planner.seconds_left(now_s)),
            pixel_samples_done=settlement.completed.pixel_samples,
        )  # fmt: skip
        ev.announce(finished)
        settlement.settle(result)
        settlement.check_rendered(done.block.frame)
