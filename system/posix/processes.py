"""Processes of Linux and macOS: process groups, and on Linux a signal at the parent's death."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from multiprocessing.connection import Connection

import psutil

assert sys.platform != "win32"

KILLED = -signal.SIGKILL
"""Exit code of a process that was killed, as the system does when memory runs out."""
_PR_SET_PDEATHSIG = 1
_GUARDIAN = Path(__file__).with_name("guardian.py")
_guardians: list[subprocess.Popen[bytes]] = []
"""Of programs that are to end with this process, on systems without a death signal."""
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None
_TETHER = (
    "import ctypes, os, sys; sys.platform == 'linux' and ctypes.CDLL(None).prctl(1, int(sys.argv[2])); "
    "os.getppid() == int(sys.argv[1]) or sys.exit(3); os.execv(sys.argv[3], sys.argv[3:])"
)


def start_group(command: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
    """Start a program in a group of its own, which Ctrl-C in a terminal doesn't reach.

    Parameters
    ----------
    options
        Those of `subprocess.Popen`.

    On Linux the system kills it when the *thread* that started it ends: start it from one that lasts. `guarded` ends
    what it has started as well.
    """
    return subprocess.Popen(command, start_new_session=True, preexec_fn=ask_for_death_signal, **options)  # noqa: PLW1509 - it only makes a system call


def start_with_parent(
    command: Sequence[str], *, ends: int = signal.SIGTERM, **options: Any  # noqa: ANN401
) -> subprocess.Popen[bytes]:  # fmt: skip
    """Start a program like `start_group`; when its parent ends, it gets a signal, so that it can end in order."""
    tethered = [sys.executable, "-c", _TETHER, str(os.getpid()), str(ends), *command]
    process: subprocess.Popen[bytes] = subprocess.Popen(tethered, start_new_session=True, **options)
    if sys.platform == "darwin":
        _guardians[:] = [guardian for guardian in _guardians if guardian.poll() is None]
        _guardians.append(_guardian(process, ends))
    return process


@contextmanager
def passed_on(end: Connection) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the number by which a program can open an end of a pipe, and the options of `Popen` that pass it on."""
    yield end.fileno(), {"pass_fds": [end.fileno()]}


def start_detached(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
    """Start a program in a group of its own that goes on when this process ends."""
    return subprocess.Popen(command, start_new_session=True, **options)


def ask_for_death_signal() -> None:
    """Have this process killed when its parent ends, however that happens, even while it runs native code."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def contain_children() -> None:
    """Do nothing: what a killed process has started is ended by `guarded`, or by its death signal."""


@contextmanager
def guarded(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a program's whole group when this block ends, and also when this process is killed inside it.

    The death signal reaches a program alone, not the programs it has started.
    """
    with _guardian(process, signal.SIGKILL) as guardian:
        try:
            yield
        finally:
            end_group(process)
            guardian.kill()


def _guardian(process: subprocess.Popen[bytes], number: int) -> subprocess.Popen[bytes]:
    """Start what sends a program's group a signal when this process ends."""
    command = [sys.executable, "-I", "-S", str(_GUARDIAN), str(process.pid), str(int(number))]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def end_group(process: subprocess.Popen[Any]) -> None:
    """Kill a program that was started in a group of its own, and all that it has started."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def began_s_of(pid: int) -> float:
    """Return when a process started, in seconds since boot: both times move when the clock is set.

    Raises `psutil.Error`.
    """
    return float(psutil.Process(pid).create_time() - psutil.boot_time())


def kill(pid: int) -> None:
    """End a process at once. Raises `ProcessLookupError`."""
    os.kill(pid, signal.SIGKILL)


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a child has ended, on Linux without reaping it, so that `wait` still tells what it used."""
    if sys.platform == "darwin":
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def wait(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Wait for a child.

    Returns
    -------
    tuple
        Its exit code, negative for the signal that ended it; and the most memory it held, in bytes.
    """
    if process.returncode is not None:
        return process.returncode, 0
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, used.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def start_resource_tracker() -> None:
    """Start Python's tracker of semaphores, which outlives the processes that use them."""
    resource_tracker.ensure_running()


def notify_systemd() -> None:
    """Notify systemd, if it started this process, that it is up."""
    if not (address := os.environ.get("NOTIFY_SOCKET")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
        systemd.sendall(b"READY=1")


def replace_process(command: Sequence[str]) -> NoReturn:
    """Become another program."""
    os.execv(command[0], list(command))  # noqa: S606 - that is its purpose
