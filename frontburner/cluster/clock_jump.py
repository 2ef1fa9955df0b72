"""Keeps Dask going when somebody sets the clock on the wall, by which its repeated work and its streams go.

Set back by an hour, a worker would send no heartbeat for an hour, and the scheduler would start it again meanwhile; set
forward, all workers would look silent for an hour. So whoever has a scheduler or a worker looks at both clocks of the
machine once a second, and puts right what the difference has spoiled.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distributed import Scheduler
from tornado.ioloop import PeriodicCallback

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from distributed import Worker
    from distributed.batched import BatchedSend

LOOK_S = 1.0
LEAST_S = 5.0
"""What clocks drift apart, or are corrected by little by little, spoils nothing."""
SILENCE = "worker-ttl"
"""What the scheduler calls its search for workers that fell silent."""

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class ClockJump:
    """Tells by how much the clock on the wall was set."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    _apart_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._apart_s = self.wall() - self.steady()

    def moved_s(self) -> float:
        """Return the seconds by which it was set since the last time this was asked; 0.0 for none."""
        apart_s = self.wall() - self.steady()
        moved_s = apart_s - self._apart_s
        if abs(moved_s) < LEAST_S:
            return 0.0
        self._apart_s = apart_s
        return moved_s


@dataclass(slots=True, kw_only=True)
class ClockJumpWatch:
    """Watches the clock for a scheduler or a worker."""

    server: Scheduler | Worker
    clock: ClockJump = field(default_factory=ClockJump)

    async def run(self) -> None:
        """Watch until cancelled."""
        self._guard_silence()
        while True:
            await asyncio.sleep(LOOK_S)
            self.settle()

    def settle(self) -> None:
        """Put right what was spoiled if the clock was set."""
        moved_s = self.clock.moved_s()
        if not moved_s:
            return
        log.warning("The clock of this machine was set by %+.0f seconds.", moved_s)
        if isinstance(self.server, Scheduler):
            for worker in self.server.workers.values():
                worker.last_seen += moved_s
        self._restart()
        for stream in _streams(self.server):
            stream.next_deadline = None
            stream.waker.set()

    def _restart(self) -> None:
        """Have all repeated work repeated from now on. What is just being done is left to its end."""
        for name, old in list(self.server.periodic_callbacks.items()):
            if old.is_running():
                self._replace(name, PeriodicCallback(old.callback, old.callback_time, old.jitter))

    def _guard_silence(self) -> None:
        """Have the scheduler look at the clock before it takes anyone for silent."""
        old = self.server.periodic_callbacks.get(SILENCE)
        if old is None or not isinstance(self.server, Scheduler):
            return
        search = self.server.check_worker_ttl

        async def guarded() -> None:
            self.settle()
            await search()

        self._replace(SILENCE, PeriodicCallback(guarded, old.callback_time))

    def _replace(self, name: str, new: PeriodicCallback) -> None:
        self.server.periodic_callbacks[name].stop()
        self.server.periodic_callbacks[name] = new
        new.start()


def _streams(server: Scheduler | Worker) -> Iterable[BatchedSend]:
    if isinstance(server, Scheduler):
        return [*server.stream_comms.values(), *server.client_comms.values()]
    return [server.batched_stream]
