"""Keeps a Dask scheduler or worker running when the wall clock of its machine is set.

Tornado's periodic callbacks and Dask's message streams schedule themselves by `time.time`. When the clock is set back
by an hour, the heartbeat of a worker pauses for an hour, and the scheduler restarts that worker in the meantime; when
it is set forward, all workers look silent at once. Dask has no option to use a steady clock, so every scheduler and
worker compares both clocks of its machine once a second and adjusts its timers (`dask_internals.shift_clock`).
tests/cluster/test_clock_jump.py fails as soon as Dask copes by itself.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from distributed import Scheduler

from frontburner.cluster.dask_internals import check_clock_before_worker_ttl, shift_clock

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Worker

POLL_S = 1.0
MIN_JUMP_S = 5.0
"""Drift, and corrections in small steps, do no harm."""

log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class ClockJump:
    """Detects by how much the wall clock was set."""

    wall: Callable[[], float] = time.time
    steady: Callable[[], float] = time.monotonic
    _offset_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._offset_s = self.wall() - self.steady()

    def moved_s(self) -> float:
        """Return the seconds by which the clock was set since the last call; 0.0 for none."""
        offset_s = self.wall() - self.steady()
        moved_s = offset_s - self._offset_s
        if abs(moved_s) < MIN_JUMP_S:
            return 0.0
        self._offset_s = offset_s
        return moved_s


@dataclass(slots=True, kw_only=True)
class ClockJumpWatch:
    """Watches the clock for a scheduler or a worker."""

    server: Scheduler | Worker
    clock: ClockJump = field(default_factory=ClockJump)

    async def run(self) -> None:
        """Watch until cancelled."""
        if isinstance(self.server, Scheduler):
            check_clock_before_worker_ttl(self.server, self.check)
        while True:
            await asyncio.sleep(POLL_S)
            self.check()

    def check(self) -> None:
        """Adjust the server if the clock was set."""
        if moved_s := self.clock.moved_s():
            log.warning("The clock of this machine was set by %+.0f seconds.", moved_s)
            shift_clock(self.server, moved_s)
