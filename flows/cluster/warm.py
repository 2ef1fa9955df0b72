"""Imported by a node before it takes work: what it would otherwise load while a job waits; and it watches the clock."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

import prefect  # noqa: F401

import tasks.steps  # noqa: F401
from flows.cluster.clock import ClockWatch

if TYPE_CHECKING:
    from distributed import Worker

_watch: asyncio.Task[None] | None = None


def dask_setup(worker: Worker) -> None:
    """Begin to watch the clock; Dask calls this when the worker starts."""
    global _watch  # noqa: PLW0603 - a process is one node
    _watch = asyncio.get_running_loop().create_task(ClockWatch(server=worker).run())


async def dask_teardown(worker: Worker) -> None:  # noqa: ARG001 - Dask gives it
    """End that."""
    if _watch is not None:
        _watch.cancel()
        with suppress(asyncio.CancelledError):
            await _watch
