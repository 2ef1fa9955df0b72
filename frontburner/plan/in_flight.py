"""What nodes have in hand: who renders what since when, and when all of it should be done."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from frontburner.plan.block import Block

LATE = 0.5
"""A unit that is late is expected to need this much again of what it has had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """A unit that a node has.

    Parameters
    ----------
    given_s, begins_s, takes_s
        When the node was given it and is thought to begin with it (it may have others before it), and how long it
        should take.
    predicted_s
        Seconds of rendering that were expected; None where nothing was known.
    nth, of
        Which block of its unit it is, counted from 0, and how many blocks that has.
    """

    ticket: int
    block: Block
    node: str
    given_s: float
    begins_s: float
    takes_s: float
    predicted_s: float | None
    nth: int = 0
    of: int = 1

    def seconds_left(self, now_s: float) -> float:
        """Seconds until it ends, as far as that is known."""
        left_s = self.begins_s + self.takes_s - now_s
        return left_s if left_s > 0 else LATE * (now_s - self.begins_s)


@dataclass(slots=True)
class _Hand:
    """What one node has, in its order; until when, and how much it does in a second."""

    units: dict[int, Assignment] = field(default_factory=dict)
    until_s: float = 0.0
    speed: float = 0.0
    counted: bool = False


class InFlight:
    """Assignments by ticket, and the work that is left in them without looking at each."""

    def __init__(self) -> None:
        self._hands: dict[str, _Hand] = {}
        self._node_of: dict[int, str] = {}
        self._of_frame: Counter[int] = Counter()
        # The work left is a sum of speed × (until - now) over busy nodes: two sums, and who is through when, in order.
        self._through: list[tuple[float, str]] = []
        self._speed = self._speed_until = 0.0

    def __len__(self) -> int:
        return len(self._node_of)

    def __iter__(self) -> Iterator[Assignment]:
        return (assignment for hand in self._hands.values() for assignment in hand.units.values())

    def get(self, ticket: int) -> Assignment | None:
        """Return the assignment of a ticket that is under way."""
        node = self._node_of.get(ticket)
        return None if node is None else self._hands[node].units[ticket]

    def of_node(self, node: str) -> list[Assignment]:
        """Return what a node has, in its order."""
        return list(self._hands[node].units.values()) if node in self._hands else []

    def count(self, node: str) -> int:
        """Units a node has."""
        return len(self._hands[node].units) if node in self._hands else 0

    def of_frame(self, frame: int) -> int:
        """Units of a frame that nodes have."""
        return self._of_frame[frame]

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
        """Note what a node was given after what it has already.

        Parameters
        ----------
        seconds
            How long each unit should take.
        known
            Whether that is more than a guess.
        """
        hand = self._hands.setdefault(node, _Hand())
        begins_s = max(now_s, hand.until_s) if hand.units else now_s
        for nth, ((ticket, block), takes_s) in enumerate(zip(units.items(), seconds, strict=True)):
            hand.units[ticket] = Assignment(
                ticket=ticket, block=block, node=node, given_s=now_s, begins_s=begins_s, takes_s=takes_s,
                predicted_s=takes_s if known else None, nth=nth, of=len(units),
            )  # fmt: skip
            begins_s += takes_s
            self._node_of[ticket] = node
            self._of_frame[block.frame] += 1
        self._count(node, hand, until_s=begins_s, speed=speed)

    def end(self, ticket: int, *, now_s: float) -> Assignment | None:
        """Forget a ticket, and move up what its node has after it; None if it isn't under way."""
        node = self._node_of.pop(ticket, None)
        if node is None:
            return None
        hand = self._hands[node]
        ended = hand.units[ticket]
        tickets = list(hand.units)
        before, after = tickets[: tickets.index(ticket)], tickets[tickets.index(ticket) + 1 :]
        del hand.units[ticket]
        self._of_frame[ended.block.frame] -= 1
        if not self._of_frame[ended.block.frame]:
            del self._of_frame[ended.block.frame]  # a job may have a million
        begins_s = now_s
        if before:  # it was called back, or ended out of turn: what comes before it goes on as it did
            last = hand.units[before[-1]]
            begins_s = max(now_s, last.begins_s + last.takes_s)
        until_s = self._line_up(hand, after, begins_s)
        self._count(node, hand, until_s=until_s, speed=hand.speed)
        return ended

    def foresee(self, seconds: Callable[[Assignment], float]) -> None:
        """Tell how long units should take of which nothing was known when they were given."""
        for node, hand in self._hands.items():
            if not hand.units:
                continue
            for ticket, one in hand.units.items():
                if one.predicted_s is None:
                    hand.units[ticket] = replace(one, takes_s=seconds(one))
            first = next(iter(hand.units.values()))
            until_s = self._line_up(hand, list(hand.units), first.begins_s)
            self._count(node, hand, until_s=until_s, speed=hand.speed)

    def begun(self, ticket: int) -> bool:
        """Whether a unit is the first its node has: the one it renders."""
        node = self._node_of.get(ticket)
        return node is not None and next(iter(self._hands[node].units)) == ticket

    def not_begun(self, node: str) -> list[Assignment]:
        """Return what a node has besides the unit it renders. Blocks that share that unit go with it."""
        hand = self.of_node(node)
        return hand[next((n for n, one in enumerate(hand) if n and not one.nth), len(hand)) :]

    def work_left(self, now_s: float) -> float:
        """Reference seconds of rendering that nodes still have before them."""
        while self._through and self._through[0][0] <= now_s:
            node = self._through[0][1]
            self._uncount(node, self._hands[node])
        return max(0.0, self._speed_until - self._speed * now_s)

    def busy_s(self, node: str, now_s: float) -> float:
        """Seconds until a node has done what it has."""
        hand = self._hands.get(node)
        return max(0.0, hand.until_s - now_s) if hand and hand.units else 0.0

    def together_s(self, work_s: float, farm_speed: float, now_s: float) -> float:
        """Seconds until all nodes are through, if more work is given to them so that they end together.

        Nodes that have enough for longer than that get none of it, nor does what they have count.
        """
        work_s += self.work_left(now_s)
        for until_s, node in reversed(self._through):
            speed, busy_s = self._hands[node].speed, until_s - now_s
            if busy_s * farm_speed <= work_s or farm_speed <= speed:
                break
            work_s -= busy_s * speed
            farm_speed -= speed
        return work_s / farm_speed

    def _line_up(self, hand: _Hand, tickets: Sequence[int], begins_s: float) -> float:
        """Have units begin one after the other; returns when the last one should end."""
        for ticket in tickets:
            hand.units[ticket] = replace(hand.units[ticket], begins_s=begins_s)
            begins_s += hand.units[ticket].takes_s
        return begins_s

    def _count(self, node: str, hand: _Hand, *, until_s: float, speed: float) -> None:
        if hand.counted:
            self._uncount(node, hand)
        hand.until_s, hand.speed = until_s, speed
        if hand.units:
            hand.counted = True
            self._speed += speed
            self._speed_until += speed * until_s
            insort(self._through, (until_s, node))

    def _uncount(self, node: str, hand: _Hand) -> None:
        hand.counted = False
        del self._through[bisect_left(self._through, (hand.until_s, node))]
        self._speed -= hand.speed
        self._speed_until -= hand.speed * hand.until_s
