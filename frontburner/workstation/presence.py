"""Whether somebody uses this machine: by keys and mouse, or by other programs that use its cores."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import psutil

INPUT_S = 300.0
"""The machine counts as used for so long after a key or a movement of the mouse."""
BUSY_S = 30.0
BUSY_SHARE = 0.25
"""Other programs count when they use a larger share of the cores, averaged over `BUSY_S`."""


@dataclass(slots=True)
class Presence:
    """Compares samples of the machine over the last seconds.

    Parameters
    ----------
    cores
        Number of the machine's cores.
    """

    cores: int
    _others: deque[tuple[float, float]] = field(default_factory=deque)
    """Moments, and the processor seconds others have used by then."""
    _last_cpu_s: float = 0.0

    def update(self, *, now_s: float, input_age_s: float | None, other_cpu_s: float) -> str:
        """Add a sample; returns what somebody uses the machine by, empty if nobody does.

        Parameters
        ----------
        input_age_s
            Seconds since a key was pressed or the mouse moved; None where that can't be told.
        other_cpu_s
            Processor seconds used so far by all but our own processes.
        """
        self._add(now_s, other_cpu_s)
        if input_age_s is not None and input_age_s < INPUT_S:
            return "a key or the mouse"
        first_s, first_cpu_s = self._others[0]
        if now_s - first_s < BUSY_S:
            return ""
        share = (self._others[-1][1] - first_cpu_s) / (now_s - first_s) / self.cores
        return f"other programs use {share:.0%} of its cores" if share > BUSY_SHARE else ""

    def _add(self, now_s: float, other_cpu_s: float) -> None:
        """Add what others have used since the last sample: no more than there is, even if a process of ours ended."""
        if self._others:
            last_s, total_s = self._others[-1]
            used_s = min(max(0.0, other_cpu_s - self._last_cpu_s), self.cores * (now_s - last_s))
            self._others.append((now_s, total_s + used_s))
        else:
            self._others.append((now_s, 0.0))
        self._last_cpu_s = other_cpu_s
        while len(self._others) > 1 and self._others[1][0] <= now_s - BUSY_S:
            self._others.popleft()


def other_cpu_s() -> float:
    """Return the processor seconds since boot of all but this process and its children."""
    times = psutil.cpu_times()
    total = times.user + times.system + getattr(times, "nice", 0.0)
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        try:
            used = process.cpu_times()
        except psutil.Error:
            continue
        # Those of children that have ended are told on some systems only.
        total -= used.user + used.system + getattr(used, "children_user", 0.0) + getattr(used, "children_system", 0.0)
    return total
