"""What is installed to start with a machine, whichever service manager the machine has."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - dataclasses read annotations
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path  # noqa: TC003 - dataclasses read annotations

RESTART_DELAY_S = 5
STOP_TIMEOUT_S = 90


@dataclass(frozen=True, slots=True, kw_only=True)
class InstalledService:
    """A program that is started with its machine, or when its user logs on, and again when it fails.

    Parameters
    ----------
    name
        Short name, such as frontburner-node.
    title
        Name for people.
    command
        Program and arguments. It is done when it ends with 0.
    folder
        Its working folder.
    environment
        Variables it gets in addition to those of its user.
    secrets
        File with more variables, a line for each, which may be missing.
    log
        File of its output, where the service manager keeps none.
    notifies
        Whether it notifies systemd when it is up.
    user
        User it runs as, if it is a service of the whole machine; empty is a service of the user who installs it.
    """

    name: str
    title: str
    command: tuple[str, ...]
    folder: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Path
    log: Path
    notifies: bool = False
    user: str = ""


class ServiceState(StrEnum):
    """What a service manager says of a service."""

    ABSENT = "not installed"
    STOPPED = "installed, not running"
    RUNNING = "installed, running"
    UNKNOWN = "installed or not: the service manager doesn't answer"


class ServiceManagerFailed(Exception):
    """A service manager is missing, or refused something.

    Parameters
    ----------
    reason, remedy
        A sentence each: what happened, and what to do.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(f"{reason} {remedy}")
        self.reason, self.remedy = reason, remedy
