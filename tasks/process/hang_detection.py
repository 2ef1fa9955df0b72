"""Whether a renderer still does anything: one that takes no processor time for long waits for what won't come."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

STILL_S = 900.0
LOOK_S = 5.0
STIRS_CPU_S = 0.1
"""Less than this isn't work: a runtime's own threads wake now and then."""


def cpu_s(pid: int) -> float:
    """Return the processor seconds a process and its children have taken; 0 when it is gone."""
    try:
        process = psutil.Process(pid)
        times = [process.cpu_times(), *(own.cpu_times() for own in process.children(recursive=True))]
    except psutil.Error:
        return 0.0
    return sum(own.user + own.system for own in times)


@dataclass(slots=True)
class HangDetection:
    """Watches a renderer's processor time.

    Parameters
    ----------
    taken_s
        Returns the processor seconds it has taken so far.
    still_s, look_s
        How long it may do nothing, and how often that is looked at.
    """

    taken_s: Callable[[], float]
    still_s: float = field(default_factory=lambda: STILL_S)
    look_s: float = field(default_factory=lambda: LOOK_S)
    _looked_s: float = float("-inf")
    _stirred_s: float = 0.0
    _taken_s: float | None = None

    def look(self, now_s: float) -> bool:
        """Whether it has done nothing for `still_s`; asked as often as one likes."""
        if now_s - self._looked_s < self.look_s:
            return False
        self._looked_s, taken_s = now_s, self.taken_s()
        if self._taken_s is None or abs(taken_s - self._taken_s) >= STIRS_CPU_S:
            self._taken_s, self._stirred_s = taken_s, now_s
        return now_s - self._stirred_s > self.still_s
