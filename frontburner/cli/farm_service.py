"""``frontburner farm install`` and ``farm uninstall``: systemd brings the farm up whenever the machine starts."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from pathlib import Path

from frontburner.cli.command import OK, print_err
from frontburner.manager.farm_setup import farm_folder, read_setup
from frontburner.manager.farm_state import running_farm
from frontburner.manager.services import COMMAND
from frontburner.manager.systemd_units import UNIT_NAME, farm_unit
from frontburner.settings import Settings
from storage.errors import FrontburnerError

SYSTEM_FOLDER = Path("/etc/systemd/system")


def unit_text(*, system: bool) -> str:
    """Return the text of the systemd unit for the farm of this home."""
    home = Settings().home.expanduser().absolute()
    folder = farm_folder(home)
    environment = {"FRONTBURNER_HOME": str(home), "PATH": os.environ.get("PATH", os.defpath)}
    if os.environ.get("PYTHONPATH"):
        environment["PYTHONPATH"] = os.environ["PYTHONPATH"]
    return farm_unit(
        (*_command(), "farm", "up", "--foreground"),
        folder=Path(read_setup(home).folder or home),
        environment=environment,
        secrets=folder / "environment",
        user=getpass.getuser() if system else "",
    )


def install(*, system: bool, only_print: bool) -> int:
    """Write the unit, and have systemd bring the farm up now and at every start of the machine."""
    text = unit_text(system=system)
    if only_print:
        print(text, end="")
        return OK
    _check()
    home = Settings().home
    home.mkdir(parents=True, exist_ok=True)
    if running_farm(home) is not None:
        raise FrontburnerError(
            reason="The farm is up, not started by systemd.", remedy="End it first: frontburner farm down"
        )
    path = _path(system=system)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FrontburnerError(
            reason=f"The unit can't be written: {error}.",
            remedy="Run it as root, or without --system for a unit of your own.",
        ) from None
    _systemctl(system, "daemon-reload")
    _systemctl(system, "enable", "--now", UNIT_NAME)
    print_err(f"{path} is installed, and the farm is up: frontburner farm status")
    if not system:
        print_err(f"To have it run while you are not logged in: loginctl enable-linger {getpass.getuser()}")
    return OK


def uninstall(*, system: bool) -> int:
    """Remove the unit; the farm ends if systemd runs it."""
    path = _path(system=system)
    if not path.exists():
        print_err(f"There is no {path}.")
        return OK
    _check()
    _systemctl(system, "disable", "--now", UNIT_NAME)
    path.unlink()
    _systemctl(system, "daemon-reload")
    print_err(f"{path} is removed. The farm's data is still in {farm_folder(Settings().home)}.")
    return OK


def _command() -> tuple[str, ...]:
    """Return the command line of Frontburner: the program beside this Python, if there is one."""
    program = Path(sys.executable).with_name("frontburner")
    return (str(program),) if program.exists() else COMMAND


def _path(*, system: bool) -> Path:
    if system:
        return SYSTEM_FOLDER / UNIT_NAME
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return configuration / "systemd" / "user" / UNIT_NAME


def _check() -> None:
    if shutil.which("systemctl") is None:
        raise FrontburnerError(
            reason="There is no systemd on this machine.",
            remedy="Have its own service manager run this: frontburner farm up --foreground",
        )


def _systemctl(system: bool, *arguments: str) -> None:  # noqa: FBT001 - always the first argument
    command = ["systemctl", *([] if system else ["--user"]), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FrontburnerError(
            reason=f"`{' '.join(command)}` failed: {done.stderr.strip() or done.returncode}",
            remedy="See its log: `journalctl -u frontburner`, with --user for a unit of your own.",
            retryable=True,
        )
