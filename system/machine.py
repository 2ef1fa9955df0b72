"""What this process may use of its machine."""

from __future__ import annotations

import getpass
import os
import platform
import sys
import sysconfig
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

if TYPE_CHECKING:
    from collections.abc import Iterator

NICEST = 19
_SYSTEMS = {"win32": "windows", "darwin": "macos"}
_ARCHITECTURES = {"amd64": "x86_64", "aarch64": "arm64", "win32": "x86"}


def platform_name() -> str:
    """Return the system and the architecture of the programs that run here, such as ``windows-x86_64``."""
    # Windows runs programs of other architectures, so what counts there is this Python's own.
    machine = sysconfig.get_platform().rpartition("-")[2] if sys.platform == "win32" else platform.machine()
    return f"{_SYSTEMS.get(sys.platform, sys.platform)}-{_ARCHITECTURES.get(machine.lower(), machine.lower())}"


def cores() -> int:
    """Return the processor cores this process may use."""
    if sys.platform == "darwin":  # it can't tell
        return os.cpu_count() or 1
    return len(psutil.Process().cpu_affinity())


def load() -> float | None:
    """Return the processes that wanted to run in the last minute, on average; None where the system can't tell."""
    try:
        return float(psutil.getloadavg()[0])
    except (OSError, RuntimeError):  # Windows' performance counters may be off
        return None


def lower_priority(niceness: int) -> None:
    """Let other programs go first: at least this nice (1 to 19), and on Windows below normal."""
    process = psutil.Process()
    if sys.platform == "win32":
        process.nice(psutil.IDLE_PRIORITY_CLASS if niceness == NICEST else psutil.BELOW_NORMAL_PRIORITY_CLASS)
    else:
        process.nice(max(niceness, process.nice()))


def limit(name: str) -> int | None:
    """Return a limit of this process, such as NOFILE or AS; None if there is none."""
    if sys.platform == "win32":
        return None
    import resource

    soft = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[0]
    return None if soft == resource.RLIM_INFINITY else soft


@contextmanager
def limited_memory(more_bytes: int) -> Iterator[None]:
    """Limit the memory that this process may take in addition. Only on Linux; elsewhere nothing is limited."""
    if sys.platform != "linux":
        yield
        return
    import resource

    limits = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (psutil.Process().memory_info().vms + more_bytes, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, limits)


def reset_peak_memory(pid: int) -> None:
    """Begin to measure a process's peak anew, where the system can."""
    with suppress(OSError):
        Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak_memory_bytes(pid: int) -> int:
    """Return the most memory a process held since the last reset, where the system can tell; else since its start.

    0 if it is gone, or another process on a system that tells a process's own peak only.
    """
    with suppress(OSError, ValueError, StopIteration):
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        return 1024 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    if sys.platform == "win32":
        with suppress(psutil.Error):
            return int(psutil.Process(pid).memory_info().peak_wset)
    elif pid == os.getpid():
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return 0


@contextmanager
def scheduling_kept() -> Iterator[None]:
    """Keep the scheduling policy of this process's threads, whatever a library does to it. Only Linux has any."""
    if sys.platform != "linux":
        yield
        return
    policy, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        for thread in Path("/proc/self/task").glob("[0-9]*"):
            with suppress(OSError):  # it has ended
                if os.sched_getscheduler(int(thread.name)) != policy:
                    os.sched_setscheduler(int(thread.name), policy, parameters)


def io_bytes(process: psutil.Process) -> int:
    """Return the bytes a process has read and written, where the system tells."""
    if sys.platform == "darwin":  # it doesn't count them
        return 0
    try:
        counters = process.io_counters()
    except (psutil.Error, OSError):
        return 0
    # Those of calls, not of the disk: a share isn't one, and what is in memory is read all the same.
    read, written = getattr(counters, "read_chars", counters.read_bytes), counters.write_bytes
    return int(read + getattr(counters, "write_chars", written))


def waits_for_disk(pid: int) -> bool:
    """Whether a thread of a process sleeps uninterruptibly, as one does that reads from a share (Linux alone tells)."""
    try:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            if (thread / "stat").read_text().rpartition(")")[2].split()[0] == "D":
                return True
    except (OSError, IndexError):
        pass  # it has ended, or this is another system
    return False


def has_desktop() -> bool:
    """Whether this process runs in a session with a desktop, where somebody may sit."""
    if sys.platform == "win32":
        import win32ts

        return win32ts.ProcessIdToSessionId(os.getpid()) != 0  # type: ignore[no-untyped-call,no-any-return]
    if sys.platform == "darwin":
        return os.getuid() != 0
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def python_without_window() -> str:
    """Return the Python that runs this, without the window that Windows gives to programs of a console."""
    quiet = Path(sys.executable).with_name("pythonw.exe")
    return str(quiet) if quiet.exists() else sys.executable


def is_root() -> bool:
    """Whether this process may do everything: as root, or as an administrator of Windows."""
    if sys.platform == "win32":
        import ctypes

        return bool(ctypes.windll.shell32.IsUserAnAdmin())
    return os.geteuid() == 0


def user() -> str:
    """Return the name of the user who runs this."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        if sys.platform == "win32":
            return "unknown user"
        return f"user {os.getuid()}"
