"""The driver between planner and farm: hands out units a few a node, learns, and recovers what is lost.

It holds no plan and no Dask: the planner decides, a `flows.messages.Farm` carries out, and tests and simulations
bring a farm and a clock of their own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from flows import events as ev
from flows.messages import POLL_S, Failed, Finished, Joined, Left, Refused
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flows.messages import Farm, Message
    from flows.plan.block import Block
    from flows.plan.planner import Planner
    from flows.plan.races import Settlement
    from flows.plan.under_way import Assignment
    from tasks.spec import UnitRecord

AHEAD_S = 0.1
"""What a node holds should last this long at least, so that news and orders are there in time."""
AHEAD_OF_S = 0.5
"""A node with one unit shorter than this gets the next one ahead; behind a longer one it could wait long."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """A unit that is in the store since ``at_s``; whether it counts, a race may have yet to show."""

    node: str
    block: Block
    render_s: float
    at_s: float


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
    pixel_samples_done: int = field(init=False, default=0)
    _tickets: int = field(init=False, default=0)
    _hungry: dict[str, None] = field(init=False, default_factory=dict)
    _frames: dict[int, dict[int, Block]] = field(init=False, default_factory=dict)
    _stored: dict[int, _Stored] = field(init=False, default_factory=dict)
    _raced: set[int] = field(init=False, default_factory=set)
    _ended: dict[str, tuple[float, float]] = field(init=False, default_factory=dict)
    """When each node's last unit was seen to end, and when it did by the node's clock."""
    _node_seen_s: float = field(init=False, default=0.0)

    def run(self) -> None:
        """Dispatch until every frame is rendered or has failed. Units under way are called back on any error."""
        self._node_seen_s = self.clock()
        for work in self.planner.frames:
            self._frames.setdefault(work.frame, {})
        try:
            for frame in [frame for frame in self._frames if not self.planner.pending(frame)]:
                self._rendered(frame)
            while len(self.planner.under_way) or not self.planner.exhausted:
                self._fill()
                for message in self.farm.messages(POLL_S):
                    self._handle(message)
                self._check_nodes()
                self.between()
        finally:
            self.farm.stop([assignment.ticket for assignment in self.planner.under_way])

    def adopt(self, block: Block, ticket: int) -> None:
        """Count in a unit that exists already."""
        self._count(ticket, block)
        self._tell_reused(block)

    def done(self, frame: int) -> Mapping[int, Block]:
        """Return the units of a frame that are in the store, by ticket: each pixel and sample once."""
        return self._frames.get(frame, {})

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
        hungry = sorted(self._hungry, key=self.planner.under_way.count)
        while hungry:
            for node in hungry:
                blocks = self.planner.next_blocks(node, self.clock())
                if blocks:
                    self._give(node, {self.new_ticket(): block for block in blocks})
                elif self.planner.exhausted:
                    return  # and nothing is worth racing, whoever asks
                else:
                    self._hungry.pop(node)  # until something changes: all that is left has failed on it
            hungry = [node for node in hungry if node in self._hungry]

    def _give(self, node: str, units: dict[int, Block]) -> None:
        now_s = self.clock()
        self.planner.start(units, node, now_s)
        self.farm.start(units, node)
        self._see_hunger(node)
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

    def _see_hunger(self, node: str) -> None:
        """Note whether a node can be given more."""
        hand = self.planner.under_way.of_node(node)
        left_s = sum(assignment.takes_s for assignment in hand)
        if node in self.planner.nodes and (not hand or left_s < (AHEAD_OF_S if len(hand) == 1 else AHEAD_S)):
            self._hungry[node] = None
        else:
            self._hungry.pop(node, None)

    def _handle(self, message: Message) -> None:
        match message:
            case Joined(node=node):
                self.planner.join(node)
                self._hungry[node] = None
                ev.announce(ev.NodeJoined(at_s=self.clock(), node=node))
            case Refused(node=node, reason=reason):
                ev.announce(ev.NodeRefused(at_s=self.clock(), node=node, reason=reason))
            case Left(node=node):
                self._lose(node)
            case Finished(ticket=ticket, record=record):
                self._finish(ticket, record)
            case Failed(ticket=ticket, error=error):
                self._fail(ticket, error)

    def _finish(self, ticket: int, record: UnitRecord) -> None:
        now_s, done = self.clock(), self.planner.under_way.get(ticket)
        if done is None:
            return
        self._learn_overhead(done, record, now_s)
        render_s = None if record.reused else max(record.wall_s - record.load_s, 0.0)
        settlement = self.planner.finish(ticket, now_s, render_s=render_s, costs=record.costs)
        self._stored[ticket] = _Stored(node=done.node, block=done.block, render_s=render_s or 0.0, at_s=now_s)
        self._see_hunger(done.node)
        self._count_in(settlement)
        ev.announce(
            ev.UnitFinished(
                at_s=now_s,
                node=done.node,
                block=done.block,
                record=record,
                predicted_s=done.predicted_s,
                seconds_left=self.forecast(self.planner.seconds_left(now_s)),
                pixel_samples_done=self.pixel_samples_done,
            )
        )
        self._settle(settlement)
        self._see_rendered(done.block.frame)

    def _settle(self, settlement: Settlement) -> None:
        """Count what belongs to the picture, and let go of what another was faster with."""
        self._count_in(settlement)
        for ticket in settlement.superseded:
            late = self._stored.pop(ticket)
            waste = ev.UnitWasted(
                at_s=self.clock(), node=late.node, block=late.block, seconds=late.render_s, finished_s=late.at_s
            )
            ev.announce(waste)
        self._call_back(settlement.call_back)
        self.farm.stop(settlement.superseded)

    def _count_in(self, settlement: Settlement) -> None:
        """Count what belongs to the picture, unless it is counted already."""
        for ticket in settlement.counted:
            if ticket in self._stored:
                self._count(ticket, self._stored.pop(ticket).block)

    def _tell_reused(self, block: Block) -> None:
        ev.announce(ev.UnitReused(at_s=self.clock(), block=block, pixel_samples_done=self.pixel_samples_done))

    def _count(self, ticket: int, block: Block) -> None:
        self._frames.setdefault(block.frame, {})[ticket] = block
        self.pixel_samples_done += block.pixel_samples

    def _call_back(self, tickets: Sequence[int]) -> None:
        """End units that nobody needs any more."""
        now_s = self.clock()
        self.farm.stop(tickets)
        for ticket in tickets:
            begun = self.planner.under_way.begun(ticket)
            ended = self.planner.call_back(ticket, now_s)
            if ended is not None:
                self._ended.pop(ended.node, None)
                self._see_hunger(ended.node)
                seconds = now_s - ended.begins_s if begun else 0.0
                ev.announce(ev.UnitWasted(at_s=now_s, node=ended.node, block=ended.block, seconds=seconds))

    def _learn_overhead(self, done: Assignment, record: UnitRecord, now_s: float) -> None:
        """Learn what lies between two units of a node, by its own clock, where the node didn't wait for work."""
        before = self._ended.pop(done.node, None)
        if record.reused:
            return
        self._ended[done.node] = now_s, record.started_s + record.wall_s
        # Between the blocks of one unit there is none of what a unit costs.
        if before is not None and not done.nth and done.given_s <= before[0] + AHEAD_S:
            self.planner.learn_overhead(record.started_s - before[1])

    def _fail(self, ticket: int, error: FrontburnerError) -> None:
        failed = self.planner.under_way.get(ticket)
        if failed is None:
            return
        now_s = self.clock()
        settlement, wanted = self.planner.gone(ticket, now_s, failed=True)
        self._ended.pop(failed.node, None)
        self._see_hunger(failed.node)
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
        self._see_all_hunger()

    def _see_all_hunger(self) -> None:
        """Have all nodes ask again that have room: some may have found nothing they could take."""
        for node in self.planner.nodes:
            self._see_hunger(node)

    def _fail_frame(self, frame: int, error: FrontburnerError) -> None:
        self._call_back(self.planner.abandon(frame))
        self.failed_frames[frame] = error
        words = getattr(error, "last_words", "")
        ev.announce(ev.FrameFailed(at_s=self.clock(), frame=frame, reason=str(error), last_words=words))

    def _lose(self, node: str) -> None:
        self._hungry.pop(node, None)
        self._ended.pop(node, None)
        self.planner.leave(node)
        lost = self.planner.under_way.of_node(node)
        self.farm.stop([assignment.ticket for assignment in lost])
        ev.announce(ev.NodeLost(at_s=self.clock(), node=node, units=len(lost)))
        for assignment in lost:
            if self.planner.under_way.get(assignment.ticket) is not None:  # or one before it has settled it
                self._recover(assignment)
        self._see_all_hunger()  # what has failed on all nodes that are left can be tried again

    def _recover(self, lost: Assignment) -> None:
        """Have a lost unit rendered again, unless its node stored it before it died and only didn't say so."""
        if self.recover(lost.ticket, lost.block):
            settlement = self.planner.finish(lost.ticket, self.clock(), render_s=None)
            now_s = self.clock()
            self._stored[lost.ticket] = _Stored(node=lost.node, block=lost.block, render_s=0.0, at_s=now_s)
            self._count_in(settlement)
            self._tell_reused(lost.block)
            self._settle(settlement)
        else:
            settlement, wanted = self.planner.gone(lost.ticket, self.clock(), failed=False)
            self._settle(settlement)
            if wanted:
                self._give_back(lost.block)
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
        if self.planner.nodes:
            self._node_seen_s = now_s
        elif now_s - self._node_seen_s > self.no_node_timeout_s:
            raise FrontburnerError(
                reason=f"No node has been there for {self.no_node_timeout_s:.0f} s.",
                remedy="Start a node, then run the same job again: finished units are kept.",
                retryable=True,
            )
