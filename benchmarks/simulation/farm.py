"""A farm on a simulated clock, with nodes of given speeds, synthetic costs, and scripted faults.

It renders nothing and doesn't sleep, so an hour of a large farm takes moments. `render` runs a dispatch to its end.

One file over 300 lines: the clock, the nodes and their faults are one state.
"""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from frontburner import events as ev
from frontburner.dispatch.dispatcher import Dispatcher
from frontburner.dispatch.messages import Began, Failed, Finished, Joined, Left, Message, Refused
from storage.errors import StoreError
from tasks.errors import SceneError, UnitFailed, UnitRecalled
from tasks.spec import CostGrid, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from frontburner.plan.block import Block
    from frontburner.plan.planner import Planner
    from storage.errors import FrontburnerError


Outcome = Literal["ok", "crash", "fatal", "memory", "store", "hang", "recall"]
REPORT_AFTER_S = 5.0
"""A node reports that it renders a unit after this long."""
MAX_SIMULATED_S = 1e7


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeNode:
    """A node: its speed, the times when it is available, and the reason why it refuses the job, if it does."""

    name: str
    speed: float = 1.0
    available: tuple[tuple[float, float], ...] = ((0.0, math.inf),)
    refusal: str = ""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """An attempt to render a unit."""

    ticket: int
    block: Block
    node: str
    began_s: float
    ended_s: float = math.nan
    outcome: Outcome | Literal["stopped"] = "stopped"


@dataclass(slots=True, kw_only=True)
class Fault:
    """Outcomes of the attempts ``where`` selects: those of the script in order, then ``then``."""

    script: Sequence[Outcome] = ()
    then: Outcome = "ok"
    where: Callable[[Attempt], bool] = lambda _: True
    count: int = 0

    def outcome(self) -> Outcome:
        """Return the outcome of the next attempt."""
        self.count += 1
        return self.script[self.count - 1] if self.count <= len(self.script) else self.then


class CostField:
    """Cost of a picture in seconds.

    Parameters
    ----------
    rates
        Seconds per pixel and sample, of each pixel.
    first
        Rates of blocks that begin with the first sample, if those are misleading.
    of_frame
        Factor of the cost, by frame.
    fixed_s
        Seconds of a block that don't depend on its size.
    """

    def __init__(
        self,
        rates: npt.NDArray[np.float64],
        *,
        first: npt.NDArray[np.float64] | None = None,
        of_frame: Callable[[int], float] = lambda _: 1.0,
        fixed_s: float = 0.0,
    ) -> None:
        self._sums = _summed(rates)
        self._first = self._sums if first is None else _summed(first)
        self._of_frame, self._fixed_s = of_frame, fixed_s

    def __call__(self, block: Block) -> float:
        """Return the seconds a node of speed 1 takes for a block."""
        r, s = block.region, self._of(block)
        area = s[r.y1, r.x1] - s[r.y0, r.x1] - s[r.y1, r.x0] + s[r.y0, r.x0]
        return self._fixed_s + float(area) * block.samples.count * self._of_frame(block.frame)

    def grid(self, block: Block, across: int = 8) -> CostGrid:
        """Return the seconds of each cell of a grid over a block."""
        r = block.region
        columns = np.unique(np.linspace(r.x0, r.x1, across + 1).astype(int))
        rows = np.unique(np.linspace(r.y0, r.y1, across + 1).astype(int))
        seconds = np.diff(np.diff(self._of(block)[np.ix_(rows, columns)], axis=0), axis=1)
        seconds = (seconds * block.samples.count * self._of_frame(block.frame)).ravel()
        return CostGrid(columns=tuple(columns.tolist()), rows=tuple(rows.tolist()), seconds=tuple(seconds.tolist()))

    def _of(self, block: Block) -> npt.NDArray[np.float64]:
        return self._sums if block.samples.start else self._first


def _summed(rates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.pad(rates, ((1, 0), (1, 0))).cumsum(0).cumsum(1))


@dataclass(slots=True, kw_only=True)
class _Queue:
    """What a node has. The first block of a unit comes with the unit's overhead."""

    node: FakeNode
    waiting: deque[tuple[int, Block, float]] = field(default_factory=deque)
    running: Attempt | None = None


