"""A node that another machine starts over a connection: told on standard input what to be, it ends when that closes.

Nothing of what it is told is seen in the list of processes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner.cluster.node_service import NodeService

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JOINED = "frontburner-node-begins"
"""What it says on standard output before it joins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteNodeOptions:
    """What a node is to be; ``environment`` is what it must know to reach the store."""

    scheduler: str
    name: str
    threads: int = 0
    stays: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


async def serve(invitation: RemoteNodeOptions, watch_input: Callable[[Callable[[], object]], None]) -> None:
    """Be the node until standard input closes."""
    service = NodeService(
        scheduler=invitation.scheduler, name=invitation.name, threads=invitation.threads, nice=False, standing={},
        leave_when_in_use=False, say=lambda words: print(words, flush=True),
    )  # fmt: skip
    loop = asyncio.get_running_loop()
    watch_input(lambda: loop.call_soon_threadsafe(service.stop))
    print(JOINED, flush=True)
    await service.run()


def main() -> None:
    """Read the invitation and follow it."""
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")
    invitation = RemoteNodeOptions(**json.loads(sys.stdin.readline()))
    os.environ.update(invitation.environment)

    def watch_input(then: Callable[[], object]) -> None:
        def wait() -> None:
            sys.stdin.read()
            then()

        threading.Thread(target=wait, name="frontburner-host", daemon=True).start()

    asyncio.run(serve(invitation, watch_input))


if __name__ == "__main__":
    main()
