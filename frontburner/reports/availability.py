"""When each node was there, and what all of them together could have done in that time."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(slots=True)
class Availability:
    """The times each node was there; a node may come and go more than once."""

    _times: dict[str, list[tuple[float, float]]] = field(default_factory=dict)

    def come(self, node: str, at_s: float) -> None:
        """Count a node in."""
        times = self._times.setdefault(node, [])
        if not times or times[-1][1] < inf:
            times.append((at_s, inf))

    def go(self, node: str, at_s: float) -> None:
        """Count a node out; nothing happens if it wasn't there."""
        times = self._times.get(node)
        if times and times[-1][1] == inf:
            times[-1] = (times[-1][0], at_s)

    def stay(self, node: str, at_s: float) -> None:
        """Have a node that was counted out go a little later: it had something to finish."""
        times = self._times.get(node)
        if times and times[-1][1] < at_s:
            times[-1] = (times[-1][0], at_s)

    @property
    def nodes(self) -> list[str]:
        """Nodes that were there at any time, in the order they came."""
        return list(self._times)

    def of(self, node: str) -> list[tuple[float, float]]:
        """When a node came and left; a node that stayed leaves at infinity."""
        return list(self._times.get(node, ()))

    def since(self, node: str, at_s: float) -> float | None:
        """When a node that is there at a time had come; None if it isn't there."""
        return next((came_s for came_s, left_s in self._times[node] if came_s <= at_s <= left_s), None)

    def node_seconds(self, from_s: float, to_s: float) -> float:
        """Seconds all nodes were there, summed, within a span of time."""
        spans = (span for times in self._times.values() for span in times)
        return sum(max(0.0, min(left_s, to_s) - max(came_s, from_s)) for came_s, left_s in spans)

    def least_s(self, work: float, speeds: Mapping[str, float], *, from_s: float) -> float:
        """Return the least seconds, from a time on, in which these nodes could do some work.

        They are taken to be busy without a break and to end together: no dispatch can do better.

        Parameters
        ----------
        work
            Seconds a node of speed 1 would take.
        speeds
            Speed of each node. A node that came again counts whenever it was there.
        """
        changes = []
        for node, times in self._times.items():
            for came_s, left_s in times:
                changes += [(max(came_s, from_s), speeds[node]), (max(left_s, from_s), -speeds[node])]
        now_s, speed, done = from_s, 0.0, 0.0
        for at_s, change in sorted(changes):
            if speed > 0 and done + speed * (at_s - now_s) >= work:
                return now_s + (work - done) / speed - from_s
            if at_s == inf:
                break
            now_s, done, speed = at_s, done + speed * (at_s - now_s), speed + change
        return now_s - from_s
