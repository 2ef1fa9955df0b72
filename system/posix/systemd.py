"""Services of systemd: a unit of the machine, or of one user."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import subprocess
from pathlib import Path

from system.installed_service import (
    RESTART_DELAY_S,
    STOP_TIMEOUT_S,
    InstalledService,
    ServiceManagerFailed,
    ServiceState,
)

MANAGER = "systemd"
START_TIMEOUT_S = 600
_SYSTEM_FOLDER = Path("/etc/systemd/system")
_COMMAND = {True: ("systemctl",), False: ("systemctl", "--user")}
_PLAIN = re.compile(r"[\w@:,./=+-]+")

_UNIT = """# Written by Frontburner.
[Unit]
Description={title}
Wants=network-online.target
After=network-online.target

[Service]
Type={type}
ExecStart={command}
WorkingDirectory={folder}
{environment}
# Credentials, such as AWS_ACCESS_KEY_ID=… of your own store: a file that only you can read.
EnvironmentFile=-{secrets}
{user}# What was ended on purpose stays down, such as a farm by `frontburner farm down`.
Restart=on-failure
RestartSec={restart_delay_s}
TimeoutStartSec={start_timeout_s}
TimeoutStopSec={stop_timeout_s}
# The program ends what it has started in its order; what is left after that is killed.
KillMode=mixed

[Install]
WantedBy={target}
"""


def definition(service: InstalledService) -> str:
    """Return the text of a service's unit."""
    return _UNIT.format(
        title=service.title,
        type="notify" if service.notifies else "exec",
        command=" ".join(_quoted(word) for word in service.command),
        folder=_escaped(str(service.folder)),
        environment="\n".join(
            f"Environment={_quoted(f'{name}={value}')}" for name, value in service.environment.items()
        ),
        secrets=_escaped(str(service.secrets)),
        user=f"User={service.user}\n" if service.user else "",
        restart_delay_s=RESTART_DELAY_S,
        start_timeout_s=START_TIMEOUT_S,
        stop_timeout_s=STOP_TIMEOUT_S,
        target="multi-user.target" if service.user else "default.target",
    )


def install(service: InstalledService) -> str:
    """Write the unit, and have systemd start it now and at every start of the machine.

    Returns
    -------
    str
        What else its user may want to do; empty if there is nothing.

    Raises
    ------
    ServiceManagerFailed
        When it can't be installed.
    """
    _check()
    system = bool(service.user)
    path = _path(service.name, system=system)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(definition(service), encoding="utf-8")
    except OSError as error:
        raise ServiceManagerFailed(
            f"The unit can't be written: {error}.", "Run it as root, or without --system for a unit of your own."
        ) from None
    _systemctl(system, "daemon-reload")
    _systemctl(system, "enable", path.name)
    _systemctl(system, "restart", path.name)  # also what ran with a unit of before
    return "" if system else f"To have it run while you are not logged in: loginctl enable-linger {getpass.getuser()}"


def uninstall(name: str, *, system: bool) -> None:
    """Remove a unit; what it runs is ended. Raises `ServiceManagerFailed`."""
    path = _path(name, system=system)
    if not path.exists():
        return
    _check()
    _systemctl(system, "disable", "--now", path.name)
    path.unlink()
    _systemctl(system, "daemon-reload")


def state(name: str, *, system: bool) -> ServiceState:
    """Return what systemd says of a service."""
    path = _path(name, system=system)
    if not path.exists():
        return ServiceState.ABSENT
    command = [*_COMMAND[system], "is-active", "--quiet", path.name]
    active = shutil.which("systemctl") and subprocess.run(command, capture_output=True, check=False).returncode == 0
    return ServiceState.RUNNING if active else ServiceState.STOPPED


def place(name: str, *, system: bool) -> str:
    """Return where a service is defined."""
    return str(_path(name, system=system))


def _quoted(word: str) -> str:
    """Return a word quoted so that systemd reads it unchanged."""
    word = _escaped(word)
    if _PLAIN.fullmatch(word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _escaped(text: str) -> str:
    """Return text with systemd's specifiers escaped."""
    return text.replace("%", "%%")


def _path(name: str, *, system: bool) -> Path:
    if system:
        return _SYSTEM_FOLDER / f"{name}.service"
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return configuration / "systemd" / "user" / f"{name}.service"


def _check() -> None:
    if shutil.which("systemctl") is None:
        raise ServiceManagerFailed(
            "There is no systemd on this machine.", "Have its own service manager run the command that --print shows."
        )


def _systemctl(system: bool, *arguments: str) -> None:  # noqa: FBT001 - always the first argument
    command = [*_COMMAND[system], *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceManagerFailed(
            f"`{' '.join(command)}` failed: {done.stderr.strip() or done.returncode}.",
            f"See its log: journalctl {'' if system else '--user '}-u {arguments[-1]}"
            + ("" if system else "; or log in as this user itself, not by su or sudo, or use --system."),
        )
