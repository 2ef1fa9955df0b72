"""Services as tasks of Task Scheduler, run in the session of the user who logs on.

A Windows service would run in a session without desktop: without the user's mapped drives, and without the graphics
driver that some renderers need.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from system.installed_service import InstalledService, ServiceManagerFailed, ServiceState
from system.windows.task_definition import Task, task_xml

if TYPE_CHECKING:
    from collections.abc import Iterator

assert sys.platform == "win32"

import pythoncom
import win32api
import win32con
from win32com.client import Dispatch

MANAGER = "Task Scheduler"
_RUNNING = 4
"""TASK_STATE_RUNNING."""
_PACKAGES = Path(__file__).parents[2]


def definition(service: InstalledService) -> str:
    """Return the XML of a service's task."""
    return task_xml(
        Task(
            title=service.title,
            user=win32api.GetUserNameEx(win32con.NameSamCompatible),
            at_start=bool(service.user),
            program=str(_python()),
            arguments=tuple(_arguments(service)),
            folder=str(_PACKAGES),  # there it finds its module
        )
    )


def install(service: InstalledService) -> str:
    """Register the task, and start it now; from then on it starts whenever its user logs on, or the machine starts.

    Returns
    -------
    str
        What else its user may want to do; empty if there is nothing.

    Raises
    ------
    ServiceManagerFailed
        When it can't be installed.
    """
    name = _task_name(service.name, system=bool(service.user))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "task.xml"
        path.write_text(definition(service), encoding="utf-16")
        _schtasks("/create", "/tn", name, "/xml", str(path), "/f")
    _schtasks("/run", "/tn", name)
    return ""


def uninstall(name: str, *, system: bool) -> None:
    """Remove a task; what it runs is ended. Raises `ServiceManagerFailed`."""
    task = _task_name(name, system=system)
    if state(name, system=system) is ServiceState.RUNNING:
        _schtasks("/end", "/tn", task)
    _schtasks("/delete", "/tn", task, "/f")


def state(name: str, *, system: bool) -> ServiceState:
    """Return what Task Scheduler says of a task. Its program would say so in the user's language."""
    try:
        scheduler = Dispatch("Schedule.Service")
        scheduler.Connect()
    except (pythoncom.com_error, AttributeError):
        return ServiceState.UNKNOWN
    try:
        task = scheduler.GetFolder("\\").GetTask(_task_name(name, system=system))
    except pythoncom.com_error:
        return ServiceState.ABSENT
    return ServiceState.RUNNING if task.State == _RUNNING else ServiceState.STOPPED


def place(name: str, *, system: bool) -> str:
    """Return where a service is defined."""
    return f"the task {_task_name(name, system=system)}"


def _task_name(name: str, *, system: bool) -> str:
    return f"{name} (machine)" if system else name


def _python() -> Path:
    """Return the Python that has no console, and so opens no window; a few distributions come without it."""
    quiet = Path(sys.executable).with_name("pythonw.exe")
    return quiet if quiet.exists() else Path(sys.executable)


def _arguments(service: InstalledService) -> Iterator[str]:
    yield from ("-m", "system.run_service", "--log", str(service.log), "--folder", str(service.folder))
    yield from ("--secrets", str(service.secrets))
    for name, value in service.environment.items():
        if name != "PATH":  # a task has that of its user, as it is when the task starts
            yield from ("--set", f"{name}={value}")
    yield from ("--", *service.command)


def _schtasks(*arguments: str) -> None:
    done = subprocess.run(
        ["schtasks", *arguments], capture_output=True, encoding="oem", errors="replace", stdin=subprocess.DEVNULL,
        check=False,
    )  # fmt: skip
    if done.returncode:
        why = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise ServiceManagerFailed(
            f"Task Scheduler refused it (schtasks {arguments[0]}): {why}",
            "A task that starts with the machine (--system) takes a terminal that was started as administrator.",
        )
