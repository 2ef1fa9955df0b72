"""What a unit takes of its machine: this process, and the programs it runs."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    import subprocess

_KILOBYTE = 1 if sys.platform == "darwin" else 1024
"""What the system counts a process's memory in."""


@dataclass(slots=True)
class _Programs:
    """The largest of the programs that were waited for, and those that stay."""

    peak_memory_bytes: int = 0
    staying: list[psutil.Process] = field(default_factory=list)


_programs = _Programs()


def reset_peak_memory() -> None:
    """Begin to measure anew."""
    _programs.peak_memory_bytes = 0
    for pid in ("self", *(str(process.pid) for process in _programs.staying)):
        with suppress(OSError):
            Path(f"/proc/{pid}/clear_refs").write_text("5")


def count(process: subprocess.Popen[bytes]) -> None:
    """Count a program that stays between units as well, from now on."""
    _programs.staying.append(psutil.Process(process.pid))


def cpu_s() -> float:
    """Processor seconds of this process, all of its threads, and the programs it has waited for or that stay."""
    times, seconds = os.times(), time.process_time()
    for process in _programs.staying:
        with suppress(psutil.Error):
            own = process.cpu_times()
            seconds += own.user + own.system
    return seconds + times.children_user + times.children_system


def peak_memory_bytes() -> int:
    """Most memory held since it was reset, where the system can tell (else since this process was started).

    That of the largest program is added: this process is there while one runs. Of a program smaller than this process
    the system doesn't tell: it was a copy of this process before it became itself.
    """
    own = _peak_bytes("self") + sum(_peak_bytes(str(process.pid)) for process in _programs.staying)
    largest = _programs.peak_memory_bytes
    return own + largest if largest > own else own


def wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a program, note how large it was, and return its exit code (negative: the signal that ended it)."""
    if not hasattr(os, "wait4"):
        return process.wait()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    _programs.peak_memory_bytes = max(_programs.peak_memory_bytes, used.ru_maxrss * _KILOBYTE)
    return process.returncode


def _peak_bytes(pid: str) -> int:
    with suppress(OSError, ValueError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    if pid != "self":
        return 0
    with suppress(ImportError):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _KILOBYTE
    return 0
