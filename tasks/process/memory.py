"""How much memory a node has left, and whether a renderer ended for lack of it."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

LOW_FRACTION = 0.08
"""Memory is low when less than this fraction of all memory is available."""
_OUT_OF_MEMORY_TEXTS = (
    "memoryerror",
    "bad_alloc",
    "out of memory",
    "cannot allocate memory",
    "not enough memory",
    "paging file is too small",
)
_CGROUP = Path("/sys/fs/cgroup")


def _oom_kills() -> int:
    """Processes this machine has killed for lack of memory since it was started."""
    with suppress(OSError, ValueError, StopIteration):
        lines = Path("/proc/vmstat").read_text(encoding="utf-8").splitlines()
        return int(next(line for line in lines if line.startswith("oom_kill ")).split()[1])
    return 0


@dataclass(slots=True)
class MemoryWatch:
    """Watches a node's memory while a unit is rendered."""

    lowest_bytes: int | None = None
    """The least that was available at any sample."""
    _oom_kills_before: int = field(default_factory=_oom_kills)

    def sample(self) -> None:
        """Note how much is available now."""
        available = available_bytes()
        self.lowest_bytes = available if self.lowest_bytes is None else min(available, self.lowest_bytes)

    @property
    def was_low(self) -> bool:
        """Whether hardly any was available at some time."""
        return self.lowest_bytes is not None and self.lowest_bytes < LOW_FRACTION * total_bytes()

    def explains_exit(self, *, killed: bool, output: str) -> bool:
        """Whether lack of memory ended a renderer.

        Parameters
        ----------
        killed
            Whether SIGKILL ended it, as the system's out-of-memory killer does.
        output
            Its last output.
        """
        if killed and (self.was_low or _oom_kills() > self._oom_kills_before):
            return True
        lowered = output.lower()
        return any(text in lowered for text in _OUT_OF_MEMORY_TEXTS)


def available_bytes() -> int:
    """Return the memory a process of this node can still have without swapping."""
    available = int(psutil.virtual_memory().available)
    left = cgroup_left_bytes()
    return available if left is None else max(0, min(available, left))


def total_bytes() -> int:
    """Return the memory this node may use in all."""
    total = int(psutil.virtual_memory().total)
    limit = _cgroup_number("memory.max")
    return total if limit is None else min(total, limit)


def tree_memory_bytes(pid: int) -> int:
    """Return the memory that a process and all it has started hold."""
    total = 0
    with suppress(psutil.Error):
        process = psutil.Process(pid)
        for each in [process, *process.children(recursive=True)]:
            with suppress(psutil.Error):
                total += each.memory_info().rss
    return total


def cgroup_left_bytes() -> int | None:
    """Return the memory that is left to this node's container; None without a limit."""
    limit, used = _cgroup_number("memory.max"), _cgroup_number("memory.current")
    return None if limit is None or used is None else limit - used


def _cgroup_number(name: str) -> int | None:
    """Read a number of this node's container; None where it has none, or no limit."""
    with suppress(OSError, ValueError):
        return int((_CGROUP / name).read_text(encoding="utf-8"))
    return None
