"""A renderer in a process of its own: it can crash, hang or be called back without harm to the node.

The process is the one worker of a `pebble` pool. A pool lives as long as its worker: whatever ends the one ends
both, and the next call makes new ones.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pebble

from storage.errors import FrontburnerError
from tasks import child
from tasks.errors import UnitCancelled, UnitFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.child import Rendered
    from tasks.spec import UnitSpec

T = TypeVar("T")

POLL_S = 0.1
"""Seconds between two looks at whether a call was called back."""
LAST_WORDS_LINES = 25
_LOG_LIMIT_BYTES = 16 << 20

pebble.CONSTS.term_timeout = 0.5  # native code survives SIGTERM

# Linux ends a child with the *thread* that started it: this one lives as long as the interpreter.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renderer-starter")


def _never() -> bool:
    return False


class _Spawn(SpawnContext):
    """Starts processes, and knows the first: the only one that gets work."""

    child: SpawnProcess | None = None

    def Process(self, *args: Any, **kwargs: Any) -> SpawnProcess:  # type: ignore[override]  # noqa: ANN401, N802
        process = SpawnProcess(*args, **kwargs)
        self.child = self.child or process
        return process


@dataclass(frozen=True, slots=True)
class _Running:
    """A pool and its child."""

    pool: pebble.ProcessPool
    child: SpawnProcess

    @property
    def alive(self) -> bool:
        """Whether calls can be answered."""
        return bool(self.pool.active) and self.child.is_alive()

    def end(self) -> None:
        """End both at once."""
        self.pool.stop()
        self.child.kill()
        self.pool.join()


@dataclass(slots=True, kw_only=True, weakref_slot=True)
class RendererProcess:
    """Renders units one at a time in a child process that is kept between them.

    Safe to use from any thread: callers take turns, and a waiting one can be called back too.

    Parameters
    ----------
    node
        The node's name, for errors.
    threads
        Threads the renderer uses.
    logs
        Folder for the child's output; made if missing.
    """

    node: str
    threads: int
    logs: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / "frontburner-logs")
    log: Path = field(init=False)
    _turn: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)
    _running: _Running | None = field(init=False, repr=False, default=None)
    _end: Callable[[], object] = field(init=False, repr=False, default=_never)

    def __post_init__(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        self.log = self.logs / f"renderer-{os.getpid()}-{id(self):x}.log"
        self.log.touch()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while there is none."""
        return self._running.child.pid if self._running and self._running.alive else None

    def render(self, unit: UnitSpec, *, cancelled: Callable[[], bool] = _never) -> Rendered:
        """Render a unit in the child.

        Raises
        ------
        SceneError
            When the renderer refuses the scene.
        UnitFailed
            When the child crashes, hangs beyond ``unit.timeout_s`` or throws.
        UnitCancelled
            When ``cancelled()`` turned true. The child is killed if it was working.
        """
        return self.call(
            child.render, unit, self.threads, cancelled=cancelled, timeout_s=unit.timeout_s, name=unit.digest
        )

    def call(
        self,
        function: Callable[..., T],
        *args: Any,  # noqa: ANN401 - whatever the function takes
        cancelled: Callable[[], bool] = _never,
        timeout_s: float | None = None,
        name: str = "",
    ) -> T:
        """Run an importable function in the child, under the rules of `render`. ``name`` is for errors."""
        while not self._turn.acquire(timeout=POLL_S):
            _check(cancelled, name)
        try:
            _check(cancelled, name)
            said_bytes = self.log.stat().st_size
            value, error = self._ask((function, *args), cancelled, timeout_s, name, said_bytes)
        finally:
            self._turn.release()
        if isinstance(error, FrontburnerError):
            raise error
        if error:
            raise self._failed(name, f"The renderer failed: {error}.", said_bytes)
        return value  # type: ignore[no-any-return]

    def stop(self) -> None:
        """End the child, whatever it does. The next call starts another."""
        if self._running:
            self._running.child.kill()
        if self._turn.acquire(blocking=False):  # else whoever has the turn finds the child dead, and clears up
            self._end()
            self._turn.release()

    def _ask(
        self,
        call: tuple[Any, ...],
        cancelled: Callable[[], bool],
        timeout_s: float | None,
        name: str,
        said_bytes: int,
    ) -> child.Answer:
        """Put a call to the child and wait for its answer; end the child if there is none."""
        running = self._ready()
        try:
            future = running.pool.schedule(child.answer, call, timeout=timeout_s)
            while not wait([future], timeout=POLL_S).done:
                _check(cancelled, name)
                if not running.alive:  # pebble alone would wait forever for a child that exits with code 0
                    raise BrokenProcessPool  # noqa: TRY301
            return future.result()  # type: ignore[no-any-return]
        except TimeoutError:
            reason = f"The renderer took longer than {timeout_s:g} s."
            self._end()
        except (pebble.ProcessExpired, RuntimeError):  # the latter says that the pool is broken or stopped
            self._end()
            reason = f"The renderer process {_ending(running.child.exitcode)}."
        except BaseException:
            self._end()
            raise
        raise self._failed(name, reason, said_bytes)

    def _ready(self) -> _Running:
        """Return the running child, or a new one."""
        if self._running and self._running.alive:
            return self._running
        self._end()
        return _starter.submit(self._start).result()

    def _start(self) -> _Running:
        _forget_main()
        if self.log.stat().st_size > _LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
            self.log.touch()
        context = _Spawn()
        pool = pebble.ProcessPool(
            max_workers=1, context=context, initializer=child.begin, initargs=(self.log, self.node)
        )
        if not (pool.active and context.child):  # asking starts the child
            raise BrokenProcessPool
        self._running = _Running(pool, context.child)
        # Called by `stop`, when nobody refers to us any more, and before multiprocessing waits for its children.
        self._end = Finalize(self, self._running.end, exitpriority=0)
        return self._running

    def _failed(self, name: str, reason: str, said_bytes: int) -> UnitFailed:
        with self.log.open("rb") as log:
            log.seek(said_bytes)
            lines = log.read().decode(errors="replace").splitlines()
        return UnitFailed(
            reason=reason,
            remedy=f"Its last words and its log ({self.log} on {self.node}) say more.",
            retryable=True,
            unit=name,
            node=self.node,
            last_words="\n".join(lines[-LAST_WORDS_LINES:]),
            log=str(self.log),
        )


def _forget_main() -> None:
    """Spare a node's renderer the import of the node's own main module: seconds, and numpy before `child.begin`."""
    if multiprocessing.parent_process():  # a node was spawned itself: its main is the command, imported again
        main = sys.modules["__main__"]
        main.__spec__ = None
        main.__dict__.pop("__file__", None)


def _check(cancelled: Callable[[], bool], name: str) -> None:
    if cancelled():
        raise UnitCancelled(
            reason="The unit was called back.", remedy="Nothing is to be done.", retryable=True, unit=name
        )


def _ending(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None or code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
