"""Detects a renderer that hangs: one that neither computes nor reads for long, as it waits for what won't come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from system import machine

if TYPE_CHECKING:
    from collections.abc import Callable

HANG_TIMEOUT_S = 60.0
"""How long a renderer may do nothing. One that did nothing for longer, and went on, gets more time."""
LONGEST_HANG_S = 900.0
CHECK_EVERY_S = 5.0
BUSY_CPU_S = 0.1
"""Less processor time than this isn't work: a runtime's own threads wake now and then."""
BUSY_BYTES = 1 << 16
"""Fewer bytes than this aren't work: threads wake each other by reading and writing a few."""
STOPPED_S = 20.0
"""If it wasn't looked at for this long, the machine or this process was stopped, and the renderer with it."""
PATIENCE = 2.0
"""A renderer may do nothing for this many times as long as it did before it went on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """What a process and its children have done so far.

    Parameters
    ----------
    cpu_s
        Processor seconds they used.
    io_bytes
        Bytes they read and wrote.
    waits_for_disk
        Whether one of them waits for a disk or a share right now, which may be slow.
    """

    cpu_s: float = 0.0
    io_bytes: int = 0
    waits_for_disk: bool = False


def tree_activity(pid: int) -> Activity:
    """Return what a process and its children have done; nothing when it is gone."""
    try:
        process = psutil.Process(pid)
        tree = [process, *process.children(recursive=True)]
        times = [each.cpu_times() for each in tree]
    except psutil.Error:
        return Activity()
    return Activity(
        cpu_s=sum(each.user + each.system for each in times),
        io_bytes=sum(map(machine.io_bytes, tree)),
        waits_for_disk=any(machine.waits_for_disk(each.pid) for each in tree),
    )


@dataclass(slots=True)
class HangDetector:
    """Watches what a renderer does.

    Parameters
    ----------
    activity
        Returns what it has done so far.
    timeout_s, check_every_s
        How long it may do nothing, and how often that is checked.
    longest_s
        The longest it did nothing so far, and went on.
    """

    activity: Callable[[], Activity]
    timeout_s: float = field(default_factory=lambda: HANG_TIMEOUT_S)
    check_every_s: float = field(default_factory=lambda: CHECK_EVERY_S)
    longest_s: float = field(init=False, default=0.0)
    _checked_s: float = float("-inf")
    _busy_s: float = 0.0
    _last: Activity | None = None

    def hangs(self, now_s: float) -> bool:
        """Whether it has done nothing for `timeout_s`. May be called as often as one likes."""
        if now_s - self._checked_s < self.check_every_s:
            return False
        stopped = now_s - self._checked_s > STOPPED_S
        self._checked_s, done = now_s, self.activity()
        if self._last is None or stopped or done.waits_for_disk or _differs(done, self._last):
            if self._last is not None and not stopped:
                self.longest_s = max(self.longest_s, now_s - self._busy_s)
            self._last, self._busy_s = done, now_s
        return now_s - self._busy_s > self.timeout_s


def patience_s(longest_s: float) -> float:
    """Return how long a renderer may do nothing that did nothing for this long before, and went on."""
    return min(max(HANG_TIMEOUT_S, PATIENCE * longest_s), LONGEST_HANG_S)


def _differs(now: Activity, before: Activity) -> bool:
    """Whether anything was done in between. Both figures also fall, when a child ends."""
    return abs(now.cpu_s - before.cpu_s) >= BUSY_CPU_S or abs(now.io_bytes - before.io_bytes) >= BUSY_BYTES
