"""Detects whether somebody uses this machine: by keys pressed in a terminal, or other programs that use its cores."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterable

INPUT_S = 300.0
"""The machine counts as used for so long after a key was pressed."""
BUSY_S = 30.0
BUSY_SHARE = 0.25
"""Other programs count when they use a larger share of the cores, averaged over `BUSY_S`."""


@dataclass(slots=True)
class IdleDetection:
    """Compares samples of the machine over the last seconds.

    Parameters
    ----------
    cores
        Number of the machine's cores.
    """

    cores: int
    _samples: deque[tuple[float, float]] = field(default_factory=deque)

    def update(self, *, now_s: float, input_age_s: float | None, other_cpu_s: float) -> str:
        """Add a sample; returns how somebody uses the machine, empty if nobody does.

        Parameters
        ----------
        input_age_s
            Seconds since a key was pressed in a terminal; None without a terminal.
        other_cpu_s
            Processor seconds used so far by all but our own processes.
        """
        self._samples.append((now_s, other_cpu_s))
        while len(self._samples) > 1 and self._samples[1][0] <= now_s - BUSY_S:
            self._samples.popleft()
        if input_age_s is not None and input_age_s < INPUT_S:
            return "somebody types"
        first_s, first_cpu_s = self._samples[0]
        if now_s - first_s < BUSY_S:
            return ""
        share = (other_cpu_s - first_cpu_s) / (now_s - first_s) / self.cores
        return f"other programs use {share:.0%} of its cores" if share > BUSY_SHARE else ""


def terminals() -> list[Path]:
    """Return the terminals of the users who are logged in."""
    terminals: set[Path] = {Path("/dev") / user.terminal for user in psutil.users() if user.terminal}
    return sorted(terminals | set(Path("/dev/pts").glob("[0-9]*")))


def input_age_s(terminals: Iterable[Path], now_s: float) -> float | None:
    """Return the seconds since a terminal was read from; None without any."""
    ages = []
    for terminal in terminals:
        with suppress(OSError):
            ages.append(max(0.0, now_s - terminal.stat().st_atime))
    return min(ages, default=None)


def other_cpu_s() -> float:
    """Return the processor seconds since boot of all but this process and its children."""
    times = psutil.cpu_times()
    total = times.user + times.system + getattr(times, "nice", 0.0)
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with suppress(psutil.Error):
            used = process.cpu_times()
            total -= used.user + used.system
    return total
