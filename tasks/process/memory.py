"""How much memory a node has left, and whether a renderer came to its end for lack of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

SPARE_PART = 0.08
"""Memory is short when less than this part of all there is is left."""
_WORDS = ("memoryerror", "bad_alloc", "out of memory", "cannot allocate memory", "not enough memory")
_CGROUP = Path("/sys/fs/cgroup")


def _killed_so_far() -> int:
    """Processes this machine has ended for lack of memory since it was started."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/vmstat").read_text().splitlines()
        return int(next(line for line in lines if line.startswith("oom_kill ")).split()[1])
    return 0


@dataclass(slots=True)
class MemoryWatch:
    """Watches a node's memory while a unit is rendered."""

    least_bytes: int | None = None
    """The least that was left at any look."""
    _killed: int = field(default_factory=_killed_so_far)

    def look(self) -> None:
        """Note how much is left now."""
        left = available_bytes()
        self.least_bytes = left if self.least_bytes is None else min(left, self.least_bytes)

    @property
    def short(self) -> bool:
        """Whether there was hardly any left at some time."""
        return self.least_bytes is not None and self.least_bytes < SPARE_PART * total_bytes()

    def ended(self, *, killed: bool, words: str) -> bool:
        """Whether it was memory that ended a renderer.

        Parameters
        ----------
        killed
            Whether the system's own signal ended it, SIGKILL.
        words
            What it said last.
        """
        if killed and (self.short or _killed_so_far() > self._killed):
            return True
        said = words.lower()
        return any(word in said for word in _WORDS)


def available_bytes() -> int:
    """Return the memory a process of this node can still have, without any swapping."""
    left = int(psutil.virtual_memory().available)
    limit, used = _of_cgroup("memory.max"), _of_cgroup("memory.current")
    return left if limit is None or used is None else max(0, min(left, limit - used))


def total_bytes() -> int:
    """Return the memory this node may use in all."""
    total = int(psutil.virtual_memory().total)
    limit = _of_cgroup("memory.max")
    return total if limit is None else min(total, limit)


def _of_cgroup(name: str) -> int | None:
    """Read a number of this node's container; None where it has none, or no limit."""
    with suppress(OSError, ValueError):
        return int((_CGROUP / name).read_text())
    return None
