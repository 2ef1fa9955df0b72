"""A run's connection to the scheduler of its farm: detects that it was lost, and waits for it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner.cluster.dask_internals import scheduler_connection, set_reconnect_timeout
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable

    from distributed import Client

TIMEOUT_S = 600
"""Seconds a run waits for a scheduler that went away: it is restarted at the same address, or the run ends."""
POLL_S = 0.25


@dataclass(kw_only=True, eq=False)
class FarmLost(FrontburnerError):
    """The scheduler of the farm went away while a job was rendered on it."""


@dataclass(slots=True, kw_only=True)
class SchedulerConnection:
    """The client of a run, which reconnects to a lost scheduler by itself."""

    client: Client
    _connection: object = field(init=False, default=None)

    def __post_init__(self) -> None:
        set_reconnect_timeout(self.client, TIMEOUT_S)

    def begin(self) -> None:
        """Note the current connection as the one that is rendered on."""
        self._connection = scheduler_connection(self.client)

    @property
    def lost(self) -> bool:
        """Whether that connection was lost, even if there is another one: the scheduler's tasks are lost with it."""
        return self.client.status != "running" or scheduler_connection(self.client) is not self._connection

    def check(self) -> None:
        """Raise `FarmLost` if the connection was lost."""
        if self.lost:
            raise farm_lost()

    def wait(self, check: Callable[[], None]) -> None:
        """Wait until the client has reconnected. Raises `FarmLost` when that takes too long.

        Parameters
        ----------
        check
            Called while waiting; an exception it raises ends the wait.
        """
        while self.client.status == "connecting":
            check()
            time.sleep(POLL_S)
        if self.client.status != "running":
            raise farm_lost()


def farm_lost() -> FarmLost:
    """Return the error of a run whose scheduler is gone."""
    return FarmLost(
        reason="The connection to the farm's scheduler was lost.",
        remedy="Start it again, then run the same job again: finished units are kept.",
        retryable=True,
    )
