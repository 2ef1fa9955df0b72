"""Gives this machine back when its owner wants it, and does what the owner wishes of its node.

Somebody who uses the machine ends what its node renders at once, and so do a pause and leaving from the tray icon.
"""

from __future__ import annotations

import asyncio
import os
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from frontburner.cluster.arbiter_calls import call_async
from frontburner.workstation.desk import NodeStatus, Wish
from frontburner.workstation.presence import Presence, other_cpu_s
from system.idle import LastInput, last_input
from system.machine import cores, user

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from frontburner.workstation.desk import Desk

INPUT_POLL_S = 0.25
CPU_POLL_S = 2.0
STATUS_POLL_S = 1.0
LAST_WORDS_S = 2.0
"""So long after a pause, and before it leaves, a node refuses units, and reports that it ended them."""


@dataclass(slots=True, kw_only=True)
class OwnerWatch:
    """Gives a machine back to who uses it.

    Parameters
    ----------
    scheduler, node
        Address of the scheduler, and the node's name.
    worker
        Returns the address of the node's own process, empty while there is none.
    leave
        Ends the node.
    desk
        Where the owner's tray icon leaves its wishes.
    yields
        Whether the machine is given back when it is used; otherwise only when the owner says so.
    page
        Address of the farm's page, for the tray icon.
    """

    scheduler: str
    node: str
    worker: Callable[[], str]
    leave: Callable[[], None]
    desk: Desk
    yields: bool = False
    page: str = ""
    input: Callable[[], LastInput] = last_input
    use: str = field(init=False, default="")
    """How somebody uses the machine; empty while nobody does, or the node is to render all the same."""
    last: LastInput = field(init=False, default_factory=LastInput)
    _presence: Presence = field(init=False)
    _anyway: bool = field(init=False, default=False)
    _ends_because: str = field(init=False, default="")
    """Why the owner ended what it renders."""
    _ends_until_s: float = field(init=False, default=0.0)
    _changes: dict[str, Any] = field(init=False, default_factory=dict)
    """What the arbiter is to be told of the owner's wishes."""
    _leaves: bool = field(init=False, default=False)
    _worker_knows: tuple[str, str] = field(init=False, default=("", ""))
    _arbiter_knows: tuple[str, str, str] = field(init=False, default=("", "", ""))
    _cpu: tuple[float, float] = field(init=False, default=(0.0, -CPU_POLL_S))

    def __post_init__(self) -> None:
        self._presence = Presence(cores=cores())

    async def run(self) -> None:
        """Watch until cancelled."""
        self.desk.clear()
        await asyncio.gather(self._watch(), self._report(), self._show())

    async def _watch(self) -> None:
        """Give the machine back by what this machine alone knows: it needs no network."""
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="frontburner-input") as thread:
            while True:
                use, wishes = await asyncio.get_running_loop().run_in_executor(thread, self._look)
                self.update(use, wishes, time.monotonic())
                await self.tell_worker()
                if self._leaves and time.monotonic() >= self._ends_until_s:
                    self.leave()
                await asyncio.sleep(INPUT_POLL_S)

    async def _report(self) -> None:
        """Keep the arbiter informed, so that no job waits for this node."""
        while True:
            await self.tell_arbiter()
            await asyncio.sleep(INPUT_POLL_S)

    async def _show(self) -> None:
        """Write the node's status while a tray icon shows it."""
        while True:
            if await asyncio.to_thread(lambda: self.desk.watched):
                await asyncio.to_thread(self.desk.show, await self._status())
            await asyncio.sleep(STATUS_POLL_S)

    def update(self, use: str, wishes: Sequence[tuple[Wish, float | None]], now_s: float) -> None:
        """Note how the machine is used, and what its owner wishes."""
        for wish, for_s in wishes:
            self._grant(wish, for_s, now_s)
        self._anyway = self._anyway and bool(use)  # until nobody has used it for a while
        use = "" if self._anyway else use
        if bool(use) != bool(self.use):
            self.use = use  # what it began with is what gave it back
        if self._ends_because and not self._changes and not self._leaves and now_s >= self._ends_until_s:
            self._ends_because = ""  # the arbiter withholds the node by now

    def _grant(self, wish: Wish, for_s: float | None, now_s: float) -> None:
        match wish:
            case Wish.PAUSE:
                self._changes = {"paused": f"{user()}, at the machine", "paused_for_s": for_s}
                self._ends_because = "its owner paused it"
            case Wish.RESUME:
                self._changes = {"paused": "", "draining": ""}
            case Wish.ANYWAY | Wish.YIELD:
                self._anyway = wish is Wish.ANYWAY
            case Wish.LEAVE:
                self._ends_because, self._leaves = "its owner had it leave the farm", True
        self._ends_until_s = now_s + LAST_WORDS_S

    def _look(self) -> tuple[str, list[tuple[Wish, float | None]]]:
        wishes, now_s = self.desk.take_wishes(), time.monotonic()
        if not self.yields:
            return "", wishes
        if now_s - self._cpu[1] >= CPU_POLL_S:  # it takes a while to add up
            self._cpu = other_cpu_s(), now_s
        self.last = with_icon(self.input(), self.desk.input_age_s)
        use = self._presence.update(now_s=now_s, input_age_s=self.last.age_s, other_cpu_s=self._cpu[0])
        return use, wishes

    async def tell_worker(self) -> None:
        """Tell the node's own process what it doesn't know yet; one that was started anew knows nothing."""
        worker, why = self.worker(), self.use or self._ends_because
        known = why, worker
        if not worker or known == self._worker_knows or (not why and self._worker_knows[1] != worker):
            return
        with suppress(OSError, TimeoutError):
            await call_async(worker, "recall", reason=why)
            self._worker_knows = known

    async def tell_arbiter(self) -> None:
        """Tell the arbiter how the machine is used, and what its owner wished."""
        worker, wished = self.worker(), self._changes
        known = self.use, self.last.blind, worker
        if not worker or (known == self._arbiter_knows and not wished):
            return
        with suppress(OSError, TimeoutError):
            changes = {**wished, "in_use": self.use, "unseen": self.last.blind}
            answer = await call_async(self.scheduler, "configure_node", node=self.node, **changes)
            if "refused" in answer:  # it hasn't joined yet
                return
            self._arbiter_knows, self._ends_until_s = known, time.monotonic() + LAST_WORDS_S
            if self._changes is wished:
                self._changes = {}

    async def _status(self) -> NodeStatus:
        status = NodeStatus(node=self.node, pid=os.getpid(), page=self.page, anyway=self._anyway)
        with suppress(OSError, TimeoutError):
            doing = await call_async(self.worker(), "doing") if self.worker() else {}
            status = replace(status, frame=doing.get("frame"), unit_s=doing.get("seconds"))
            found = await call_async(self.scheduler, "node_status", node=self.node)
            if "refused" not in found:
                status = replace(
                    status, state=found["state"], why=found["why"], job=found["job"], done=found["done"],
                    paused_until=found["paused_until"] or 0.0,
                )  # fmt: skip
        return status


def with_icon(seen: LastInput, age_s: float | None) -> LastInput:
    """Add the last key that a tray icon saw: it runs in the session of the person, which a service can't see."""
    if age_s is None:
        return seen
    ages = [age for age in (seen.age_s, age_s) if age is not None]
    return LastInput(age_s=min(ages), seen_by=(*seen.seen_by, "the tray icon"))
