"""Timeline of each node's work in a bounded number of bars: neighbouring bars of a long job are merged."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

MAX_BARS = 20_000
MAX_FAILURES = 1_000
MIN_GRAIN = 1 / 4096
"""Bars are first merged within this fraction of the job's time: less than a pixel of the chart."""


class Activity(StrEnum):
    """What a node spends time on."""

    LOADING = "loading"
    RENDERING = "rendering"
    WASTED = "wasted"


@dataclass(slots=True)
class Bar:
    """A span of a node's time. ``busy_s`` is less than its length if bars were merged over gaps."""

    activity: Activity
    hue: int
    from_s: float
    to_s: float
    busy_s: float

    def move(self, seconds: float) -> None:
        """Shift it in time."""
        self.from_s, self.to_s = self.from_s + seconds, self.to_s + seconds


@dataclass(slots=True, kw_only=True)
class Timeline:
    """Bars by node, in order of time; at most ``max_bars`` of them, or two a node if there are many nodes."""

    max_bars: int = MAX_BARS
    bars: dict[str, list[Bar]] = field(default_factory=dict)
    failures: list[tuple[str, float]] = field(default_factory=list)
    """Nodes and times of failed attempts, the first `MAX_FAILURES` of them."""
    count: int = 0
    _ends_s: float = 0.0
    _grain_s: float = 0.0

    def add(self, node: str, activity: Activity, *, ended_s: float, seconds: float, hue: int = 0) -> None:
        """Add an activity of a node that has just ended."""
        if seconds <= 0:
            return
        bars = self.bars.setdefault(node, [])
        bars.append(Bar(activity, hue, ended_s - seconds, ended_s, seconds))
        # A node does one thing at a time: activities reported at once happened one after the other.
        for before, after in pairwise(reversed(bars)):
            overlap_s = after.to_s - before.from_s
            if overlap_s <= 0:
                break
            after.move(-overlap_s)
        self._ends_s = max(self._ends_s, ended_s)
        self.count += 1
        if self.count > max(self.max_bars, 2 * len(self.bars)):
            self._reduce()

    def waste(self, node: str, *, ended_s: float, seconds: float) -> None:
        """Mark a unit's bar as wasted, unless it has been merged with others that weren't."""
        for bar in reversed(self.bars.get(node, ())):
            if bar.from_s < ended_s and bar.activity is Activity.RENDERING:
                if bar.busy_s <= 2 * seconds:
                    bar.activity = Activity.WASTED
                return

    def fail(self, node: str, at_s: float) -> None:
        """Mark a failed attempt."""
        if len(self.failures) < MAX_FAILURES:
            self.failures.append((node, at_s))

    def _reduce(self) -> None:
        """Merge neighbours until half the bars are left, so that it is seldom needed."""
        self._merge()
        while self.count > max(self.max_bars // 2, len(self.bars)) and self._grain_s < self._ends_s:
            self._grain_s = max(2 * self._grain_s, self._ends_s * MIN_GRAIN)
            self._merge()

    def _merge(self) -> None:
        for node, bars in self.bars.items():
            self.bars[node] = _merged(bars, self._grain_s)
        self.count = sum(len(bars) for bars in self.bars.values())


def _merged(bars: list[Bar], grain_s: float) -> list[Bar]:
    """Merge neighbouring bars of a node that together fit in ``grain_s``; the longer one gives the colour."""
    merged: list[Bar] = []
    for bar in bars:
        last = merged[-1] if merged else None
        if last is None or bar.to_s - last.from_s > grain_s:
            merged.append(bar)
            continue
        longer = max(last, bar, key=lambda candidate: candidate.busy_s)
        merged[-1] = Bar(longer.activity, longer.hue, last.from_s, bar.to_s, last.busy_s + bar.busy_s)
    return merged
