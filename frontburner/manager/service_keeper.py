"""Keeps one service running: starts it, probes it, restarts it when it ends or hangs, and stops it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil

from frontburner.manager.farm_state import ServiceState, ServiceStatus
from system.exits import describe_exit
from system.processes import end_group, start_with_parent
from system.signals import stop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from frontburner.cluster.log_files import RotatingLog
    from frontburner.manager.service import Service

FARM_VARIABLE = "FRONTBURNER_FARM"
"""Holds the farm's folder in the environment of all its processes."""
START_POLL_S = 0.5
"""Seconds between probes of a service that isn't up."""
POLL_S = 5.0
"""Seconds between probes of a service that is up."""
HUNG_S = 300.0
"""Seconds without an answer after which a service that was up is restarted."""
STOP_TIMEOUT_S = 10.0
KILL_TIMEOUT_S = 10.0
LAST_LINES = 3

FIRST_DELAY_S = 1.0
MAX_DELAY_S = 60.0
STABLE_S = 60.0
"""Seconds up after which earlier failures no longer count."""
MAX_FAILURES = 8
"""Failures in a row after which a service is given up: about three minutes of delays."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """Exponential backoff between restarts, and when to give up."""

    failures: int = 0

    def after(self, up_s: float) -> RestartPolicy:
        """Return the policy after one more failure of a service that was up for some seconds."""
        return RestartPolicy(1 if up_s >= STABLE_S else self.failures + 1)

    @property
    def is_exhausted(self) -> bool:
        """Whether the service is given up."""
        return self.failures >= MAX_FAILURES

    @property
    def delay_s(self) -> float:
        """Seconds until the next start."""
        return min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** max(0, self.failures - 1))


@dataclass(slots=True, kw_only=True)
class ServiceKeeper:
    """Keeps one service.

    Parameters
    ----------
    environment
        Environment of all services, in addition to the service's own.
    folder
        The farm's.
    on_change
        Called with every change of the state.
    missing
        Returns the names of the services it needs that aren't up.
    """

    service: Service
    environment: Mapping[str, str]
    folder: Path
    log: RotatingLog
    on_change: Callable[[ServiceState], None]
    missing: Callable[[Service], list[str]]
    state: ServiceState = field(init=False)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None)
    _starts: int = field(init=False, default=0)
    _policy: RestartPolicy = field(init=False, default_factory=RestartPolicy)
    _retry: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.state = ServiceState(name=self.service.name, address=self.service.address, since_s=time.time())

    async def run(self) -> None:
        """Keep the service running until this is cancelled."""
        while True:
            while missing := self.missing(self.service):
                self._set(ServiceStatus.WAITING, f"for {' and '.join(missing)}")
                await asyncio.sleep(START_POLL_S)
            self._start()
            began_s = time.monotonic()
            problem = await self._watch()
            was_up = self.state.status in (ServiceStatus.UP, ServiceStatus.SILENT)
            up_s = time.monotonic() - began_s if was_up else 0.0
            await self.stop()
            await self._back_off(problem, up_s)

    def retry(self) -> None:
        """Start the service at once if it was given up or is in backoff."""
        self._retry.set()

    async def stop(self) -> None:
        """Stop the service's processes."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            stop(process.pid, self.service.stop_signal)
        deadline_s = time.monotonic() + STOP_TIMEOUT_S
        while process.poll() is None and time.monotonic() < deadline_s:
            await asyncio.sleep(0.05)
        end_group(process)  # its child processes, and itself if it still runs
        process.wait()

    def mark_ended(self) -> None:
        """Note that the service ended with the farm."""
        self._set(ServiceStatus.ENDED, pid=0)

    def _start(self) -> None:
        kill_orphans(self.folder)
        self.log.note(f"{self.service.name} is started")
        with self.log.open() as sink:
            self._process = (
                start_with_parent(  # in a group of its own: Ctrl-C reaches the supervisor, which stops services
                    self.service.command,
                    ends=self.service.stop_signal,
                    stdin=subprocess.DEVNULL,
                    stdout=sink,
                    stderr=sink,
                    env={**os.environ, **self.environment, **self.service.environment},
                    cwd=self.service.folder or self.folder,
                )
            )
        problem = self.state.problem if self.state.status is ServiceStatus.RESTARTING else ""
        self._set(ServiceStatus.STARTING, problem, pid=self._process.pid, restarts=self._starts)
        self._starts += 1

    async def _watch(self) -> str:
        """Probe the service until it ends or hangs; returns what went wrong."""
        answered_s, was_up = time.monotonic(), False
        while True:
            if (ended := self._exit_reason()) is not None:
                return ended
            silence = await self.service.probe.check()
            # Checked again, since another program may listen at the address of a service that has ended.
            if (ended := self._exit_reason()) is not None:
                return ended
            if not silence:
                answered_s, was_up = time.monotonic(), True
                self._set(ServiceStatus.UP)
            elif was_up:
                self._set(ServiceStatus.SILENT, silence)
            timeout_s = HUNG_S if was_up else self.service.start_timeout_s
            if time.monotonic() - answered_s > timeout_s:
                return f"{silence} for {timeout_s:.0f} s"
            await self._sleep(POLL_S if was_up and not silence else START_POLL_S)

    async def _sleep(self, seconds: float) -> None:
        """Sleep until the time is over or the service ends."""
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s and self._exit_reason() is None:
            await asyncio.sleep(0.2)

    def _exit_reason(self) -> str | None:
        """Return how the service ended; None while it runs."""
        assert self._process is not None
        code = self._process.poll()
        if code is None:
            return None
        return f"it {describe_exit(code)}: {' · '.join(self.log.last_lines(LAST_LINES)) or 'it wrote nothing'}"

    async def _back_off(self, problem: str, up_s: float) -> None:
        """Wait until the next start, or without end if the service is given up."""
        self.log.note(f"{self.service.name}: {problem}")
        self._policy = self._policy.after(up_s)
        self._retry.clear()
        if self._policy.is_exhausted:
            reason = f"it didn't stay up {MAX_FAILURES} times in a row; the last time, {problem}"
            self._set(ServiceStatus.GIVEN_UP, reason, pid=0)
            await self._retry.wait()
            self._policy = RestartPolicy()
        else:
            self._set(ServiceStatus.RESTARTING, problem, pid=0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._retry.wait(), self._policy.delay_s)

    def _set(self, status: ServiceStatus, problem: str = "", **changes: int) -> None:
        previous = self.state
        self.state = previous.changed(status, now_s=time.time(), problem=problem, **changes)
        if self.state != previous:
            self.on_change(self.state)


def kill_orphans(folder: Path) -> None:
    """Kill the processes of the farm in a folder that outlived their supervisor, or their service.

    They are killed, not asked to end: their work is recovered as after any crash.
    """
    this_process, orphans = psutil.Process().pid, []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.environ().get(FARM_VARIABLE) != str(folder):
                continue  # asked first: each search for a parent takes long on Windows
            if this_process not in (process.pid, *(parent.pid for parent in process.parents())):
                process.kill()
                orphans.append(process)
    psutil.wait_procs(orphans, timeout=KILL_TIMEOUT_S)
