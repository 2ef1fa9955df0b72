"""A farm on a simulated clock: nodes of given speeds, a synthetic cost, and faults by script.

It renders nothing and waits for nothing, so an hour of a large farm takes moments; `render` drives a whole
dispatch and returns what happened.
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
from tasks.errors import SceneError, UnitFailed
from tasks.spec import CostGrid, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt

    from frontburner.plan.block import Block
    from frontburner.plan.planner import Planner
    from storage.errors import FrontburnerError


Outcome = Literal["ok", "crash", "fatal", "memory", "store", "hang"]
SAYS_AFTER_S = 5.0
"""A node says that it has begun with a unit when it has been at it for so long."""
MOST_SIMULATED_S = 1e7


@dataclass(frozen=True, slots=True, kw_only=True)
class FakeNode:
    """A node: its speed, when it is there, and why it can't render if it can't."""

    name: str
    speed: float = 1.0
    there: tuple[tuple[float, float], ...] = ((0.0, math.inf),)
    refuses: str = ""


@dataclass(slots=True, kw_only=True)
class Attempt:
    """One time a unit was rendered, or begun."""

    ticket: int
    block: Block
    node: str
    began_s: float
    ended_s: float = math.nan
    outcome: Outcome | Literal["stopped"] = "stopped"


def everywhere(_: Attempt) -> bool:
    """Any attempt."""
    return True


@dataclass(slots=True, kw_only=True)
class Fault:
    """What becomes of the attempts it is for: one outcome an attempt, ``then`` for all after them."""

    script: Sequence[Outcome] = ()
    then: Outcome = "ok"
    where: Callable[[Attempt], bool] = everywhere
    struck: int = 0

    def outcome(self) -> Outcome:
        """Outcome of the next attempt."""
        self.struck += 1
        return self.script[self.struck - 1] if self.struck <= len(self.script) else self.then


class CostField:
    """A cost in seconds, summed from a rate per pixel and sample.

    Parameters
    ----------
    rates
        Seconds, pixel by pixel.
    first
        Other rates for blocks that begin with the first sample, where these mislead.
    of_frame
        A factor that changes the cost with the frame.
    """

    def __init__(
        self,
        rates: npt.NDArray[np.float64],
        *,
        first: npt.NDArray[np.float64] | None = None,
        of_frame: Callable[[int], float] = lambda _: 1.0,
    ) -> None:
        self._sums = _summed(rates)
        self._first = self._sums if first is None else _summed(first)
        self._of_frame = of_frame

    def __call__(self, block: Block) -> float:
        """Seconds a node of speed 1 takes for a block."""
        r, s = block.region, self._of(block)
        area = s[r.y1, r.x1] - s[r.y0, r.x1] - s[r.y1, r.x0] + s[r.y0, r.x0]
        return float(area) * block.samples.count * self._of_frame(block.frame)

    def grid(self, block: Block, across: int = 8) -> CostGrid:
        """Seconds of the cells of a grid over a block."""
        r = block.region
        columns = np.unique(np.linspace(r.x0, r.x1, across + 1).astype(int))
        rows = np.unique(np.linspace(r.y0, r.y1, across + 1).astype(int))
        seconds = np.diff(np.diff(self._of(block)[np.ix_(rows, columns)], axis=0), axis=1)
        factor = block.samples.count * self._of_frame(block.frame)
        return CostGrid(
            columns=tuple(columns.tolist()),
            rows=tuple(rows.tolist()),
            seconds=tuple((seconds * factor).ravel().tolist()),
        )

    def _of(self, block: Block) -> npt.NDArray[np.float64]:
        return self._sums if block.samples.start else self._first


def _summed(rates: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray(np.pad(rates, ((1, 0), (1, 0))).cumsum(0).cumsum(1))


@dataclass(slots=True, kw_only=True)
class _Bench:
    """What a node has before it; the first block of a unit carries the unit's overhead."""

    node: FakeNode
    waiting: deque[tuple[int, Block, float]] = field(default_factory=deque)
    running: Attempt | None = None


