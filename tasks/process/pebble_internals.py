"""Where we rely on details of `pebble` and `multiprocessing` that their documentation doesn't promise.

`tests/node/test_pebble_internals.py` fails with a sentence when an upgrade changes one of them.
"""

from __future__ import annotations

import multiprocessing
import sys
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

import pebble

if TYPE_CHECKING:
    from collections.abc import Callable

TERM_TIMEOUT_S = 0.5
"""After this long pebble follows SIGTERM, which native code survives, with SIGKILL."""

pebble.CONSTS.term_timeout = TERM_TIMEOUT_S


class _RecordingContext(SpawnContext):
    """Starts processes and remembers the first: the only one that gets work."""

    first: SpawnProcess | None = None

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: ANN401, N802
        process = SpawnProcess(*args, **kwargs)
        self.first = self.first or process
        return process


def start_pool(initializer: Callable[..., object], *args: Any) -> tuple[pebble.ProcessPool, SpawnProcess]:  # noqa: ANN401
    """Start a pool of one worker process and return both.

    Raises
    ------
    BrokenProcessPool
        When the worker can't be started.
    """
    context = _RecordingContext()
    pool = pebble.ProcessPool(max_workers=1, context=context, initializer=initializer, initargs=args)
    if not (pool.active and context.first):  # reading `active` starts the worker
        raise BrokenProcessPool
    return pool, context.first


def finalizer(owner: object, function: Callable[[], None]) -> Callable[[], object]:
    """Return what calls a function once: when called, when nobody refers to the owner any more, or at exit.

    At exit it runs before multiprocessing waits for its children, which `weakref.finalize` would be too late for.
    """
    return Finalize(owner, function, exitpriority=0)


def forget_main_module() -> None:
    """Keep spawned processes from importing this process's main module again, where this one was spawned itself.

    The main module of such a node is the ``frontburner`` command: importing it takes seconds, and brings in numpy
    before the renderer's process has set the number of its threads.
    """
    if multiprocessing.parent_process():
        main = sys.modules["__main__"]
        main.__spec__ = None
        main.__dict__.pop("__file__", None)
