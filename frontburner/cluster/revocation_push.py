"""Scheduler plugin that sends the list of revoked certificates to all nodes, and removes nodes with one of those."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from distributed.diagnostics.plugin import SchedulerPlugin

from frontburner.cluster.dask_internals import add_handler, certificate_serials
from frontburner.credentials.certificates import revoked_serials
from frontburner.credentials.dask_security import FarmSecurity

if TYPE_CHECKING:
    from pathlib import Path

    from distributed import Scheduler, Worker

CALL = "frontburner_revoked"
"""Name of the call by which a node gets the list, among Dask's own."""
POLL_S = 2.0
ANSWER_TIMEOUT_S = 10.0

log = logging.getLogger(__name__)


class RevocationPush(SchedulerPlugin):  # type: ignore[misc]
    """Sends the farm's revocation list to every node until the node has accepted it, also to those that join later."""

    name = "frontburner-revocation-push"
    idempotent = True

    async def start(self, scheduler: Scheduler) -> None:
        """Start where there is a list."""
        self._scheduler = scheduler
        self._accepted: dict[str, bytes] = {}
        security = scheduler.security
        revocation_list = security.revocation_list if isinstance(security, FarmSecurity) else None
        self._task = asyncio.create_task(self._run(revocation_list)) if revocation_list else None

    async def close(self) -> None:
        """Stop."""
        if self._task:
            self._task.cancel()

    async def _run(self, revocation_list: Path) -> None:
        while True:
            try:
                await self._push(revocation_list.read_bytes())
            except (OSError, TimeoutError):
                pass  # it is retried soon
            except Exception:
                log.exception("The list of revoked certificates could not be sent to the nodes.")
            await asyncio.sleep(POLL_S)

    async def _push(self, crl: bytes) -> None:
        serials = certificate_serials(self._scheduler)
        self._accepted = {node: accepted for node, accepted in self._accepted.items() if node in serials}
        outdated = {node for node in serials if self._accepted.get(node) != crl}
        if not outdated:
            return
        revoked = revoked_serials(crl)
        removed = {node for node in outdated if serials[node] in revoked}
        for node in removed:  # other nodes refuse them from now on, and a job would wait for their tiles
            log.warning("The node at %s is removed: its certificate was revoked.", node)
            await self._scheduler.remove_worker(node, stimulus_id=f"{self.name}-{node}", close=True)
        sent = self._scheduler.broadcast(msg={"op": CALL, "crl": crl}, workers=outdated - removed, on_error="return")
        answers = await asyncio.wait_for(sent, ANSWER_TIMEOUT_S)
        self._accepted |= {node: crl for node, answer in answers.items() if not isinstance(answer, Exception)}


def accept_revocations(worker: Worker) -> None:
    """Have a node accept revocation lists."""
    if isinstance(worker.security, FarmSecurity):
        add_handler(worker, CALL, worker.security.update_revocation_list)