class FakeFarm:
    """A `frontburner.dispatch.messages.Farm`.

    Parameters
    ----------
    nodes, cost
        Who renders, and how many seconds a node of speed 1 takes for a block.
    overhead_s
        Seconds any node takes for a unit besides rendering it.
    faults
        Attempts that fail; the first one whose ``where`` holds decides.
    """

    def __init__(
        self, *nodes: FakeNode, cost: CostField, overhead_s: float = 0.01, faults: Sequence[Fault] = ()
    ) -> None:
        self.now_s = 0.0
        self.attempts: list[Attempt] = []
        self.given: dict[int, tuple[Block, str]] = {}
        self.stopped: list[int] = []
        self._cost, self._overhead_s, self._faults = cost, overhead_s, faults
        self._benches: dict[str, _Bench] = {}
        self._bench_of: dict[int, _Bench] = {}
        self._count = itertools.count()
        self._agenda: list[tuple[float, int, Callable[[], Message | None]]] = []
        for node in nodes:
            for from_s, to_s in node.there:
                self._at(from_s, lambda node=node: self._arrive(node))  # type: ignore[misc]
                self._at(to_s, lambda node=node: self._depart(node))  # type: ignore[misc]

    def clock(self) -> float:
        """Seconds since the farm was made."""
        return self.now_s

    def start(self, units: Mapping[int, Block], node: str) -> None:
        """Have a node render blocks, after what it has already."""
        assert node in self._benches, f"{node} isn't there"
        bench, overhead_s = self._benches[node], self._overhead_s
        for ticket, block in units.items():
            self.given[ticket], self._bench_of[ticket] = (block, node), bench
            bench.waiting.append((ticket, block, overhead_s))
            overhead_s = 0.0
        self._go_on(bench)

    def stop(self, tickets: Sequence[int]) -> None:
        """Call units back."""
        self.stopped.extend(tickets)
        for ticket in tickets:
            bench = self._bench_of.get(ticket)
            if bench is None:
                continue
            bench.waiting = deque(unit for unit in bench.waiting if unit[0] != ticket)
            if bench.running is not None and bench.running.ticket == ticket:
                bench.running.ended_s = self.now_s
                bench.running = None
            self._go_on(bench)

    def messages(self, timeout_s: float) -> Sequence[Message]:
        """Let time pass until something happened, or until the timeout."""
        until_s = self.now_s + timeout_s
        assert until_s < MOST_SIMULATED_S, "the dispatch goes on for ever"
        found: list[Message] = []
        while self._agenda and self._agenda[0][0] <= (self.now_s if found else until_s):
            at_s, _, happen = heapq.heappop(self._agenda)
            self.now_s = max(self.now_s, at_s)
            message = happen()
            if message is not None:
                found.append(message)
        if not found:
            self.now_s = until_s
        return found

    @property
    def rendered(self) -> list[Attempt]:
        """Attempts that ended well."""
        return [attempt for attempt in self.attempts if attempt.outcome == "ok"]

    def _at(self, at_s: float, happen: Callable[[], Message | None]) -> None:
        if at_s < math.inf:
            heapq.heappush(self._agenda, (at_s, next(self._count), happen))

    def _arrive(self, node: FakeNode) -> Message:
        if node.refuses:
            return Refused(node=node.name, reason=node.refuses)
        self._benches[node.name] = _Bench(node=node)
        return Joined(node=node.name)

    def _depart(self, node: FakeNode) -> Message | None:
        bench = self._benches.pop(node.name, None)
        if bench is not None and bench.running is not None:
            bench.running.ended_s = self.now_s
        return Left(node=node.name)

    def _go_on(self, bench: _Bench) -> None:
        if bench.running is not None or not bench.waiting:
            return
        ticket, block, overhead_s = bench.waiting.popleft()
        attempt = Attempt(ticket=ticket, block=block, node=bench.node.name, began_s=self.now_s)
        self.attempts.append(attempt)
        bench.running = attempt
        ends_s = self.now_s + overhead_s + self._cost(block) / bench.node.speed
        self._at(ends_s, lambda: self._end(bench, attempt))
        if ends_s - self.now_s > SAYS_AFTER_S:
            self._at(self.now_s + SAYS_AFTER_S, lambda: self._say_begun(bench, attempt))

    def _say_begun(self, bench: _Bench, attempt: Attempt) -> Message | None:
        if bench.running is not attempt or self._benches.get(bench.node.name) is not bench:
            return None
        return Began(ticket=attempt.ticket, ago_s=SAYS_AFTER_S)

    def _end(self, bench: _Bench, attempt: Attempt) -> Message | None:
        if bench.running is not attempt or self._benches.get(bench.node.name) is not bench:
            return None
        fault = next((fault for fault in self._faults if fault.where(attempt)), None)
        outcome = fault.outcome() if fault else "ok"
        if outcome == "hang":
            return None if self.now_s - attempt.began_s > SAYS_AFTER_S else self._say_begun(bench, attempt)
        attempt.ended_s, attempt.outcome = self.now_s, outcome
        bench.running = None
        self._go_on(bench)
        if attempt.outcome == "ok":
            return Finished(ticket=attempt.ticket, record=self._record(attempt, bench.node))
        return Failed(ticket=attempt.ticket, error=_error(attempt))

    def _record(self, attempt: Attempt, node: FakeNode) -> UnitRecord:
        render_s = self._cost(attempt.block) / node.speed
        return UnitRecord(
            unit=str(attempt.ticket),
            node=node.name,
            build="1 fake",
            isa="none",
            started_s=attempt.ended_s - render_s,  # counted back from its end, as nodes do
            wall_s=render_s,
            cpu_s=render_s,
            load_s=0.0,
            peak_memory_bytes=0,
            costs=self._cost.grid(attempt.block),
        )


