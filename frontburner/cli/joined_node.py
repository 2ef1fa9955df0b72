"""Being a node of a farm, whichever way it was reached: what it is started with, and to its end."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from dataclasses import dataclass
from typing import Annotated, Any

from cyclopts import Parameter

from frontburner.cluster.stop_signal import SIGNALS

Flag = Annotated[bool, Parameter(negative=())]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """How a node takes part.

    Parameters
    ----------
    name
        What it is called; empty is the machine's name.
    threads
        Threads its renderer uses; 0 is one for each core.
    group
        Groups it belongs to, with commas between them.
    hours
        When it takes work, such as 'mon-fri 19:00-07:00, sat-sun'.
    nice
        Its renderer gives way to all else on the machine.
    leave_when_in_use
        It takes no work while somebody uses the machine.
    """

    name: str = ""
    threads: int = 0
    group: str | None = None
    hours: str | None = None
    nice: Flag = False
    leave_when_in_use: Flag = False

    @property
    def own_name(self) -> str:
        """Name of the node."""
        return self.name or socket.gethostname()

    @property
    def standing(self) -> dict[str, Any]:
        """What the arbiter is told before the node joins: only what was given."""
        told: dict[str, Any] = {} if self.group is None else {"groups": words(self.group)}
        return told if self.hours is None else told | {"hours": self.hours}

    def attend(self, scheduler: str) -> None:
        """Be a node of this scheduler until a signal ends it, or it is sent away."""
        asyncio.run(_attend(self, scheduler))


async def _attend(options: NodeOptions, scheduler: str) -> None:
    from frontburner.cluster.node_service import NodeService

    service = NodeService(
        scheduler=scheduler,
        name=options.own_name,
        threads=options.threads,
        nice=options.nice,
        standing=options.standing,
        leave_when_in_use=options.leave_when_in_use,
        say=lambda text: print(text, file=sys.stderr, flush=True),
    )
    for number in SIGNALS:
        asyncio.get_running_loop().add_signal_handler(number, service.stop)
    await service.run()


def quiet_dask() -> None:
    """Keep Dask's log from a node's terminal, unless it was asked for."""
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")


def words(text: str) -> list[str]:
    """Return words that have commas between them."""
    return [word.strip() for word in text.split(",") if word.strip()]
