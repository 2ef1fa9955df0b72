"""One node in the foreground: it joins a scheduler, comes back when that does, and leaves when it is sent away."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dask
from distributed import Nanny
from distributed.core import Status

from frontburner.cluster.arbiter_calls import call_async, connected, install_async
from frontburner.cluster.idle_detection import IdleDetection, others_cpu_s, terminals, typed_ago_s
from frontburner.cluster.log_files import nodes_log
from frontburner.cluster.node_log import last_words
from frontburner.cluster.node_processes import CONFIG, cores, node_options
from frontburner.credentials.dask_security import security_at
from frontburner.credentials.tls_probe import TlsRefused, tls_refusal
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

AGAIN_S = 1.0
LOOK_S = 2.0


@dataclass(slots=True, kw_only=True)
class NodeService:
    """A node of this machine, for as long as it is wanted.

    Parameters
    ----------
    standing
        What the arbiter is told of it before it joins: its groups and hours, where they were given.
    leave_when_in_use
        Whether it takes no work while somebody uses the machine.
    say
        Tells whoever started it how it stands.
    """

    scheduler: str
    name: str
    threads: int
    nice: bool
    standing: Mapping[str, Any]
    leave_when_in_use: bool
    say: Callable[[str], None]
    _stopping: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def stop(self) -> None:
        """Have the node end."""
        self._stopping.set()

    async def run(self) -> None:
        """Be the node until it is stopped or sent away.

        Raises
        ------
        FrontburnerError
            When another node of its name is there, its standing can't be read, or its certificate isn't taken.
        """
        await self._wait_for_scheduler()
        await self._check_name()
        told = ""
        while not self._stopping.is_set():
            wrong = await self._attend()
            if self._stopping.is_set() or await self._sent_away():
                return
            if not wrong:
                await self._knock()
                self.say("The scheduler is gone. It is waited for.")
            else:
                if wrong != told:
                    log = nodes_log().path
                    self.say(f"The node can't be started: {wrong}. What it said is in {log}. It is tried again.")
                await self._pause(AGAIN_S)
            told = wrong
            await self._wait_for_scheduler()

    async def _attend(self) -> str:
        """Take part until the scheduler goes away, we are sent away, or stopped; returns why if we couldn't begin."""
        host = {"host": "127.0.0.1"} if "://127.0.0.1" in self.scheduler else {}
        options = node_options(threads=self.threads, nice=self.nice, stays=True)
        with dask.config.set(CONFIG):
            nanny = Nanny(self.scheduler, name=self.name, security=security_at(self.scheduler), **options, **host)
            begins = asyncio.ensure_future(nanny.start())
            begins.add_done_callback(_heard)  # also once we are stopped
            stops = asyncio.ensure_future(self._stopping.wait())
            watch = asyncio.ensure_future(self._watch_use())
            try:
                await asyncio.wait({begins, stops}, return_when=asyncio.FIRST_COMPLETED)
                if begins.done() and (error := begins.exception()):
                    return last_words(error)
                if begins.done():
                    self.say(f"The node {self.name} takes work from {self.scheduler}.")
                    ends = asyncio.ensure_future(nanny.finished())
                    await asyncio.wait({ends, stops}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                watch.cancel()
                stops.cancel()
                await self._close(nanny)
        return ""

    async def _close(self, nanny: Nanny) -> None:
        if nanny.status not in (Status.closed, Status.closing):
            with suppress(TimeoutError, OSError):
                await nanny.close()

    async def _wait_for_scheduler(self) -> None:
        """Wait until the scheduler is there, and tell it how this node stands."""
        told = ""
        while not self._stopping.is_set():
            try:
                async with connected(self.scheduler, asynchronous=True) as client:
                    await install_async(client)
                answer = await call_async(self.scheduler, "stand", node=self.name, coming=True, **self.standing)
            except (OSError, TimeoutError):
                away = await self._knock()
                why = str(away) if away else f"The scheduler {self.scheduler} isn't there yet. It is waited for."
                if why != told:
                    told = why
                    self.say(why)
                await self._pause(AGAIN_S)
                continue
            if "refused" in answer:
                raise FrontburnerError(reason=answer["refused"], remedy="", retryable=False)
            return

    async def _knock(self) -> TlsRefused | None:
        """Return why the scheduler turns us away for now; raise it where that doesn't change by itself."""
        away = await asyncio.to_thread(tls_refusal, self.scheduler)
        if away is not None and not away.retryable:
            raise away
        return away

    async def _check_name(self) -> None:
        if self._stopping.is_set():
            return
        there = await call_async(self.scheduler, "snapshot")
        if self.name in {node["name"] for node in there["nodes"]}:
            raise FrontburnerError(
                reason=f"A node called {self.name} is there already.",
                remedy="Give this one another name: --name NAME.",
                retryable=False,
            )

    async def _sent_away(self) -> bool:
        with suppress(OSError, TimeoutError):
            return bool(await call_async(self.scheduler, "dismissed", node=self.name))
        return False

    async def _watch_use(self) -> None:
        """Tell the arbiter whenever somebody begins or ceases to use the machine."""
        if not self.leave_when_in_use:
            return
        presence, told = IdleDetection(cores()), ""
        while True:
            typed_s = typed_ago_s(terminals(), time.time())
            use = presence.look(now_s=time.monotonic(), typed_s=typed_s, others_cpu_s=others_cpu_s())
            if bool(use) != bool(told):
                with suppress(OSError, TimeoutError):
                    answer = await call_async(self.scheduler, "stand", node=self.name, in_use=use)
                    told = told if "refused" in answer else use  # it may not have joined yet
            await asyncio.sleep(LOOK_S)

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _heard(work: asyncio.Future[Any]) -> None:
    """Take note of how work ended, or asyncio prints what was raised."""
    if not work.cancelled():
        work.exception()