class FakeFarm:
    """A `frontburner.dispatch.messages.Farm`.

    Parameters
    ----------
    nodes, cost
        The nodes, and the cost of blocks.
    overhead_s
        Seconds a unit takes besides rendering, on any node.
    faults
        The first fault that selects an attempt decides its outcome.
    """

    def __init__(
        self, *nodes: FakeNode, cost: CostField, overhead_s: float = 0.01, faults: Sequence[Fault] = ()
    ) -> None:
        self.now_s = 0.0
        self.attempts: list[Attempt] = []
        self.given: dict[int, tuple[Block, str]] = {}
        self.stopped: list[int] = []
        self._cost, self._overhead_s, self._faults = cost, overhead_s, faults
        self._queues: dict[str, _Queue] = {}
        self._queue_of: dict[int, _Queue] = {}
        self._order = itertools.count()
        self._schedule: list[tuple[float, int, Callable[[], Message | None]]] = []
        for node in nodes:
            for from_s, to_s in node.available:
                self._at(from_s, lambda node=node: self._arrive(node))  # type: ignore[misc]
                self._at(to_s, lambda node=node: self._depart(node))  # type: ignore[misc]

    def clock(self) -> float:
        """Return the simulated time."""
        return self.now_s

    def start(self, units: Mapping[int, Block], node: str) -> None:
        """Have a node render blocks after what it has."""
        assert node in self._queues, f"{node} isn't available"
        queue, overhead_s = self._queues[node], self._overhead_s
        for ticket, block in units.items():
            self.given[ticket], self._queue_of[ticket] = (block, node), queue
            queue.waiting.append((ticket, block, overhead_s))
            overhead_s = 0.0
        self._start_next(queue)

    def stop(self, tickets: Sequence[int]) -> None:
        """Cancel units."""
        self.stopped.extend(tickets)
        for ticket in tickets:
            queue = self._queue_of.get(ticket)
            if queue is None:
                continue
            queue.waiting = deque(unit for unit in queue.waiting if unit[0] != ticket)
            if queue.running is not None and queue.running.ticket == ticket:
                queue.running.ended_s = self.now_s
                queue.running = None
            self._start_next(queue)

    def messages(self, timeout_s: float) -> Sequence[Message]:
        """Advance the clock until something happens, or until the timeout."""
        until_s = self.now_s + timeout_s
        assert until_s < MAX_SIMULATED_S, "the dispatch doesn't end"
        found: list[Message] = []
        while self._schedule and self._schedule[0][0] <= (self.now_s if found else until_s):
            at_s, _, action = heapq.heappop(self._schedule)
            self.now_s = max(self.now_s, at_s)
            message = action()
            if message is not None:
                found.append(message)
        if not found:
            self.now_s = until_s
        return found

    @property
    def rendered(self) -> list[Attempt]:
        """Successful attempts."""
        return [attempt for attempt in self.attempts if attempt.outcome == "ok"]

    def _at(self, at_s: float, action: Callable[[], Message | None]) -> None:
        if at_s < math.inf:
            heapq.heappush(self._schedule, (at_s, next(self._order), action))

    def _arrive(self, node: FakeNode) -> Message:
        if node.refusal:
            return Refused(node=node.name, reason=node.refusal)
        self._queues[node.name] = _Queue(node=node)
        return Joined(node=node.name)

    def _depart(self, node: FakeNode) -> Message | None:
        queue = self._queues.pop(node.name, None)
        if queue is not None and queue.running is not None:
            queue.running.ended_s = self.now_s
        return Left(node=node.name)

    def _start_next(self, queue: _Queue) -> None:
        if queue.running is not None or not queue.waiting:
            return
        ticket, block, overhead_s = queue.waiting.popleft()
        attempt = Attempt(ticket=ticket, block=block, node=queue.node.name, began_s=self.now_s)
        self.attempts.append(attempt)
        queue.running = attempt
        ends_s = self.now_s + overhead_s + self._cost(block) / queue.node.speed
        self._at(ends_s, lambda: self._end(queue, attempt))
        if ends_s - self.now_s > REPORT_AFTER_S:
            self._at(self.now_s + REPORT_AFTER_S, lambda: self._report_began(queue, attempt))

    def _report_began(self, queue: _Queue, attempt: Attempt) -> Message | None:
        if queue.running is not attempt or self._queues.get(queue.node.name) is not queue:
            return None
        return Began(ticket=attempt.ticket, ago_s=REPORT_AFTER_S)

    def _end(self, queue: _Queue, attempt: Attempt) -> Message | None:
        if queue.running is not attempt or self._queues.get(queue.node.name) is not queue:
            return None
        fault = next((fault for fault in self._faults if fault.where(attempt)), None)
        outcome = fault.outcome() if fault else "ok"
        if outcome == "hang":
            return None if self.now_s - attempt.began_s > REPORT_AFTER_S else self._report_began(queue, attempt)
        attempt.ended_s, attempt.outcome = self.now_s, outcome
        queue.running = None
        self._start_next(queue)
        if attempt.outcome == "ok":
            return Finished(ticket=attempt.ticket, record=self._record(attempt, queue.node))
        return Failed(ticket=attempt.ticket, error=_error(attempt))

    def _record(self, attempt: Attempt, node: FakeNode) -> UnitRecord:
        render_s = self._cost(attempt.block) / node.speed
        return UnitRecord(
            unit=str(attempt.ticket), node=node.name, build="1 fake", isa="none",
            started_s=attempt.ended_s - render_s,  # from its end, as nodes do
            wall_s=render_s, cpu_s=render_s, load_s=0.0, peak_memory_bytes=0, costs=self._cost.grid(attempt.block),
        )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Run:
    """A finished dispatch: the blocks of its frames, and its events."""

    dispatcher: Dispatcher
    frames: dict[int, list[Block]] = field(default_factory=dict)
    events: list[ev.Event] = field(default_factory=list)

    @property
    def blocks(self) -> list[Block]:
        """Blocks of all frames."""
        return [block for blocks in self.frames.values() for block in blocks]

    def of(self, kind: type[ev.Event]) -> list[Any]:
        """Return the events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


def render(planner: Planner, farm: FakeFarm, **options: Any) -> Run:  # noqa: ANN401
    """Render all of a planner's work."""
    dispatcher = Dispatcher(planner=planner, farm=farm, clock=farm.clock, **options)
    run = Run(dispatcher=dispatcher)

    def take(frame: int, tickets: Sequence[int]) -> None:
        assert frame not in run.frames, f"frame {frame} was rendered twice"
        done = dispatcher.done(frame)
        run.frames[frame] = [done[ticket] for ticket in tickets]

    dispatcher.on_rendered = take
    with ev.observe(run.events.append):
        for block in planner.reused:
            dispatcher.add_reused(block, dispatcher.new_ticket())
        dispatcher.run()
    return run


