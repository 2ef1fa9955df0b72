"""The driver between planner and farm: hands out units a few a node, learns, and recovers what is lost.

It holds no plan and no Dask: the planner decides, a `Farm` carries out, and tests and simulations bring a
farm and a clock of their own.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from flows import events as ev
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from flows.plan.block import Block
    from flows.plan.planner import Planner
    from tasks.spec import UnitRecord

AHEAD = ((2.0, 1), (0.05, 2), (0.0, 8))
"""How many units a node holds, by how many seconds units take: the first row whose seconds they reach.

What waits on a node can't be given to an idle one, so nothing waits behind long units. Units shorter than the news
of their end takes to arrive are handed out several at a time, when half of the last ones are done.
"""

POLL_S = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """A node is there."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A node is gone."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A unit's object is in the store."""

    ticket: int
    record: UnitRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """A unit's attempt ended in an error."""

    ticket: int
    error: FrontburnerError


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A node is there but can't render this job, and why."""

    node: str
    reason: str


Message = Joined | Refused | Left | Finished | Failed


class Farm(Protocol):
    """Nodes that render units."""

    def start(self, units: Mapping[int, Block], node: str) -> None:
        """Have a node render blocks, in this order; `messages` tells how each ended, under its ticket."""
        ...

    def stop(self, tickets: Sequence[int]) -> None:
        """Call units back; no message comes for them any more."""
        ...

    def messages(self, timeout_s: float) -> Sequence[Message]:
        """What happened since the last call; waits up to ``timeout_s`` for the first one."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class _Assignment:
    block: Block
    node: str
    since_s: float


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
    _tickets: int = field(init=False, default=0)
    _nodes: set[str] = field(init=False, default_factory=set)
    _under_way: dict[int, _Assignment] = field(init=False, default_factory=dict)
    _done: dict[int, dict[int, Block]] = field(init=False, default_factory=dict)
    _ended: dict[str, tuple[float, float]] = field(init=False, default_factory=dict)
    """When each node's last unit was seen to end, and when it did by the node's clock."""
    _node_seen_s: float = field(init=False, default=0.0)
    _unit_s: float = field(init=False, default=1.0)

    def run(self) -> None:
        """Dispatch until every frame is rendered or has failed. Units under way are called back on any error."""
        self._node_seen_s = self.clock()
        for work in self.planner.frames:
            self._done.setdefault(work.frame, {})
        try:
            for frame in [frame for frame in self._done if not self._pending(frame)]:
                self._rendered(frame)
            while self._under_way or not self.planner.exhausted:
                self._fill()
                for message in self.farm.messages(POLL_S):
                    self._handle(message)
                self._check_nodes()
                self.between()
        finally:
            self.farm.stop(tuple(self._under_way))

    def adopt(self, block: Block, ticket: int) -> None:
        """Count in a unit that exists already."""
        self._done.setdefault(block.frame, {})[ticket] = block
        ev.announce(ev.UnitReused(at_s=self.clock(), block=block))

    def tickets(self, frame: int) -> Mapping[int, Block]:
        """Tickets of the units of a frame that are in the store, with what each of them is."""
        return dict(self._done.get(frame, {}))

    def end_frame(self, frame: int, sample_stop: int) -> None:
        """End a frame at a number of samples: what goes beyond is handed out no more, and called back where it is.

        Units that are finished stay among its `tickets`. The frame is rendered when nothing below ``sample_stop``
        is missing.
        """
        pending = self._pending(frame)
        self.planner.drop_after(frame, sample_stop)
        beyond = {
            ticket: assignment
            for ticket, assignment in self._under_way.items()
            if assignment.block.frame == frame and assignment.block.samples.stop > sample_stop
        }
        self.farm.stop(tuple(beyond))
        self._tell_waste(beyond)
        for ticket in beyond:
            del self._under_way[ticket]
        if pending and not self._pending(frame):
            self._rendered(frame)

    def _tell_waste(self, called_back: Mapping[int, _Assignment]) -> None:
        """Tell what nodes spent on units that are called back: of those a node holds, only the first was begun."""
        begun = {assignment.node: ticket for ticket, assignment in reversed(self._under_way.items())}
        now_s = self.clock()
        for ticket, gone in called_back.items():
            if begun[gone.node] == ticket:
                since_s = max(gone.since_s, self._ended.get(gone.node, (0.0, 0.0))[0])
                ev.announce(ev.UnitWasted(at_s=now_s, node=gone.node, block=gone.block, seconds=now_s - since_s))
            self._ended.pop(gone.node, None)

    def new_ticket(self) -> int:
        """Return a number no other unit of this dispatch has."""
        self._tickets += 1
        return self._tickets

    def _fill(self) -> None:
        """Give every node what it can hold, the emptiest nodes first."""
        load = Counter(dict.fromkeys(self._nodes, 0))
        load.update(assignment.node for assignment in self._under_way.values())
        ahead = next(units for seconds, units in AHEAD if self._unit_s >= seconds)
        hungry = sorted(node for node in self._nodes if load[node] <= ahead // 2)
        given: dict[str, dict[int, Block]] = {node: {} for node in hungry}
        for level in range(ahead):
            for node in sorted(hungry, key=lambda name: (load[name], name)):
                block = self.planner.next_block(node) if load[node] <= level else None
                if block is not None:
                    load[node] += 1
                    given[node][self.new_ticket()] = block
        for node, units in given.items():
            if units:
                self._give(node, units)

    def _give(self, node: str, units: dict[int, Block]) -> None:
        now_s = self.clock()
        for ticket, block in units.items():
            self._under_way[ticket] = _Assignment(block=block, node=node, since_s=now_s)
        self.farm.start(units, node)
        for block in units.values():
            ev.announce(ev.UnitStarted(at_s=now_s, node=node, block=block))

    def _handle(self, message: Message) -> None:
        match message:
            case Joined(node=node):
                self._nodes.add(node)
                self.planner.join(node)
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
        done = self._under_way.pop(ticket, None)
        if done is None:
            return
        if not record.reused:
            render_s = max(record.wall_s - record.load_s, 0.0)
            self.planner.learn(done.block, done.node, render_s=render_s, costs=record.costs)
        self._learn_overhead(done, record)
        left = self.forecast(self.planner.seconds_left(a.block for a in self._under_way.values()))
        ev.announce(
            ev.UnitFinished(at_s=self.clock(), node=done.node, block=done.block, record=record, seconds_left=left)
        )
        self._done[done.block.frame][ticket] = done.block
        if not self._pending(done.block.frame):
            self._rendered(done.block.frame)

    def _learn_overhead(self, done: _Assignment, record: UnitRecord) -> None:
        """Learn what lies between two units of a node, by its own clock, where the second waited for the first."""
        before = self._ended.pop(done.node, None)
        if record.reused:
            return
        self._unit_s += 0.2 * (record.wall_s - self._unit_s)
        self._ended[done.node] = self.clock(), record.started_s + record.wall_s
        if before is not None and done.since_s < before[0]:
            self.planner.learn_overhead(record.started_s - before[1])

    def _fail(self, ticket: int, error: FrontburnerError) -> None:
        failed = self._under_way.pop(ticket, None)
        if failed is None:
            return
        self._ended.pop(failed.node, None)
        block = failed.block.failed_on(failed.node)
        ev.announce(ev.UnitAttemptFailed(at_s=self.clock(), node=failed.node, block=block, reason=str(error)))
        if error.retryable and block.failures < self.attempts:
            self.planner.give_back(block)
        else:
            self._fail_frame(block.frame, error)

    def _fail_frame(self, frame: int, error: FrontburnerError) -> None:
        self.planner.abandon(frame)
        orphans = [t for t, a in self._under_way.items() if a.block.frame == frame]
        self.farm.stop(orphans)
        for ticket in orphans:
            del self._under_way[ticket]
        self.failed_frames[frame] = error
        words = getattr(error, "last_words", "")
        ev.announce(ev.FrameFailed(at_s=self.clock(), frame=frame, reason=str(error), last_words=words))

    def _lose(self, node: str) -> None:
        self._nodes.discard(node)
        self._ended.pop(node, None)
        self.planner.leave(node)
        lost = [ticket for ticket, assignment in self._under_way.items() if assignment.node == node]
        self.farm.stop(lost)
        ev.announce(ev.NodeLost(at_s=self.clock(), node=node, units=len(lost)))
        for ticket in lost:
            block = self._under_way.pop(ticket).block
            if not self.recover(ticket, block):
                self.planner.give_back(block)
                continue
            # The node died between storing the unit and saying so.
            self.adopt(block, ticket)
            if not self._pending(block.frame):
                self._rendered(block.frame)

    def _pending(self, frame: int) -> bool:
        return bool(self.planner.blocks_left(frame)) or any(
            assignment.block.frame == frame for assignment in self._under_way.values()
        )

    def _rendered(self, frame: int) -> None:
        if frame not in self.failed_frames:
            ev.announce(ev.FrameRendered(at_s=self.clock(), frame=frame))
            self.on_rendered(frame, tuple(self._done[frame]))

    def _check_nodes(self) -> None:
        now_s = self.clock()
        if self._nodes:
            self._node_seen_s = now_s
        elif now_s - self._node_seen_s > self.no_node_timeout_s:
            raise FrontburnerError(
                reason=f"No node has been there for {self.no_node_timeout_s:.0f} s.",
                remedy="Start a node, then run the same job again: finished units are kept.",
                retryable=True,
            )
