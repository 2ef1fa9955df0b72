"""When each node was available, and the least time in which all of them could have done some work."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Availability:
    """Intervals in which each node was available; a node may come and go more than once."""

    _intervals: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def start(self, node: str, at_s: float) -> None:
        """Start an interval of a node, unless it has one that is open."""
        intervals = self._intervals.setdefault(node, [])
        if not intervals or intervals[-1][1] < inf:
            intervals.append((at_s, inf))

    def end(self, node: str, at_s: float) -> None:
        """End the open interval of a node, if it has one."""
        intervals = self._intervals.get(node)
        if intervals and intervals[-1][1] == inf:
            intervals[-1] = (intervals[-1][0], at_s)

    def extend(self, node: str, at_s: float) -> None:
        """Move the end of a node's last interval: it still had a unit to finish."""
        intervals = self._intervals.get(node)
        if intervals and intervals[-1][1] < at_s:
            intervals[-1] = (intervals[-1][0], at_s)

    @property
    def nodes(self) -> list[str]:
        """Nodes that were available at any time, in the order they came."""
        return list(self._intervals)

    def intervals(self, node: str) -> list[tuple[float, float]]:
        """Start and end of each interval of a node; an open one ends at infinity."""
        return list(self._intervals.get(node, ()))

    def available_since(self, node: str, at_s: float) -> float | None:
        """Start of the interval of a node that contains a time; None if none does."""
        return next((start_s for start_s, end_s in self._intervals[node] if start_s <= at_s <= end_s), None)

    def node_seconds(self, from_s: float, to_s: float) -> float:
        """Seconds that all nodes were available between two times, summed."""
        every = (interval for intervals in self._intervals.values() for interval in intervals)
        return sum(max(0.0, min(end_s, to_s) - max(start_s, from_s)) for start_s, end_s in every)

    def min_seconds(self, work: float, speeds: Mapping[str, float], *, from_s: float) -> float:
        """Return the least seconds from a time on in which these nodes could have done some work.

        They are assumed to be busy without a break and to end together: no dispatch can do better.

        Parameters
        ----------
        work
            Seconds a node of speed 1 would take.
        speeds
            Speed of each node; it counts in each of the node's intervals.
        """
        changes = []
        for node, intervals in self._intervals.items():
            for start_s, end_s in intervals:
                changes += [(max(start_s, from_s), speeds[node]), (max(end_s, from_s), -speeds[node])]
        now_s, speed, done = from_s, 0.0, 0.0
        for at_s, change in sorted(changes):
            if speed > 0 and done + speed * (at_s - now_s) >= work:
                return now_s + (work - done) / speed - from_s
            if at_s == inf:
                break
            now_s, done, speed = at_s, done + speed * (at_s - now_s), speed + change
        return now_s - from_s
