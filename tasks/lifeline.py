"""What ends with its parent: a process asks the system for it, and a guardian ends whole groups of processes."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_PR_SET_PDEATHSIG = 1
_GUARDIAN = Path(__file__).with_name("guardian.py")
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def ask_for_death_signal() -> None:
    """Have this process killed when its parent ends, however that happens; native code too."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def guarded(group: int) -> Iterator[None]:
    """End a group of processes when this block does, and also when this process is killed inside it.

    The death signal reaches a program alone, not the programs it has started. Where there are no groups, on Windows,
    nothing is done.
    """
    if sys.platform == "win32":
        yield
        return
    command = [sys.executable, "-I", "-S", str(_GUARDIAN), str(group)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as guardian:
        try:
            yield
        finally:
            end_group(group)
            guardian.kill()


def end_group(group: int) -> None:
    """Kill all processes of a group, where there are any."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
