"""A run's connection to the scheduler of its farm: noticed when it is lost, and waited for."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

TIMEOUT_S = 600
"""Seconds a run waits for a scheduler that went away: it is started again where it was, or the run ends."""
LOOK_EVERY_S = 0.25


@dataclass(kw_only=True, eq=False)
class FarmLost(FrontburnerError):
    """The scheduler of the farm went away while a job was rendered on it."""


@dataclass(slots=True, kw_only=True)
class SchedulerConnection:
    """The client of a run, which looks for a lost scheduler by itself."""

    client: Client
    _comm: object = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.client._timeout = TIMEOUT_S  # noqa: SLF001 - it can't be told otherwise how long it looks for a scheduler

    def begin(self) -> None:
        """Take the scheduler that is there for the one that is rendered on."""
        self._comm = self.client.scheduler_comm

    @property
    def lost(self) -> bool:
        """Whether the scheduler went away, though another may be there by now: what it knew is gone."""
        return self.client.status != "running" or self.client.scheduler_comm is not self._comm

    def check(self) -> None:
        """Raise `FarmLost` where it is."""
        if self.lost:
            raise farm_lost()

    def wait(self, heed: Callable[[], None]) -> None:
        """Wait until the client has found a scheduler again. Raises `FarmLost` when it hasn't for too long."""
        while self.client.status == "connecting":
            heed()
            time.sleep(LOOK_EVERY_S)
        if self.client.status != "running":
            raise farm_lost()


def farm_lost() -> FarmLost:
    """Return the error of a run whose scheduler is gone."""
    return FarmLost(
        reason="The connection to the farm's scheduler was lost.",
        remedy="Start it again, then run the same job again: finished units are kept.",
        retryable=True,
    )
