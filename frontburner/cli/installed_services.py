"""Installing what starts with the machine: the same for the farm and for a node, on every system."""

from __future__ import annotations

import getpass
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from frontburner.cli.command import OK, print_err
from frontburner.manager.services import COMMAND
from storage.errors import FrontburnerError
from system import service_manager
from system.installed_service import InstalledService, ServiceManagerFailed, ServiceState

if TYPE_CHECKING:
    from collections.abc import Mapping


def command_line() -> tuple[str, ...]:
    """Return the command line of Frontburner: the program beside this Python, if there is one."""
    program = Path(sys.executable).with_name("frontburner")
    return (str(program),) if program.exists() else COMMAND


def inherited_environment() -> Mapping[str, str]:
    """Return the variables without which a service wouldn't find its programs."""
    variables = {"PATH": os.environ.get("PATH", os.defpath)}
    if os.environ.get("PYTHONPATH"):
        variables["PYTHONPATH"] = os.environ["PYTHONPATH"]
    return variables


def install(service: InstalledService, *, system: bool, only_print: bool) -> int:
    """Install a service, and return the command's exit code."""
    service = replace(service, user=getpass.getuser() if system else "")
    try:
        if only_print:
            print(service_manager.definition(service), end="")
            return OK
        more = service_manager.install(service)
    except ServiceManagerFailed as error:
        raise FrontburnerError(reason=error.reason, remedy=error.remedy, retryable=True) from None
    print_err(f"{service.title}: installed as {service_manager.place(service.name, system=system)}, and started.")
    if more:
        print_err(more)
    return OK


def uninstall(name: str, *, system: bool) -> bool:
    """Remove a service, and return whether there was one. What it runs is ended."""
    where = service_manager.place(name, system=system)
    try:
        if service_manager.state(name, system=system) is ServiceState.ABSENT:
            print_err(f"Nothing is installed as {where}.")
            return False
        service_manager.uninstall(name, system=system)
    except ServiceManagerFailed as error:
        raise FrontburnerError(reason=error.reason, remedy=error.remedy, retryable=True) from None
    print_err(f"Removed: {where}.")
    return True


def installed(name: str) -> tuple[ServiceState, str]:
    """Return the state of a service of this user or of the whole machine, and where it is defined."""
    for system in (False, True):
        state = service_manager.state(name, system=system)
        if state is not ServiceState.ABSENT:
            return state, service_manager.place(name, system=system)
    return ServiceState.ABSENT, ""
