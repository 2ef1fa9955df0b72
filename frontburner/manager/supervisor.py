"""Runs a farm: keeps all its parts, writes down how they stand, and ends first those that need others.

Should it be killed itself, the system ends the parts.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from locket import LockError, lock_file

from frontburner.cluster.log_files import RotatingLog
from frontburner.cluster.running_farms import began_s_of
from frontburner.manager.farm_setup import farm_folder
from frontburner.manager.farm_state import FarmState, ServiceState, ServiceStatus, write_state
from frontburner.manager.orphans import end_orphans
from frontburner.manager.outage import note_outage
from frontburner.manager.service_keeper import ServiceKeeper
from frontburner.manager.upgrade import VERSION, note_versions
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from frontburner.manager.service import Service

WRITE_S = 2.0
STOPS = (signal.SIGINT, signal.SIGTERM)


@dataclass(kw_only=True, eq=False)
class FarmIsUp(FrontburnerError):
    """A farm of this home is up already."""


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Runs a farm until it is told to end it.

    Parameters
    ----------
    parts
        What it is made of, each part after those it needs.
    environment
        What all parts find in their environment.
    leads, store
        As in `frontburner.manager.farm_state.FarmState`.
    own_database
        Whether Prefect's database is a file of the farm's own.
    say
        Takes a line whenever a part stands otherwise.
    """

    home: Path
    parts: Sequence[Service]
    environment: Mapping[str, str]
    leads: Mapping[str, str]
    store: str = ""
    own_database: bool = True
    say: Callable[[str], None]
    _keepers: dict[str, ServiceKeeper] = field(init=False, default_factory=dict)
    _stopping: asyncio.Event = field(init=False, default_factory=asyncio.Event)
    _state: FarmState = field(init=False)

    async def run(self) -> None:
        """Run the farm.

        Raises
        ------
        FarmIsUp
            When another supervisor runs it.
        """
        with _alone(farm_folder(self.home)):
            end_orphans(farm_folder(self.home))
            for line in note_versions(self.home, own_database=self.own_database):
                self.say(line)
            note_outage(self.home)
            self._begin()
            tasks = [asyncio.create_task(keeper.keep()) for keeper in self._keepers.values()]
            try:
                await self._watch(tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await self._end()

    def _begin(self) -> None:
        pid = os.getpid()
        self._state = FarmState(
            pid=pid, began_s=began_s_of(pid), version=VERSION, started_s=time.time(), seen_s=time.time(),
            leads=self.leads, store=self.store,
        )  # fmt: skip
        logs = farm_folder(self.home) / "logs"
        for part in self.parts:
            self._keepers[part.name] = ServiceKeeper(
                part=part, environment=self.environment, folder=farm_folder(self.home),
                log=RotatingLog(logs / f"{part.name}.log"), tell=self._take, needed=self._missing,
            )  # fmt: skip
        self._write()
        loop = asyncio.get_running_loop()
        for number in STOPS:
            loop.add_signal_handler(number, self._stopping.set)
        if hasattr(signal, "SIGHUP"):
            loop.add_signal_handler(signal.SIGHUP, self._try_again)

    async def _watch(self, tasks: list[asyncio.Task[None]]) -> None:
        """Write down how the farm stands until it is to end; an error of a keeper's own ends it too."""
        told = False
        while not self._stopping.is_set():
            for task in tasks:
                if task.done():
                    task.result()
            for keeper in self._keepers.values():
                keeper.log.rotate()
            self._write()
            if not told and self._state.settled:
                told = True
                _tell_systemd()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), WRITE_S)

    async def _end(self) -> None:
        """End all parts: first those that need others."""
        left = dict(self._keepers)
        while left:
            needed = {name for keeper in left.values() for name in keeper.part.needs}
            now = [keeper for name, keeper in left.items() if name not in needed]
            await asyncio.gather(*(keeper.end() for keeper in now))
            for keeper in now:
                keeper.ended()
                del left[keeper.part.name]
            end_orphans(farm_folder(self.home))  # runs of jobs outlive the worker that began them
        self._write()

    def _try_again(self) -> None:
        for keeper in self._keepers.values():
            keeper.try_again()

    def _missing(self, part: Service) -> list[str]:
        return [name for name in part.needs if self._keepers[name].state.stand is not ServiceStatus.UP]

    def _take(self, part: ServiceState) -> None:
        wrong = f": {part.wrong}" if part.wrong else ""
        self.say(f"{part.name} is {part.stand}{wrong}")
        self._write()

    def _write(self) -> None:
        parts = tuple(keeper.state for keeper in self._keepers.values())
        self._state = replace(self._state, seen_s=time.time(), parts=parts)
        with suppress(OSError):  # a full disk ends no farm
            write_state(self._state, self.home)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    lock = lock_file(str(folder / "lock"), timeout=0)
    try:
        lock.acquire()
    except LockError:
        raise FarmIsUp(
            reason=f"A farm is up already in {folder}.",
            remedy="See it with `frontburner farm status`, end it with `frontburner farm down`.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _tell_systemd() -> None:
    """Tell systemd, if that started us, that the farm is up."""
    import socket

    if not (address := os.environ.get("NOTIFY_SOCKET")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
        systemd.sendall(b"READY=1")
