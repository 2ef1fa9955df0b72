"""Services of launchd: an agent in a user's session, or a daemon of the whole machine."""

from __future__ import annotations

import os
import plistlib
import subprocess
import sys
from pathlib import Path
from typing import Any

from system.installed_service import (
    RESTART_DELAY_S,
    STOP_TIMEOUT_S,
    InstalledService,
    ServiceManagerFailed,
    ServiceState,
)

assert sys.platform != "win32"

MANAGER = "launchd"


def definition(service: InstalledService) -> str:
    """Return a service's property list."""
    # Started through a Python that reads the secrets, which a property list must not hold: others can read it.
    runner = (sys.executable, "-m", "system.run_service", "--secrets", str(service.secrets), "--", *service.command)
    described: dict[str, Any] = {
        "Label": service.name,
        "ProgramArguments": list(runner),
        "WorkingDirectory": str(service.folder),
        "EnvironmentVariables": dict(service.environment),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_DELAY_S,
        "ExitTimeOut": STOP_TIMEOUT_S,
        "ProcessType": "Interactive",  # others have their processor and disk throttled
        "StandardOutPath": str(service.log),
        "StandardErrorPath": str(service.log),
        **({"UserName": service.user} if service.user else {}),
    }
    return plistlib.dumps(described, sort_keys=False).decode()


def install(service: InstalledService) -> str:
    """Write the property list, and have launchd start it now and at every start, or when its user logs in.

    Returns
    -------
    str
        What else its user may want to do; empty if there is nothing.

    Raises
    ------
    ServiceManagerFailed
        When it can't be installed.
    """
    system = bool(service.user)
    path = _path(service.name, system=system)
    _launchctl("bootout", _target(service.name, system=system))  # fails if there was none
    try:
        service.log.parent.mkdir(parents=True, exist_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(definition(service), encoding="utf-8")
    except OSError as error:
        raise ServiceManagerFailed(
            f"The property list can't be written: {error}.",
            "Run it with sudo, or without --system for one of your own.",
        ) from None
    done = _launchctl("bootstrap", _domain(system=system), str(path))
    if done.returncode:
        raise ServiceManagerFailed(
            f"launchd refused {path}: {done.stderr.strip() or done.returncode}.",
            "Run it in a terminal of the desktop, since a user's services belong to it; or with sudo and --system.",
        )
    return ""


def uninstall(name: str, *, system: bool) -> None:
    """Remove a service; what it runs is ended. Raises `ServiceManagerFailed`."""
    _launchctl("bootout", _target(name, system=system))
    try:
        _path(name, system=system).unlink(missing_ok=True)
    except OSError as error:
        raise ServiceManagerFailed(f"The property list can't be removed: {error}.", "Run it with sudo.") from None


def state(name: str, *, system: bool) -> ServiceState:
    """Return what launchd says of a service."""
    if not _path(name, system=system).exists():
        return ServiceState.ABSENT
    done = _launchctl("print", _target(name, system=system))
    running = done.returncode == 0 and "state = running" in done.stdout
    return ServiceState.RUNNING if running else ServiceState.STOPPED


def place(name: str, *, system: bool) -> str:
    """Return where a service is defined."""
    return str(_path(name, system=system))


def _path(name: str, *, system: bool) -> Path:
    folder = Path("/Library/LaunchDaemons") if system else Path("~/Library/LaunchAgents").expanduser()
    return folder / f"{name}.plist"


def _domain(*, system: bool) -> str:
    return "system" if system else f"gui/{os.getuid()}"


def _target(name: str, *, system: bool) -> str:
    return f"{_domain(system=system)}/{name}"


def _launchctl(*arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(["launchctl", *arguments], capture_output=True, text=True, check=False)
    except OSError as error:
        return subprocess.CompletedProcess(["launchctl"], 1, "", str(error))
