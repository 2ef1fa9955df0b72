"""When certificates are taken back, the scheduler tells all nodes, and sends those away that came with one."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from distributed.diagnostics.plugin import SchedulerPlugin

from frontburner.credentials.certificates import revoked_serials
from frontburner.credentials.dask_security import FarmSecurity

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Scheduler, Worker

CALL = "frontburner_revoked"
"""The call by which a node is told, among Dask's own."""
LOOK_S = 2.0
ANSWER_S = 10.0

log = logging.getLogger(__name__)


class RevocationPush(SchedulerPlugin):  # type: ignore[misc]
    """Hands the farm's list on to nodes that don't have it yet, until each has it: those that are there or come."""

    name = "frontburner-spreading"
    idempotent = True

    async def start(self, scheduler: Scheduler) -> None:
        """Begin, where there is a list."""
        self._scheduler = scheduler
        self._has: dict[str, bytes] = {}
        security = scheduler.security
        revoked = security.revocation_list if isinstance(security, FarmSecurity) else None
        self._work = asyncio.create_task(self._run(revoked)) if revoked else None

    async def close(self) -> None:
        """Stop."""
        if self._work:
            self._work.cancel()

    async def _run(self, revoked: Path) -> None:
        while True:
            try:
                await self._look(revoked.read_bytes())
            except (OSError, TimeoutError):
                pass  # it is tried again soon
            except Exception:
                log.exception("Nodes could not be told of certificates that were taken back.")
            await asyncio.sleep(LOOK_S)

    async def _look(self, listed: bytes) -> None:
        there = self._came_with()
        self._has = {node: has for node, has in self._has.items() if node in there}
        behind = {node for node in there if self._has.get(node) != listed}
        if not behind:
            return
        serials = revoked_serials(listed)
        gone = {node for node in behind if there[node] in serials}
        for node in gone:  # the others don't hear it any more, and a job would wait for what it holds
            log.warning("The node at %s is sent away: its certificate was taken back.", node)
            await self._scheduler.remove_worker(node, stimulus_id=f"{self.name}-{node}", close=True)
        told = self._scheduler.broadcast(msg={"op": CALL, "crl": listed}, workers=behind - gone, on_error="return")
        answers = await asyncio.wait_for(told, ANSWER_S)
        self._has |= {node: listed for node, answer in answers.items() if not isinstance(answer, Exception)}

    def _came_with(self) -> dict[str, int]:
        """Return the nodes that are there, each with the serial number of its certificate."""
        lines = {node: batch.comm for node, batch in self._scheduler.stream_comms.items() if batch.comm}
        return {node: int(line.extra_info["peercert"]["serialNumber"], 16) for node, line in lines.items()}


def hears(worker: Worker) -> None:
    """Have a node learn of certificates that were taken back."""
    if isinstance(worker.security, FarmSecurity):
        worker.handlers[CALL] = worker.security.update_revocation_list