def hills(width: int, height: int, *, total_s: float, samples: int, uneven: float = 20.0) -> npt.NDArray[np.float64]:
    """Return seconds per pixel and sample of a picture with expensive places, ``total_s`` in all."""
    y, x = np.ogrid[:height, :width]
    u, v = x / width, y / height
    expensive = np.exp(-(((u - 0.75) / 0.12) ** 2) - ((v - 0.7) / 0.15) ** 2) + 0.4 * (v > 0.8) + 0.3 * (u < 0.1)
    rates = 1.0 + uneven * expensive
    return np.asarray(rates * (total_s / samples / rates.sum()))


def _error(attempt: Attempt) -> FrontburnerError:
    if attempt.outcome == "fatal":
        return SceneError(reason="The scene is broken.", remedy="Repair it.", scene="room.xml")
    if attempt.outcome == "store":
        return StoreError(reason="The server is away.", remedy="Start it.", retryable=True, url="s3://farm")
    if attempt.outcome == "recall":
        return UnitRecalled(reason="Its owner is back.", remedy="None is needed.", retryable=True, node=attempt.node)
    return UnitFailed(
        reason=f"The renderer on {attempt.node} crashed.", remedy="It is tried again.", retryable=True,
        unit=str(attempt.ticket), node=attempt.node, last_words="segmentation fault",
        short_of_memory=attempt.outcome == "memory",
    )  # fmt: skip
