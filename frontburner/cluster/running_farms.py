"""Which farms run on this machine: each notes where its scheduler is for as long as it lives."""

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

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SAME_START_S = 0.1
"""A process that began this far from when the note says is another one with its number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningFarm:
    """A farm of a process on this machine.

    Parameters
    ----------
    began_s
        When the process began, in seconds since the machine did: the clock on the wall may be set.
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
    """Whether the process with this number that began then still runs."""
    try:
        return abs(began_s_of(pid) - began_s) < SAME_START_S
    except psutil.Error:
        return False


def began_s_of(pid: int) -> float:
    """When a process began, in seconds since the machine did. Both moments move when the clock is set."""
    return float(psutil.Process(pid).create_time() - psutil.boot_time())


@contextmanager
def registered(scheduler: str) -> Iterator[None]:
    """Have this process's farm found by commands on this machine."""
    farm = RunningFarm(
        pid=os.getpid(),
        began_s=began_s_of(os.getpid()),
        scheduler=scheduler,
        prefect=environment().get("PREFECT_API_URL", ""),
    )
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    note = folder / f"{farm.pid}-{urlsplit(scheduler).port}.json"
    passing = note.with_suffix(".new")
    passing.write_text(json.dumps(asdict(farm)), encoding="utf-8")
    passing.replace(note)
    try:
        yield
    finally:
        note.unlink(missing_ok=True)


def running_farms() -> list[RunningFarm]:
    """Return the farms that run on this machine. Notes of processes that are gone are taken away."""
    found = []
    for note in sorted(_folder().glob("*.json")):
        try:
            farm = RunningFarm(**json.loads(note.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            continue
        if farm.alive:
            found.append(farm)
        else:
            note.unlink(missing_ok=True)
    return found


@dataclass(kw_only=True, eq=False)
class NoFarm(FrontburnerError):
    """It isn't known which farm is meant: there is none, or more than one."""


def find_scheduler(given: str) -> str:
    """Return the scheduler a command is for: the one that is given, set, or that of the one farm running here.

    Raises
    ------
    NoFarm
        When there is none, or more than one.
    """
    if given or Settings().scheduler:
        return given or Settings().scheduler
    farms = running_farms()
    if len(farms) == 1:
        return farms[0].scheduler
    if not farms and (home := Settings().home / "farm" / Settings().member).exists():
        raise NoFarm(
            reason="Your token lets you see the farm, or give it jobs; this command asks for one that may operate.",
            remedy=f"Ask whoever runs the farm for such a token, then `frontburner login`. What you hold is in {home}.",
            retryable=False,
        )
    if not farms:
        raise NoFarm(
            reason="No farm runs on this machine.",
            remedy="Start one (`frontburner farm start`), or say where it is: --scheduler tcp://HOST:PORT.",
            retryable=False,
        )
    raise NoFarm(
        reason=f"There are {len(farms)} farms on this machine: {', '.join(farm.scheduler for farm in farms)}.",
        remedy="Say which one: --scheduler ADDRESS.",
        retryable=False,
    )


def find_prefect() -> str:
    """Return the Prefect server a command is for: the one that is set, or that of a farm running here.

    Raises
    ------
    NoFarm
        When there is none.
    """
    from prefect.settings import PREFECT_API_URL

    named = environment().get("PREFECT_API_URL") or PREFECT_API_URL.value()
    servers = [named, *(farm.prefect for farm in running_farms())]
    found = next(filter(None, servers), "")
    if not found:
        raise NoFarm(
            reason="No Prefect server is known here, and schedules are kept by one.",
            remedy="Set PREFECT_API_URL to its address, such as http://127.0.0.1:4200/api.",
        )
    return found


def _folder() -> Path:
    return Settings().home / "running"
