"""Keeps one part of a farm: starts it, sees that it is up, starts it again when it ends or hangs, and ends it."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner.manager.farm_state import ServiceState, ServiceStatus, moved
from frontburner.manager.orphans import end_orphans
from frontburner.manager.restart_policy import MOST_IN_A_ROW, RestartPolicy
from tasks.process.termination import end_with_parent

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from frontburner.cluster.log_files import RotatingLog
    from frontburner.manager.service import Service

LOOK_S = 0.5
"""Seconds between two looks at a part that comes up."""
WATCH_S = 5.0
"""Seconds between two questions to a part that is up."""
HUNG_S = 300.0
"""A part that was up and hasn't answered for so long is ended, to be started again."""
END_S = 10.0
LAST_LINES = 3


@dataclass(slots=True, kw_only=True)
class ServiceKeeper:
    """Keeps one part.

    Parameters
    ----------
    environment
        What its program finds besides what the part names.
    folder
        The farm's.
    tell
        Takes how the part stands, whenever that changes.
    needed
        Returns the parts it waits for that aren't up.
    """

    part: Service
    environment: Mapping[str, str]
    folder: Path
    log: RotatingLog
    tell: Callable[[ServiceState], None]
    needed: Callable[[Service], list[str]]
    state: ServiceState = field(init=False)
    _process: subprocess.Popen[bytes] | None = field(init=False, default=None)
    _starts: int = field(init=False, default=0)
    _patience: RestartPolicy = field(init=False, default_factory=RestartPolicy)
    _again: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.state = ServiceState(name=self.part.name, address=self.part.address)
        self._move(ServiceStatus.WAITING)

    async def keep(self) -> None:
        """Keep the part until this is cancelled."""
        while True:
            await self._wait_for_others()
            self._start()
            began_s, up_s = time.monotonic(), 0.0
            wrong = await self._attend()
            if self.state.stand in (ServiceStatus.UP, ServiceStatus.SILENT):
                up_s = time.monotonic() - began_s
            await self.end()
            await self._rest(wrong, up_s)

    def try_again(self) -> None:
        """Start the part at once if it was given up or waits for its next try."""
        self._again.set()

    async def end(self) -> None:
        """End what runs of it."""
        process, self._process = self._process, None
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.send_signal(self.part.ends)
        ends_s = time.monotonic() + END_S
        while process.poll() is None and time.monotonic() < ends_s:
            await asyncio.sleep(0.05)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 9)  # what it has started, too; itself if it still runs
        process.wait()

    def ended(self) -> None:
        """Take note that the part was ended because the farm is."""
        self._move(ServiceStatus.ENDED, pid=0)

    async def _wait_for_others(self) -> None:
        while missing := self.needed(self.part):
            self._move(ServiceStatus.WAITING, f"for {' and '.join(missing)}")
            await asyncio.sleep(LOOK_S)

    def _start(self) -> None:
        end_orphans(self.folder)
        self.log.note(f"{self.part.name} is started")
        with self.log.open() as sink:
            self._process = subprocess.Popen(
                end_with_parent(self.part.command, ends=self.part.ends),
                stdin=subprocess.DEVNULL,
                stdout=sink,
                stderr=sink,
                env={**os.environ, **self.environment, **self.part.environment},
                cwd=self.part.folder or self.folder,
                start_new_session=True,  # Ctrl-C reaches the supervisor, which ends the parts in their order
            )
        wrong = self.state.wrong if self.state.stand is ServiceStatus.RESTARTING else ""
        self._move(ServiceStatus.STARTING, wrong, pid=self._process.pid, restarts=self._starts)
        self._starts += 1

    async def _attend(self) -> str:
        """Watch the part for as long as it runs and answers. Returns what was wrong in the end."""
        answered_s, was_up = time.monotonic(), False
        while True:
            if (ended := self._ended()) is not None:
                return ended
            silence = await self._asked()
            if not silence:
                answered_s, was_up = time.monotonic(), True
                self._move(ServiceStatus.UP)
            elif was_up:
                self._move(ServiceStatus.SILENT, silence)
            patience_s = HUNG_S if was_up else self.part.within_s
            if time.monotonic() - answered_s > patience_s:
                return f"{silence} for {patience_s:.0f} s"
            await self._look(WATCH_S if was_up and not silence else LOOK_S)

    async def _asked(self) -> str:
        """Ask the part, and mind only its own answers: another program may listen where it should."""
        silence = await self.part.probe.ask()
        return self._ended() or silence

    async def _look(self, seconds: float) -> None:
        """Wait, but not for a part that has ended."""
        ends_s = time.monotonic() + seconds
        while time.monotonic() < ends_s and self._ended() is None:
            await asyncio.sleep(0.2)

    def _ended(self) -> str | None:
        """Return how it ended; None while it runs."""
        assert self._process is not None
        code = self._process.poll()
        if code is None:
            return None
        how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
        words = " · ".join(self.log.last(LAST_LINES))
        return f"it {how}: {words or 'it said nothing'}"

    async def _rest(self, wrong: str, up_s: float) -> None:
        """Wait before the next try; without end where the part was given up."""
        self.log.note(f"{self.part.name}: {wrong}")
        self._patience = self._patience.after(up_s)
        self._again.clear()
        if self._patience.over:
            why = f"it didn't stay up {MOST_IN_A_ROW} times in a row; the last time, {wrong}"
            self._move(ServiceStatus.GIVEN_UP, why, pid=0)
            await self._again.wait()
            self._patience = RestartPolicy()
        else:
            self._move(ServiceStatus.RESTARTING, wrong, pid=0)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._again.wait(), self._patience.wait_s)

    def _move(self, stand: ServiceStatus, wrong: str = "", **changes: int) -> None:
        before = self.state
        self.state = moved(before, stand, now_s=time.time(), wrong=wrong, **changes)
        if self.state != before:
            self.tell(self.state)
