"""Where the processes of a farm find its table of folders that have several names: from its scheduler, or a file."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from frontburner.settings import Settings
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from distributed import Worker

    from system.paths import Table

CALL = "frontburner_paths"
"""The arbiter's call."""
_LIFETIME_S, _AFTER_FAILURE_S = 10.0, 60.0
_TIMEOUT_S = 5.0
_FAILURES = (OSError, TimeoutError, RuntimeError, asyncio.CancelledError, AttributeError, FrontburnerError)
"""Of a scheduler that is gone, a loop that is closed, an arbiter that has no such call."""


def standings_file() -> Path:
    """Return the file in which a farm of this machine keeps its settings."""
    return Settings().home / "standings.json"


def kept_table() -> Table:
    """Return the table in that file."""
    with suppress(OSError, ValueError, TypeError, AttributeError):
        names = json.loads(standings_file().read_text(encoding="utf-8")).get("paths", ())
        return tuple(tuple(map(str, each)) for each in names)
    return ()


def farm_table() -> Table:
    """Return the table of the farm that this process's jobs are for."""
    scheduler = Settings().scheduler
    if not scheduler:
        return kept_table()
    return _of_schedulers.setdefault(scheduler, _Remembered(lambda: _ask(scheduler))).table()


def table_of(worker: Worker) -> Callable[[], Table]:
    """Return what gives a node the table of its farm, in any thread but that of its event loop."""
    from distributed.utils import sync

    async def ask() -> Any:  # noqa: ANN401 - what the arbiter answers
        return await getattr(worker.scheduler, CALL)()

    remembered = _Remembered(lambda: sync(worker.loop, ask, callback_timeout=_TIMEOUT_S))
    loop_thread = threading.get_ident()
    return lambda: remembered.last if threading.get_ident() == loop_thread else remembered.table()


@dataclass(slots=True)
class _Remembered:
    """A table that is asked for again after a while; one that can't be had is as it was."""

    ask: Callable[[], Any]
    last: Table = ()
    _until_s: float = 0.0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def table(self) -> Table:
        """Return it."""
        with self._lock:
            if time.monotonic() >= self._until_s:
                lifetime_s = _AFTER_FAILURE_S
                with suppress(*_FAILURES):
                    answer = self.ask()
                    # A scheduler without an arbiter answers nothing.
                    self.last = self.last if answer is None else tuple(tuple(map(str, names)) for names in answer)
                    lifetime_s = _LIFETIME_S
                self._until_s = time.monotonic() + lifetime_s
            return self.last


_of_schedulers: dict[str, _Remembered] = {}


def _ask(scheduler: str) -> Any:  # noqa: ANN401
    from distributed import rpc

    from frontburner.credentials.dask_security import connection_args

    async def ask() -> Any:  # noqa: ANN401
        async with rpc(scheduler, timeout=_TIMEOUT_S, connection_args=connection_args(scheduler)) as remote:
            return await asyncio.wait_for(getattr(remote, CALL)(), _TIMEOUT_S)

    with ThreadPoolExecutor(1) as pool:  # this thread may have a running event loop
        return pool.submit(asyncio.run, ask()).result()