@dataclass(slots=True, kw_only=True)
class Run:
    """A dispatch that has ended: its frames with the blocks of their tickets, and all its events."""

    dispatcher: Dispatcher
    frames: dict[int, list[Block]] = field(default_factory=dict)
    events: list[ev.Event] = field(default_factory=list)

    @property
    def blocks(self) -> list[Block]:
        """Blocks of all frames."""
        return [block for blocks in self.frames.values() for block in blocks]

    def of(self, kind: type[ev.Event]) -> list[Any]:
        """Events of one kind."""
        return [event for event in self.events if isinstance(event, kind)]


def render(planner: Planner, farm: FakeFarm, **options: Any) -> Run:  # noqa: ANN401
    """Dispatch until the end."""
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
    """Seconds per pixel and sample of a picture with dear places, ``total_s`` in all."""
    y, x = np.ogrid[:height, :width]
    u, v = x / width, y / height
    dear = np.exp(-(((u - 0.75) / 0.12) ** 2) - ((v - 0.7) / 0.15) ** 2) + 0.4 * (v > 0.8) + 0.3 * (u < 0.1)
    rates = 1.0 + uneven * dear
    return np.asarray(rates * (total_s / samples / rates.sum()))


def _error(attempt: Attempt) -> FrontburnerError:
    if attempt.outcome == "fatal":
        return SceneError(reason="The scene is broken.", remedy="Mend it.", scene="room.xml")
    if attempt.outcome == "store":
        return StoreError(reason="The server is away.", remedy="Start it.", retryable=True, url="s3://farm")
    return UnitFailed(
        reason=f"The renderer on {attempt.node} crashed.",
        remedy="It is tried again.",
        retryable=True,
        unit=str(attempt.ticket),
        node=attempt.node,
        last_words="segmentation fault",
        short_of_memory=attempt.outcome == "memory",
    )
