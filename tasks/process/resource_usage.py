"""What a unit uses of its machine: processor time and memory of this process and the programs it runs."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from system import machine, processes

if TYPE_CHECKING:
    import subprocess


@dataclass(slots=True)
class _Programs:
    """Memory of the largest program that was waited for, and the programs that stay between units."""

    peak_memory_bytes: int = 0
    persistent: list[psutil.Process] = field(default_factory=list)


_programs = _Programs()


def reset_peak_memory() -> None:
    """Begin to measure anew."""
    _programs.peak_memory_bytes = 0
    for pid in (os.getpid(), *(process.pid for process in _programs.persistent)):
        machine.reset_peak_memory(pid)


def track(process: subprocess.Popen[bytes]) -> None:
    """From now on, count a program that stays between units as well."""
    _programs.persistent.append(psutil.Process(process.pid))


def cpu_s() -> float:
    """Processor seconds of this process, all of its threads, and the programs it has waited for or that stay."""
    times, seconds = os.times(), time.process_time()
    for process in _programs.persistent:
        with suppress(psutil.Error):
            used = process.cpu_times()
            seconds += used.user + used.system
    return seconds + times.children_user + times.children_system


def peak_memory_bytes() -> int:
    """Most memory held since the last reset, where the system can tell (else since this process was started).

    The largest program's is added, as this process is there while one runs. The system doesn't tell the memory of a
    program smaller than this process: it was a copy of this process before it became itself.
    """
    resident = sum(map(machine.peak_memory_bytes, (os.getpid(), *(process.pid for process in _programs.persistent))))
    largest = _programs.peak_memory_bytes
    return resident + largest if largest > resident else resident


def wait(process: subprocess.Popen[bytes]) -> int:
    """Wait for a program, note how large it was, and return its exit code (negative: the signal that ended it)."""
    code, peak_memory_bytes = processes.wait(process)
    _programs.peak_memory_bytes = max(_programs.peak_memory_bytes, peak_memory_bytes)
    return code
