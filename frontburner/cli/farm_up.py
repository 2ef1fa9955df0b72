"""``frontburner farm up`` and ``down``: a farm is brought up in the background, followed until it is, and ended."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from frontburner.cli.farm_tables import welcome
from frontburner.cluster.log_files import RotatingLog
from frontburner.jobs.durations import format_span
from frontburner.manager.farm_setup import (
    FarmSetup,
    changed,
    completed,
    deployments_folder,
    farm_folder,
    keep_setup,
    port_is_free,
    read_setup,
)
from frontburner.manager.farm_state import FarmState, ServiceStatus, read_state, running_farm
from frontburner.manager.object_store import store_address
from frontburner.manager.services import COMMAND, environment_of, leads, services_of
from frontburner.manager.supervisor import Supervisor
from frontburner.manager.upgrade import VERSION
from frontburner.settings import Settings
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OK, TROUBLE = 0, 3
UP_WITHIN_S = 600.0
END_WITHIN_S = 90.0
LOOK_S = 0.2
RESTARTS_TOLD = 2
"""A part that ended so often while the farm comes up is told of: waiting longer may be for nothing."""


def up(given: Mapping[str, Any], *, foreground: bool) -> int:
    """Bring the farm up; returns the command's exit code."""
    home = Settings().home.expanduser().absolute()
    before = read_setup(home)
    setup = changed(before, given)
    farm = running_farm(home)
    if farm is not None and not foreground:
        if setup != before:
            raise FrontburnerError(
                reason="The farm is up, set up otherwise.",
                remedy="End it first, jobs under way go on afterwards: frontburner farm down",
            )
        if farm.version == VERSION:
            return _follow_again(home, farm)
        _say(f"The farm runs version {farm.version}; {VERSION} is installed. It is started anew, and its jobs go on.")
        end(farm)
    setup = completed(_with_folder(setup), port_is_free)
    keep_setup(setup, home)
    return _here(setup, home) if foreground else _in_the_background(home)


def down() -> int:
    """End the farm; returns the command's exit code."""
    home = Settings().home.expanduser().absolute()
    farm = running_farm(home)
    if farm is None:
        _say("No farm is up on this machine.")
        return OK
    end(farm)
    _say("The farm is down. Jobs that were under way go on when it is up again: frontburner farm up")
    return OK


def end(farm: FarmState) -> None:
    """End a farm and wait until all of it has ended."""
    os.kill(farm.pid, signal.SIGTERM)
    ends_s = time.monotonic() + END_WITHIN_S
    while farm.alive:
        if time.monotonic() > ends_s:
            os.kill(farm.pid, signal.SIGKILL)  # its parts end with it
            _say(f"The supervisor didn't end within {END_WITHIN_S:.0f} s and was killed.")
            ends_s += END_WITHIN_S
        time.sleep(LOOK_S)


def _with_folder(setup: FarmSetup) -> FarmSetup:
    return setup if setup.folder else setup.model_copy(update={"folder": deployments_folder()})


def _here(setup: FarmSetup, home: Path) -> int:
    """Run the farm in this process until it is told to end."""
    supervisor = Supervisor(
        home=home,
        parts=services_of(setup, home),
        environment=environment_of(setup, home),
        leads=leads(setup),
        store=store_address(setup),
        own_database=not setup.database,
        say=_say,
    )
    asyncio.run(supervisor.run())
    return OK


def _in_the_background(home: Path) -> int:
    log = RotatingLog(farm_folder(home) / "logs" / "supervisor.log")
    log.rotate()
    log.note("the farm is started")
    began_s = time.time()
    with log.open() as sink:
        process = subprocess.Popen(
            [*COMMAND, "farm", "up", "--foreground"],
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=sink,
            start_new_session=True,
        )
    return _Following(home=home, began_s=began_s, log=log, process=process).follow()


def _follow_again(home: Path, farm: FarmState) -> int:
    """Follow a farm that is up or comes up; parts that were given up are tried again."""
    if farm.healthy:
        _say("The farm is up already.")
    elif any(part.stand in (ServiceStatus.GIVEN_UP, ServiceStatus.RESTARTING) for part in farm.parts):
        _say("The farm is up; the parts of it that aren't are tried again.")
        with suppress(ProcessLookupError):
            os.kill(farm.pid, signal.SIGHUP)
        time.sleep(1.0)  # it heeds this within moments
    log = RotatingLog(farm_folder(home) / "logs" / "supervisor.log")
    return _Following(home=home, began_s=farm.started_s, log=log, process=None).follow()


class _Following:
    """Follows a farm that comes up, and says what becomes of its parts."""

    def __init__(
        self, *, home: Path, began_s: float, log: RotatingLog, process: subprocess.Popen[bytes] | None
    ) -> None:
        self._home, self._began_s, self._log, self._process = home, began_s, log, process
        self._told: dict[str, tuple[str, int]] = {}

    def follow(self) -> int:
        """Follow it until it is up, or won't be by itself; returns the command's exit code."""
        ends_s = time.monotonic() + UP_WITHIN_S
        while time.monotonic() < ends_s:
            if self._process is not None and self._process.poll() is not None:
                words = " ".join(self._log.last(3))
                raise FrontburnerError(reason=f"The farm couldn't be started: {words}", remedy="", retryable=True)
            farm = self._state()
            if farm is not None:
                self._tell(farm)
                if farm.settled:
                    return self._settled(farm)
            time.sleep(LOOK_S)
        _say("It takes long. The farm goes on trying: see `frontburner farm status` and `frontburner farm logs`.")
        return TROUBLE

    def _state(self) -> FarmState | None:
        """Return how the farm stands; None before its supervisor has said so."""
        farm = read_state(self._home)
        ours = farm is not None and (self._process is None or farm.pid == self._process.pid)
        return farm if ours else None

    def _tell(self, farm: FarmState) -> None:
        for part in farm.parts:
            now = (part.stand, part.restarts)
            if self._told.get(part.name) == now:
                continue
            self._told[part.name] = now
            match part.stand:
                case ServiceStatus.UP:
                    after = format_span(max(0.0, part.since_s - self._began_s))
                    _say(f"  {part.name:<10} up after {after:<8} {part.address}")
                case ServiceStatus.GIVEN_UP:
                    _say(f"  {part.name:<10} given up: {part.wrong}")
                case ServiceStatus.RESTARTING if part.restarts >= RESTARTS_TOLD:
                    _say(f"  {part.name:<10} is tried again: {part.wrong}")
                case _:
                    pass

    def _settled(self, farm: FarmState) -> int:
        if not farm.healthy:
            _say("Mend the cause, then: frontburner farm up. What the parts said: frontburner farm logs")
            return TROUBLE
        for line in welcome(farm, read_setup(self._home)):
            print(line, flush=True)
        return OK


def _say(sentence: str) -> None:
    print(sentence, file=sys.stderr, flush=True)
