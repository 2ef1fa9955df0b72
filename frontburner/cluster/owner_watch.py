"""Watches whether somebody uses this machine, and gives it back then: its node renders nothing until it is free."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner.cluster.arbiter_calls import call_async
from frontburner.workstation.presence import Presence, other_cpu_s
from system.idle import LastInput, last_input
from system.machine import cores

if TYPE_CHECKING:
    from collections.abc import Callable

INPUT_POLL_S = 0.25
CPU_POLL_S = 2.0


@dataclass(slots=True, kw_only=True)
class OwnerWatch:
    """Gives a machine back to who uses it.

    Parameters
    ----------
    scheduler, node
        Address of the scheduler, and the node's name.
    worker
        Returns the address of the node's own process, empty while there is none.
    log
        Called with sentences.
    """

    scheduler: str
    node: str
    worker: Callable[[], str]
    log: Callable[[str], None]
    input: Callable[[], LastInput] = last_input
    use: str = field(init=False, default="")
    """How somebody uses the machine; empty while nobody does."""
    last: LastInput = field(init=False, default_factory=LastInput)
    _presence: Presence = field(init=False)
    _worker_knows: tuple[str, str] = field(init=False, default=("", ""))
    _arbiter_knows: tuple[str, str, str] = field(init=False, default=("", "", ""))
    _cpu: tuple[float, float] = field(init=False, default=(0.0, -CPU_POLL_S))

    def __post_init__(self) -> None:
        self._presence = Presence(cores=cores())

    async def run(self) -> None:
        """Watch until cancelled."""
        await asyncio.gather(self._watch(), self._report())

    async def _watch(self) -> None:
        """Give the machine back by what this machine alone knows: it needs no network."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="frontburner-input") as thread:
            while True:
                use = await asyncio.get_running_loop().run_in_executor(thread, self._look)
                if bool(use) != bool(self.use):
                    self.use = use
                await self._tell_worker()
                await asyncio.sleep(INPUT_POLL_S)

    async def _report(self) -> None:
        """Keep the arbiter informed, so that no job waits for this node."""
        while True:
            await self._tell_arbiter()
            await asyncio.sleep(INPUT_POLL_S)

    def _look(self) -> str:
        now_s = time.monotonic()
        if now_s - self._cpu[1] >= CPU_POLL_S:  # it takes a while to add up
            self._cpu = other_cpu_s(), now_s
        self.last = self.input()
        return self._presence.update(now_s=now_s, input_age_s=self.last.age_s, other_cpu_s=self._cpu[0])

    async def _tell_worker(self) -> None:
        """Tell the node's own process what it doesn't know yet; one that was started anew knows nothing."""
        worker = self.worker()
        known = self.use, worker
        if not worker or known == self._worker_knows or (not self.use and self._worker_knows[1] != worker):
            return
        with suppress(OSError, TimeoutError):
            await call_async(worker, "recall", reason=self.use)
            self._worker_knows = known

    async def _tell_arbiter(self) -> None:
        worker = self.worker()
        known = self.use, self.last.blind, worker
        if not worker or known == self._arbiter_knows:
            return
        with suppress(OSError, TimeoutError):
            changes = {"in_use": self.use, "unseen": self.last.blind}
            answer = await call_async(self.scheduler, "configure_node", node=self.node, **changes)
            self._arbiter_knows = self._arbiter_knows if "refused" in answer else known  # it may not have joined yet
