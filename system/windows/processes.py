"""Processes of Windows: a program and all it starts are in a job object, which ends them when its handle closes."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

assert sys.platform == "win32"

import psutil
import pywintypes
import win32api
import win32con
import win32job
import win32process

if TYPE_CHECKING:
    from multiprocessing.connection import PipeConnection

KILLED = 1
"""Exit code of a process that was killed; Windows doesn't kill any when memory runs out."""
_CREATE_SUSPENDED = 0x4
_NO_DIALOGS = win32con.SEM_FAILCRITICALERRORS | win32con.SEM_NOGPFAULTERRORBOX | win32con.SEM_NOOPENFILEERRORBOX
_jobs: WeakKeyDictionary[subprocess.Popen[Any], Any] = WeakKeyDictionary()
"""Handles of job objects: this process's end closes them, however it ends, and that ends their processes."""
_own_job: Any = None


def start_group(command: Sequence[str | os.PathLike[str]], **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
    """Start a program in a group of its own, which Ctrl-C in a terminal doesn't reach.

    Parameters
    ----------
    options
        Those of `subprocess.Popen`.

    It ends with this process, and so does all it has started.
    """
    # Suspended until it is in its job object: what it starts belongs to the same one.
    flags = subprocess.CREATE_NEW_PROCESS_GROUP | _CREATE_SUSPENDED | options.pop("creationflags", 0)
    process: subprocess.Popen[bytes] = subprocess.Popen(command, creationflags=flags, **options)
    try:
        job = _job_object()
        handle = win32api.OpenProcess(win32con.PROCESS_SET_QUOTA | win32con.PROCESS_TERMINATE, False, process.pid)
        win32job.AssignProcessToJobObject(job, handle)
        _jobs[process] = job
        psutil.Process(process.pid).resume()
    except (pywintypes.error, psutil.Error) as error:
        process.kill()
        raise OSError(f"{command[0]} can't be started in a job object: {error}") from error
    return process


def start_with_parent(
    command: Sequence[str], *, ends: int = 0, **options: Any  # noqa: ANN401, ARG001
) -> subprocess.Popen[bytes]:  # fmt: skip
    """Start a program like `start_group`. When its parent ends, it is ended: there are no signals it could act on."""
    return start_group(command, **options)


@contextmanager
def passed_on(end: PipeConnection[Any, Any]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Give the number by which a program can open an end of a pipe, and the options of `Popen` that pass it on."""
    handle = end.fileno()
    os.set_handle_inheritable(handle, True)
    try:
        yield handle, {"startupinfo": subprocess.STARTUPINFO(lpAttributeList={"handle_list": [handle]})}
    finally:
        os.set_handle_inheritable(handle, False)


def start_detached(command: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
    """Start a program in a group of its own that goes on when this process ends."""
    flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    try:
        return subprocess.Popen(command, creationflags=flags | subprocess.CREATE_BREAKAWAY_FROM_JOB, **options)
    except PermissionError:  # what started this process keeps all in its job object, as a terminal may
        return subprocess.Popen(command, creationflags=flags, **options)


def ask_for_death_signal() -> None:
    """Do nothing: a process ends with its parent if it was started by `start_group`."""


def contain_children() -> None:
    """Have this process's end, however it comes, end all that it starts from now on; none of it shows dialogs.

    A program that crashes or lacks a DLL would otherwise wait for somebody to close a window.
    """
    global _own_job  # noqa: PLW0603 - its handle lasts as long as this process
    win32api.SetErrorMode(_NO_DIALOGS)  # type: ignore[no-untyped-call]
    if _own_job is None:
        _own_job = _job_object()
        win32job.AssignProcessToJobObject(_own_job, win32api.GetCurrentProcess())


@contextmanager
def guarded(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """End a program and all it has started when this block ends, and also when this process is killed inside it."""
    try:
        yield
    finally:
        end_group(process)


def end_group(process: subprocess.Popen[Any]) -> None:
    """Kill a program that was started in a group of its own, and all that it has started."""
    job = _jobs.pop(process, None)
    with suppress(OSError, pywintypes.error):
        if job is None:
            process.kill()
        else:
            win32job.TerminateJobObject(job, KILLED)


def began_s_of(pid: int) -> float:
    """Return when a process started, in seconds of the clock as it was then; the time of boot is known to a second.

    Raises `psutil.Error`.
    """
    return psutil.Process(pid).create_time()


def kill(pid: int) -> None:
    """End a process at once. Raises `ProcessLookupError`."""
    try:
        psutil.Process(pid).kill()
    except psutil.NoSuchProcess:
        raise ProcessLookupError(pid) from None


def has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether a child has ended."""
    return process.poll() is not None


def wait(process: subprocess.Popen[bytes]) -> tuple[int, int]:
    """Wait for a child.

    Returns
    -------
    tuple
        Its exit code, which is the status that ended it if it crashed; and the most memory it held, in bytes.
    """
    with suppress(pywintypes.error):
        # A handle keeps the figures of a process that has ended.
        handle = win32api.OpenProcess(win32con.PROCESS_QUERY_INFORMATION, False, process.pid)
        code = process.wait()
        return code, int(win32process.GetProcessMemoryInfo(handle)["PeakWorkingSetSize"])
    return process.wait(), 0


def start_resource_tracker() -> None:
    """Do nothing: Windows removes the semaphores of processes that have ended."""


def notify_systemd() -> None:
    """Do nothing: there is no systemd."""


def replace_process(command: Sequence[str]) -> NoReturn:
    """Run another program to its end in this process's place, and end as it does."""
    process = start_group(command)
    with guarded(process):
        sys.exit(process.wait())


def _job_object() -> Any:  # noqa: ANN401 - a handle
    job: Any = win32job.CreateJobObject(None, "")  # type: ignore[func-returns-value]
    limits = win32job.QueryInformationJobObject(job, win32job.JobObjectExtendedLimitInformation)
    limits["BasicLimitInformation"]["LimitFlags"] |= win32job.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
    win32job.SetInformationJobObject(job, win32job.JobObjectExtendedLimitInformation, limits)
    return job
