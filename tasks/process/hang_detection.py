"""Detects a renderer that hangs: one that uses no processor time for long waits for something that won't come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

HANG_TIMEOUT_S = 900.0
CHECK_EVERY_S = 5.0
BUSY_CPU_S = 0.1
"""Less processor time than this isn't work: a runtime's own threads wake now and then."""


def tree_cpu_s(pid: int) -> float:
    """Return the processor seconds a process and its children have used; 0 when it is gone."""
    try:
        process = psutil.Process(pid)
        times = [process.cpu_times(), *(child.cpu_times() for child in process.children(recursive=True))]
    except psutil.Error:
        return 0.0
    return sum(each.user + each.system for each in times)


@dataclass(slots=True)
class HangDetector:
    """Watches a renderer's processor time.

    Parameters
    ----------
    cpu_s
        Returns the processor seconds it has used so far.
    timeout_s, check_every_s
        How long it may do nothing, and how often that is checked.
    """

    cpu_s: Callable[[], float]
    timeout_s: float = field(default_factory=lambda: HANG_TIMEOUT_S)
    check_every_s: float = field(default_factory=lambda: CHECK_EVERY_S)
    _checked_s: float = float("-inf")
    _busy_s: float = 0.0
    _cpu_s: float | None = None

    def hangs(self, now_s: float) -> bool:
        """Whether it has done nothing for `timeout_s`. May be called as often as one likes."""
        if now_s - self._checked_s < self.check_every_s:
            return False
        self._checked_s, cpu_s = now_s, self.cpu_s()
        if self._cpu_s is None or abs(cpu_s - self._cpu_s) >= BUSY_CPU_S:
            self._cpu_s, self._busy_s = cpu_s, now_s
        return now_s - self._busy_s > self.timeout_s
