"""A node that another machine starts over a connection, with its options on standard input; it ends when that closes.

So the options, which may hold credentials of the store, are not in the list of processes.
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
    from collections.abc import Mapping

STARTED = "frontburner-node-begins"
"""Line on standard output before the node joins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteNodeOptions:
    """Options of a node; ``environment`` is what it needs to reach the store."""

    scheduler: str
    name: str
    threads: int = 0
    persistent: bool = False
    environment: Mapping[str, str] = field(default_factory=dict)


async def serve(options: RemoteNodeOptions) -> None:
    """Run the node until standard input closes."""
    service = NodeService(
        scheduler=options.scheduler, name=options.name, threads=options.threads, nice=False, settings={},
        leave_when_in_use=False, log=lambda text: print(text, flush=True),
    )  # fmt: skip
    loop = asyncio.get_running_loop()

    def wait_for_end() -> None:
        sys.stdin.read()
        loop.call_soon_threadsafe(service.stop)

    threading.Thread(target=wait_for_end, name="frontburner-stdin", daemon=True).start()
    print(STARTED, flush=True)
    await service.run()


def main() -> None:
    """Read the options and run the node."""
    os.environ.setdefault("DASK_LOGGING__DISTRIBUTED", "error")
    options = RemoteNodeOptions(**json.loads(sys.stdin.readline()))
    os.environ.update(options.environment)
    asyncio.run(serve(options))


if __name__ == "__main__":
    main()
