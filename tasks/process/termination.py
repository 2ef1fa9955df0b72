"""How processes end: with their parent, in whole groups, and how an exit code reads."""

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
    from collections.abc import Iterator, Sequence

_PR_SET_PDEATHSIG = 1
_GUARDIAN = Path(__file__).with_name("guardian.py")
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_TETHER = (
    "import ctypes, os, sys; sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, int(sys.argv[2])); "
    "os.getppid() == int(sys.argv[1]) or sys.exit(3); os.execv(sys.argv[3], sys.argv[3:])"
)


def end_with_parent(command: Sequence[str], *, ends: signal.Signals = signal.SIGTERM) -> list[str]:
    """Return a command line that runs a program so that it gets a signal when its parent ends, however that happens.

    The system sends the signal when the *thread* that started the program ends: start it from one that lasts.
    """
    return [sys.executable, "-c", _TETHER, str(os.getpid()), str(int(ends)), *command]


def ask_for_death_signal() -> None:
    """Have this process killed when its parent ends, however that happens, even while it runs native code."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def guarded(group: int) -> Iterator[None]:
    """End a group of processes when this block ends, and also when this process is killed inside it.

    The death signal reaches a program alone, not the programs it has started. On Windows, which has no process groups,
    this does nothing.
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
    """Kill all processes of a group, if there are any."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def describe_exit(code: int | None) -> str:
    """Say how a process ended by its exit code (negative: the signal that ended it)."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
