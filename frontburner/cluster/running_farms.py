"""The farms that run on this machine: each registers the address of its scheduler for as long as it lives."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from frontburner.settings import Settings, environment
from storage.errors import FrontburnerError
from system.files import remove, replace
from system.processes import began_s_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAME_START_S = 0.1
"""A process whose start differs by more from the registered one is another process with the same number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningFarm:
    """A farm of a process on this machine.

    Parameters
    ----------
    began_s
        When the process started, in seconds since boot: the wall clock may be set.
    prefect
        Address of the Prefect server it uses.
    """

    pid: int
    began_s: float
    scheduler: str
    prefect: str

    @property
    def alive(self) -> bool:
        """Whether its process still runs."""
        return is_running(self.pid, self.began_s)


def is_running(pid: int, began_s: float) -> bool:
    """Whether the process with this number and start still runs."""
    try:
        return abs(began_s_of(pid) - began_s) < SAME_START_S
    except psutil.Error:
        return False


@contextmanager
def registered(scheduler: str) -> Iterator[None]:
    """Register this process's farm for commands on this machine."""
    farm = RunningFarm(
        pid=os.getpid(),
        began_s=began_s_of(os.getpid()),
        scheduler=scheduler,
        prefect=environment().get("PREFECT_API_URL", ""),
    )
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    entry = folder / f"{farm.pid}-{urlsplit(scheduler).port}.json"
    temporary = entry.with_suffix(".new")
    temporary.write_text(json.dumps(asdict(farm)), encoding="utf-8")
    replace(temporary, entry)
    try:
        yield
    finally:
        remove(entry)


def running_farms() -> list[RunningFarm]:
    """Return the farms that run on this machine. Entries of processes that are gone are deleted."""
    farms = []
    for entry in sorted(_folder().glob("*.json")):
        try:
            farm = RunningFarm(**json.loads(entry.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if farm.alive:
            farms.append(farm)
        else:
            remove(entry)
    return farms


@dataclass(kw_only=True, eq=False)
class NoFarm(FrontburnerError):
    """It isn't known which farm is meant: there is none, or more than one."""


def find_scheduler(given: str) -> str:
    """Return the scheduler a command is for: the given one, the configured one, or that of the only farm running here.

    Raises
    ------
    NoFarm
        When there is none, or more than one.
    """
    settings = Settings()
    if given or settings.scheduler:
        return given or settings.scheduler
    farms = running_farms()
    if len(farms) == 1:
        return farms[0].scheduler
    if farms:
        reason = f"There are {len(farms)} farms on this machine: {', '.join(farm.scheduler for farm in farms)}."
        remedy = "Say which one: --scheduler ADDRESS."
    elif (member := settings.home / "farm" / settings.member).exists():
        reason = "Your token lets you see the farm or submit jobs; this command needs one with the role operate."
        remedy = f"Ask the farm's administrator for such a token, then `frontburner login`. Yours is in {member}."
    else:
        reason = "No farm runs on this machine."
        remedy = "Start one (`frontburner farm start`), or say where it is: --scheduler tcp://HOST:PORT."
    raise NoFarm(reason=reason, remedy=remedy, retryable=False)


def find_prefect() -> str:
    """Return the Prefect server a command is for: the configured one, or that of a farm running here.

    Raises
    ------
    NoFarm
        When there is none.
    """
    from prefect.settings import PREFECT_API_URL

    configured = environment().get("PREFECT_API_URL") or PREFECT_API_URL.value()
    servers = [configured, *(farm.prefect for farm in running_farms())]
    server = next(filter(None, servers), "")
    if not server:
        raise NoFarm(
            reason="No Prefect server is known here, and schedules are kept by one.",
            remedy="Set PREFECT_API_URL to its address, such as http://127.0.0.1:4200/api.",
        )
    return server


def _folder() -> Path:
    return Settings().home / "running"
