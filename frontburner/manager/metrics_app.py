"""The figures over HTTP, to be mounted wherever the farm is served: Prometheus asks, the records answer."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from frontburner.cluster.arbiter_calls import call
from frontburner.manager.metrics import CONTENT_TYPE, exposition, read
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import Receive, Scope, Send

KEPT_S = 10.0
"""Figures are read this seldom, however many ask."""


def snapshot_of(scheduler: str) -> Mapping[str, Any] | None:
    """Return what the arbiter of a scheduler tells; None where none answers."""
    if not scheduler:
        return None
    try:
        told: Mapping[str, Any] = call(scheduler, "snapshot")
    except FrontburnerError:
        return None
    return told


def figures_now(scheduler: str, *, stores: bool) -> bytes:
    """Read everything now and write it down."""
    return exposition(read(snapshot_of(scheduler), now=datetime.now().astimezone(), stores=stores))


@dataclass(slots=True)
class MetricsApp:
    """An ASGI application that answers every GET with the figures.

    Parameters
    ----------
    scheduler
        Says where the farm's scheduler is; empty where there is none.
    stores
        Whether to add up what stores hold.
    """

    scheduler: Callable[[], str]
    stores: bool = False
    clock: Callable[[], float] = time.monotonic
    _read_s: float = field(init=False, default=float("-inf"))
    _body: bytes = field(init=False, default=b"")
    _lock: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
        if scope["type"] != "http":
            return
        if scope["method"] not in ("GET", "HEAD"):
            await Response(status_code=405)(scope, receive, send)
            return
        async with self._lock:  # those who ask meanwhile get the same
            if self.clock() - self._read_s >= KEPT_S:
                self._body = await asyncio.to_thread(figures_now, self.scheduler(), stores=self.stores)
                self._read_s = self.clock()
        await Response(self._body, headers={"content-type": CONTENT_TYPE})(scope, receive, send)
