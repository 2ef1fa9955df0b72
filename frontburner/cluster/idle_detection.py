"""Whether somebody uses this machine: keys are pressed in a terminal, or other programs keep its cores busy."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

TYPED_S = 300.0
"""Whoever pressed a key this long ago still sits there."""
BUSY_S = 30.0
BUSY_SHARE = 0.25
"""Other programs that take more of the cores than this, for `BUSY_S`, are somebody's."""


@dataclass(slots=True)
class IdleDetection:
    """What was seen of the machine over the last seconds.

    Parameters
    ----------
    cores
        How many cores it has.
    """

    cores: int
    _seen: deque[tuple[float, float]] = field(default_factory=deque)

    def look(self, *, now_s: float, typed_s: float | None, others_cpu_s: float) -> str:
        """Say what somebody does here; empty if nobody does.

        Parameters
        ----------
        typed_s
            Seconds since a key was pressed in a terminal; None if there is none.
        others_cpu_s
            Processor seconds that all but our own processes have taken so far.
        """
        self._seen.append((now_s, others_cpu_s))
        while len(self._seen) > 1 and self._seen[1][0] <= now_s - BUSY_S:
            self._seen.popleft()
        if typed_s is not None and typed_s < TYPED_S:
            return "somebody types"
        began_s, before_s = self._seen[0]
        if now_s - began_s < BUSY_S:
            return ""
        share = (others_cpu_s - before_s) / (now_s - began_s) / self.cores
        return f"other programs take {share:.0%} of its cores" if share > BUSY_SHARE else ""


def terminals() -> list[Path]:
    """Return the terminals people are logged in at."""
    found: set[Path] = {Path("/dev") / user.terminal for user in psutil.users() if user.terminal}
    return sorted(found | set(Path("/dev/pts").glob("[0-9]*")))


def typed_ago_s(terminals: Iterable[Path], now_s: float) -> float | None:
    """Return the seconds since something was read from a terminal; None without any."""
    ages = []
    for terminal in terminals:
        with suppress(OSError):
            ages.append(max(0.0, now_s - terminal.stat().st_atime))
    return min(ages, default=None)


def others_cpu_s() -> float:
    """Return the processor seconds taken since the machine started by all but this process and its children."""
    times = psutil.cpu_times()
    everything = times.user + times.system + getattr(times, "nice", 0.0)
    ours = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with suppress(psutil.Error):
            own = process.cpu_times()
            ours += own.user + own.system
    return everything - ours
