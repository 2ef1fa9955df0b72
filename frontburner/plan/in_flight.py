"""Units in flight: which node has which units, when each should end, and how much work is left in all of them."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from frontburner.plan.block import Block

OVERDUE = 0.5
"""An overdue unit is expected to need this part of the time it has had already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A block that a node has.

    Parameters
    ----------
    assigned_s, starts_s, duration_s
        When the node got it, when it should start with it (it may have others first), and how long it should take.
    predicted_s
        Expected seconds of rendering; None if nothing was known.
    index, unit_size
        Position of the block in its unit, from 0, and the number of blocks in that unit.
    """

    ticket: int
    block: Block
    node: str
    assigned_s: float
    starts_s: float
    duration_s: float
    predicted_s: float | None
    index: int = 0
    unit_size: int = 1

    @property
    def ends_s(self) -> float:
        """When it should end."""
        return self.starts_s + self.duration_s

    def seconds_left(self, now_s: float) -> float:
        """Estimate the seconds until it ends."""
        left_s = self.ends_s - now_s
        return left_s if left_s > 0 else OVERDUE * (now_s - self.starts_s)


@dataclass(slots=True)
class _Queue:
    """What one node has, in order, when it should be done with all, and its speed."""

    units: dict[int, Assignment] = field(default_factory=dict)
    ends_s: float = 0.0
    speed: float = 0.0
    counted: bool = False

    def schedule(self, tickets: Sequence[int], starts_s: float) -> float:
        """Let units follow one another; returns when the last one should end."""
        for ticket in tickets:
            self.units[ticket] = replace(self.units[ticket], starts_s=starts_s)
            starts_s += self.units[ticket].duration_s
        return starts_s


class InFlight:
    """Assignments by ticket. The work left in them is known without looking at each."""

    def __init__(self) -> None:
        self._queues: dict[str, _Queue] = {}
        self._node_of: dict[int, str] = {}
        self._by_frame: Counter[int] = Counter()
        # The work left is the sum of speed × (end - now) over busy nodes: two sums, and the nodes by their end.
        self._ends: list[tuple[float, str]] = []
        self._speed = self._speed_ends = 0.0

    def __len__(self) -> int:
        return len(self._node_of)

    def __iter__(self) -> Iterator[Assignment]:
        return (assignment for queue in self._queues.values() for assignment in queue.units.values())

    def get(self, ticket: int) -> Assignment | None:
        """Return the assignment of a ticket; None if it isn't in flight."""
        node = self._node_of.get(ticket)
        return None if node is None else self._queues[node].units[ticket]

    def of_node(self, node: str) -> list[Assignment]:
        """Return what a node has, in order."""
        return list(self._queues[node].units.values()) if node in self._queues else []

    def count(self, node: str) -> int:
        """Return the number of a node's assignments."""
        return len(self._queues[node].units) if node in self._queues else 0

    def count_of_frame(self, frame: int) -> int:
        """Return the number of a frame's assignments."""
        return self._by_frame[frame]

    def start(
        self,
        units: Mapping[int, Block],
        node: str,
        *,
        now_s: float,
        speed: float,
        seconds: Sequence[float],
        known: bool,
    ) -> None:
        """Append blocks to what a node has.

        Parameters
        ----------
        seconds
            How long each block should take.
        known
            Whether that is more than a guess.
        """
        queue = self._queues.setdefault(node, _Queue())
        starts_s = max(now_s, queue.ends_s) if queue.units else now_s
        for index, ((ticket, block), duration_s) in enumerate(zip(units.items(), seconds, strict=True)):
            queue.units[ticket] = Assignment(
                ticket=ticket, block=block, node=node, assigned_s=now_s, starts_s=starts_s, duration_s=duration_s,
                predicted_s=duration_s if known else None, index=index, unit_size=len(units),
            )  # fmt: skip
            starts_s += duration_s
            self._node_of[ticket] = node
            self._by_frame[block.frame] += 1
        self._count(node, queue, ends_s=starts_s, speed=speed)

    def end(self, ticket: int, *, now_s: float) -> Assignment | None:
        """Remove a ticket and move up what its node has after it; None if it isn't in flight."""
        node = self._node_of.pop(ticket, None)
        if node is None:
            return None
        queue = self._queues[node]
        tickets = list(queue.units)
        before, after = tickets[: tickets.index(ticket)], tickets[tickets.index(ticket) + 1 :]
        ended = queue.units.pop(ticket)
        self._by_frame[ended.block.frame] -= 1
        if not self._by_frame[ended.block.frame]:
            del self._by_frame[ended.block.frame]  # a job may have a million frames
        # A unit that is cancelled or ends out of order doesn't change when those before it end.
        starts_s = max(now_s, queue.units[before[-1]].ends_s) if before else now_s
        self._count(node, queue, ends_s=queue.schedule(after, starts_s), speed=queue.speed)
        return ended

    def set_durations(self, duration_s: Callable[[Assignment], float]) -> None:
        """Set how long units should take of which nothing was known when they were assigned."""
        for node, queue in self._queues.items():
            if not queue.units:
                continue
            for ticket, assignment in queue.units.items():
                if assignment.predicted_s is None:
                    queue.units[ticket] = replace(assignment, duration_s=duration_s(assignment))
            first = next(iter(queue.units.values()))
            self._count(node, queue, ends_s=queue.schedule(list(queue.units), first.starts_s), speed=queue.speed)

    def is_rendering(self, ticket: int) -> bool:
        """Whether a unit is the first one its node has, the one it renders."""
        node = self._node_of.get(ticket)
        return node is not None and next(iter(self._queues[node].units)) == ticket

    def waiting(self, node: str) -> list[Assignment]:
        """Return what a node has after the unit it renders."""
        assignments = self.of_node(node)
        others = (n for n, assignment in enumerate(assignments) if n and not assignment.index)
        return assignments[next(others, len(assignments)) :]

    def work_left(self, now_s: float) -> float:
        """Work left in all assignments, in seconds of a node of speed 1."""
        while self._ends and self._ends[0][0] <= now_s:
            node = self._ends[0][1]
            self._uncount(node, self._queues[node])
        return max(0.0, self._speed_ends - self._speed * now_s)

    def busy_s(self, node: str, now_s: float) -> float:
        """Seconds until a node should be done with what it has."""
        queue = self._queues.get(node)
        return max(0.0, queue.ends_s - now_s) if queue and queue.units else 0.0

    def balanced_s(self, work_s: float, farm_speed: float, now_s: float) -> float:
        """Seconds until all nodes are done, if they get more work so that all end at the same time.

        Nodes that are busy for longer than that get none of it, and what they have doesn't count.
        """
        work_s += self.work_left(now_s)
        for ends_s, node in reversed(self._ends):
            speed, busy_s = self._queues[node].speed, ends_s - now_s
            if busy_s * farm_speed <= work_s or farm_speed <= speed:
                break
            work_s -= busy_s * speed
            farm_speed -= speed
        return work_s / farm_speed

    def _count(self, node: str, queue: _Queue, *, ends_s: float, speed: float) -> None:
        if queue.counted:
            self._uncount(node, queue)
        queue.ends_s, queue.speed = ends_s, speed
        if queue.units:
            queue.counted = True
            self._speed += speed
            self._speed_ends += speed * ends_s
            insort(self._ends, (ends_s, node))

    def _uncount(self, node: str, queue: _Queue) -> None:
        queue.counted = False
        del self._ends[bisect_left(self._ends, (queue.ends_s, node))]
        self._speed -= queue.speed
        self._speed_ends -= queue.speed * queue.ends_s
