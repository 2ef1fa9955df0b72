"""Runs one node in the foreground: it joins a scheduler, rejoins one that restarted, and ends when it is removed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import dask
from distributed import Nanny
from distributed.core import Status

from frontburner.cluster.arbiter_calls import call_async, connected, install_async
from frontburner.cluster.log_files import nodes_log
from frontburner.cluster.node_log import start_error
from frontburner.cluster.node_processes import CONFIG, LOOPBACK, node_options
from frontburner.cluster.owner_watch import OwnerWatch
from frontburner.credentials.dask_security import security_at
from frontburner.credentials.tls_probe import TlsRefused, tls_refusal
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from frontburner.workstation.desk import Desk

RETRY_S = 1.0


@dataclass(slots=True, kw_only=True)
class NodeService:
    """A node of this machine.

    Parameters
    ----------
    settings
        Settings that the arbiter gets before the node joins: its groups and hours, where they were given.
    leave_when_in_use
        Whether the machine is given back as soon as somebody uses it.
    memory_bytes
        Most memory its renderer may take; 0 is no limit.
    desk, page
        Where the owner of the machine leaves wishes, and the farm's page for the owner's tray icon.
    log
        Called with sentences on the node's status.
    """

    scheduler: str
    name: str
    threads: int
    nice: bool
    settings: Mapping[str, Any]
    leave_when_in_use: bool
    log: Callable[[str], None]
    memory_bytes: int = 0
    desk: Desk | None = None
    page: str = ""
    _nanny: Nanny | None = field(init=False, default=None)
    _stopping: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def stop(self) -> None:
        """End the node."""
        self._stopping.set()

    async def run(self) -> None:
        """Run the node until it is stopped or removed.

        Raises
        ------
        FrontburnerError
            When there is a node of its name, its settings can't be read, or its certificate is refused.
        """
        watch = asyncio.ensure_future(self._watch_owner())
        try:
            await self._run()
        finally:
            watch.cancel()

    async def _run(self) -> None:
        await self._wait_for_scheduler()
        await self._check_name()
        last_error = ""
        while not self._stopping.is_set():
            error = await self._run_nanny()
            if self._stopping.is_set() or await self._was_dismissed():
                return
            if not error:
                await self._check_refused()
                self.log("The scheduler is gone. The node waits for it.")
            else:
                if error != last_error:
                    output = nodes_log().path
                    self.log(f"The node can't be started: {error}. Its output is in {output}. It is retried.")
                await self._pause(RETRY_S)
            last_error = error
            await self._wait_for_scheduler()

    async def _run_nanny(self) -> str:
        """Run Dask's nanny until the scheduler is gone, or the node removed or stopped; returns why it didn't start."""
        host = {"host": LOOPBACK} if f"://{LOOPBACK}" in self.scheduler else {}
        options = node_options(
            threads=self.threads, nice=self.nice, persistent=True, yields=self.leave_when_in_use,
            memory_bytes=self.memory_bytes,
        )  # fmt: skip
        with dask.config.set(CONFIG):
            nanny = self._nanny = Nanny(
                self.scheduler, name=self.name, security=security_at(self.scheduler), **options, **host
            )
            started = asyncio.ensure_future(nanny.start())
            started.add_done_callback(_retrieve_exception)  # it may fail after the node was stopped
            stopped = asyncio.ensure_future(self._stopping.wait())
            try:
                await asyncio.wait({started, stopped}, return_when=asyncio.FIRST_COMPLETED)
                if started.done() and (error := started.exception()):
                    return start_error(error)
                if started.done():
                    self.log(f"The node {self.name} takes work from {self.scheduler}.")
                    finished = asyncio.ensure_future(nanny.finished())
                    await asyncio.wait({finished, stopped}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                stopped.cancel()
                self._nanny = None
                await self._close(nanny)
        return ""

    async def _close(self, nanny: Nanny) -> None:
        if nanny.status not in (Status.closed, Status.closing):
            with suppress(TimeoutError, OSError):
                await nanny.close()

    async def _wait_for_scheduler(self) -> None:
        """Wait until the scheduler answers, and send it the settings of this node."""
        last_message = ""
        while not self._stopping.is_set():
            try:
                async with connected(self.scheduler, asynchronous=True) as client:
                    await install_async(client)
                answer = await call_async(
                    self.scheduler, "configure_node", node=self.name, joining=True, **self.settings
                )
            except ImportError as error:
                raise FrontburnerError(
                    reason=f"The scheduler {self.scheduler} runs another version of Frontburner: {error}.",
                    remedy="Install the same version there and here.",
                    retryable=False,
                ) from error
            except (OSError, TimeoutError):
                refusal = await self._check_refused()
                message = str(refusal or f"The scheduler {self.scheduler} doesn't answer yet. The node waits for it.")
                if message != last_message:
                    last_message = message
                    self.log(message)
                await self._pause(RETRY_S)
                continue
            if "refused" in answer:
                raise FrontburnerError(reason=answer["refused"], remedy="", retryable=False)
            return

    async def _check_refused(self) -> TlsRefused | None:
        """Return why the scheduler refuses this machine; raise it where that doesn't change by itself."""
        refusal = await asyncio.to_thread(tls_refusal, self.scheduler)
        if refusal is not None and not refusal.retryable:
            raise refusal
        return refusal

    async def _check_name(self) -> None:
        """Raise if there is a node of its name. A scheduler that is too busy to answer is waited for."""
        snapshot = None
        while snapshot is None:
            if self._stopping.is_set():
                return
            try:
                snapshot = await call_async(self.scheduler, "snapshot")
            except (OSError, TimeoutError):
                await self._wait_for_scheduler()
        if self.name in {node["name"] for node in snapshot["nodes"]}:
            raise FrontburnerError(
                reason=f"A node called {self.name} has joined already.",
                remedy="Give this one another name: --name NAME.",
                retryable=False,
            )

    async def _was_dismissed(self) -> bool:
        with suppress(OSError, TimeoutError):
            return bool(await call_async(self.scheduler, "dismissed", node=self.name))
        return False

    async def _watch_owner(self) -> None:
        """Do what the machine's owner wishes, for as long as the node runs."""
        if self.desk is None:
            return
        watch = OwnerWatch(
            scheduler=self.scheduler, node=self.name, leave=self.stop, desk=self.desk, page=self.page,
            worker=lambda: (self._nanny.worker_address or "") if self._nanny else "", yields=self.leave_when_in_use,
        )  # fmt: skip
        try:
            await watch.run()
        except Exception as error:  # noqa: BLE001 - the node renders on
            self.log(f"The node no longer sees whether its machine is used: {type(error).__name__}: {error}.")

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)


def _retrieve_exception(future: asyncio.Future[Any]) -> None:
    """Retrieve a future's exception, or asyncio logs that nobody did."""
    if not future.cancelled():
        future.exception()
