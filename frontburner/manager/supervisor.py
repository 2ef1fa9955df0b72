"""Runs a farm: keeps all its services, writes their state, and stops those first that need others.

If it is killed itself, the system ends the services.
"""

from __future__ import annotations

import asyncio
import os
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from locket import LockError, lock_file

from frontburner.cluster.log_files import RotatingLog
from frontburner.manager.farm_setup import farm_folder
from frontburner.manager.farm_state import FarmState, ServiceState, ServiceStatus, record_outage, write_state
from frontburner.manager.service_keeper import ServiceKeeper, kill_orphans
from frontburner.manager.upgrade import VERSION, record_versions
from storage.errors import FrontburnerError
from system.processes import began_s_of, notify_systemd
from system.signals import END, RETRY, on_signal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from frontburner.manager.service import Service

WRITE_INTERVAL_S = 2.0


@dataclass(kw_only=True, eq=False)
class FarmIsUp(FrontburnerError):
    """A farm of this home is up already."""


@dataclass(slots=True, kw_only=True)
class Supervisor:
    """Runs a farm until it is stopped by a signal.

    Parameters
    ----------
    services
        Each after those it needs.
    environment
        Environment of all services.
    addresses, store
        As in `frontburner.manager.farm_state.FarmState`.
    owns_database
        Whether Prefect's database is a file of this farm.
    report
        Called with a line for every change of a service's state.
    """

    home: Path
    services: Sequence[Service]
    environment: Mapping[str, str]
    addresses: Mapping[str, str]
    store: str = ""
    owns_database: bool = True
    report: Callable[[str], None]
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
        folder = farm_folder(self.home)
        with _exclusive(folder):
            kill_orphans(folder)
            for line in record_versions(self.home, owns_database=self.owns_database):
                self.report(line)
            record_outage(self.home)
            self._begin(folder)
            tasks = [asyncio.create_task(keeper.run()) for keeper in self._keepers.values()]
            try:
                await self._watch(tasks)
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)
                await self._stop(folder)

    def _begin(self, folder: Path) -> None:
        pid = os.getpid()
        self._state = FarmState(
            pid=pid, began_s=began_s_of(pid), version=VERSION, started_s=time.time(), seen_s=time.time(),
            addresses=self.addresses, store=self.store,
        )  # fmt: skip
        for service in self.services:
            self._keepers[service.name] = ServiceKeeper(
                service=service, environment=self.environment, folder=folder,
                log=RotatingLog(folder / "logs" / f"{service.name}.log"), on_change=self._on_change,
                missing=self._missing,
            )  # fmt: skip
        self._write()
        loop = asyncio.get_running_loop()
        on_signal(loop, END, self._stopping.set)
        on_signal(loop, RETRY, self._retry)

    async def _watch(self, tasks: list[asyncio.Task[None]]) -> None:
        """Write the state until the farm is stopped; an unexpected error of a keeper stops it too."""
        notified = False
        while not self._stopping.is_set():
            for task in tasks:
                if task.done():
                    task.result()
            for keeper in self._keepers.values():
                keeper.log.rotate()
            self._write()
            if not notified and self._state.settled:
                notified = True
                notify_systemd()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), WRITE_INTERVAL_S)

    async def _stop(self, folder: Path) -> None:
        """Stop all services: first those that no other needs."""
        remaining = dict(self._keepers)
        while remaining:
            needed = {name for keeper in remaining.values() for name in keeper.service.needs}
            unneeded = [keeper for name, keeper in remaining.items() if name not in needed]
            await asyncio.gather(*(keeper.stop() for keeper in unneeded))
            for keeper in unneeded:
                keeper.mark_ended()
                del remaining[keeper.service.name]
            kill_orphans(folder)  # runs of jobs outlive the worker that started them
        self._write()

    def _retry(self) -> None:
        for keeper in self._keepers.values():
            keeper.retry()

    def _missing(self, service: Service) -> list[str]:
        return [name for name in service.needs if self._keepers[name].state.status is not ServiceStatus.UP]

    def _on_change(self, service: ServiceState) -> None:
        problem = f": {service.problem}" if service.problem else ""
        self.report(f"{service.name} is {service.status}{problem}")
        self._write()

    def _write(self) -> None:
        services = tuple(keeper.state for keeper in self._keepers.values())
        self._state = self._state.model_copy(update={"seen_s": time.time(), "services": services})
        with suppress(OSError):  # a full disk must not end the farm
            write_state(self._state, self.home)


@contextmanager
def _exclusive(folder: Path) -> Iterator[None]:
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
