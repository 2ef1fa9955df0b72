"""``frontburner farm install`` and ``uninstall``: systemd brings the farm up whenever the machine starts."""

from __future__ import annotations

import getpass
import os
import shutil
import subprocess
import sys
from pathlib import Path

from frontburner.manager.farm_setup import farm_folder, read_setup
from frontburner.manager.farm_state import running_farm
from frontburner.manager.services import COMMAND
from frontburner.manager.systemd_units import NAME, farm_unit
from frontburner.settings import Settings
from storage.errors import FrontburnerError

OK = 0
SYSTEM_FOLDER = Path("/etc/systemd/system")


def unit_text(*, system: bool) -> str:
    """Return the unit of this home's farm."""
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
    """Write the unit, have systemd read it, and bring the farm up with it now and from now on."""
    text = unit_text(system=system)
    if only_print:
        print(text, end="")
        return OK
    _check()
    home = Settings().home
    home.mkdir(parents=True, exist_ok=True)
    if running_farm(home) is not None:
        raise FrontburnerError(
            reason="The farm is up by itself.", remedy="End it, so that systemd can: frontburner farm down"
        )
    path = _path(system=system)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FrontburnerError(
            reason=f"The unit can't be written: {error}.",
            remedy="Do it as root, or leave --system out for a unit of your own.",
        ) from None
    _systemctl(system, "daemon-reload")
    _systemctl(system, "enable", "--now", NAME)
    _say(f"{path} is in place, and the farm is up: frontburner farm status")
    if not system:
        _say(f"Have it run without your being logged in: loginctl enable-linger {getpass.getuser()}")
    return OK


def uninstall(*, system: bool) -> int:
    """Take the unit away; the farm ends if it came from it."""
    path = _path(system=system)
    if not path.exists():
        _say(f"There is no {path}.")
        return OK
    _check()
    _systemctl(system, "disable", "--now", NAME)
    path.unlink()
    _systemctl(system, "daemon-reload")
    _say(f"{path} is gone. What the farm kept is still in {farm_folder(Settings().home)}.")
    return OK


def _command() -> tuple[str, ...]:
    """Return what runs Frontburner: its program where there is one beside this Python, as people know it."""
    program = Path(sys.executable).with_name("frontburner")
    return (str(program),) if program.exists() else COMMAND


def _path(*, system: bool) -> Path:
    if system:
        return SYSTEM_FOLDER / NAME
    configuration = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    return configuration / "systemd" / "user" / NAME


def _check() -> None:
    if shutil.which("systemctl") is None:
        raise FrontburnerError(
            reason="There is no systemd on this machine.",
            remedy="Have what starts its services run this: frontburner farm up --foreground",
        )


def _systemctl(system: bool, *words: str) -> None:  # noqa: FBT001 - whose systemd it is
    command = ["systemctl", *([] if system else ["--user"]), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FrontburnerError(
            reason=f"`{' '.join(command)}` failed: {done.stderr.strip() or done.returncode}",
            remedy="See what systemd says: `journalctl -u frontburner`, with --user for a unit of your own.",
            retryable=True,
        )


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
