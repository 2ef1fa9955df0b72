"""A renderer in a process of its own: it can crash, hang or be called back without harm to the node.

The process is the one worker of a `pebble` pool. A pool lives as long as its worker: whatever ends the one ends
both, and the next call makes new ones.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from enum import StrEnum
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pebble

from storage.errors import FrontburnerError
from tasks import child
from tasks.errors import UnitCancelled, UnitFailed
from tasks.memory import MemoryWatch

if TYPE_CHECKING:
    from tasks.child import Rendered
    from tasks.spec import UnitSpec

T = TypeVar("T")

POLL_S = 0.1
"""Seconds between two looks at whether a call was called back."""
LAST_WORDS_LINES = 25
_ROOM_BYTES = 1 << 16
"""A disk with less than this left is full."""
_LOG_LIMIT_BYTES = 16 << 20

pebble.CONSTS.term_timeout = 0.5  # native code survives SIGTERM

# Linux ends a child with the *thread* that started it: this one lives as long as the interpreter.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renderer-starter")


class Phase(StrEnum):
    """How far a call is."""

    WAITING = "waiting"
    """Another call has the renderer."""
    RENDERING = "rendering"


Witness = Callable[[Phase, float], None]
"""Told again and again how far a call is, and since how many seconds."""


def _never() -> bool:
    return False


def _nobody(_: Phase, __: float) -> None:
    pass


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


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call to the child, and who follows it."""

    said: tuple[Any, ...]
    cancelled: Callable[[], bool]
    timeout_s: float | None
    name: str
    witness: Witness
    memory: MemoryWatch
    began_s: float = field(default_factory=time.monotonic)
    log_bytes: int = 0

    def look(self, phase: Phase) -> None:
        """See whether it was called back, and tell how far it is."""
        _check(self.cancelled, self.name)
        if phase is Phase.RENDERING:
            self.memory.look()
        self.witness(phase, time.monotonic() - self.began_s)


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

    def render(self, unit: UnitSpec, *, cancelled: Callable[[], bool] = _never, witness: Witness = _nobody) -> Rendered:
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
        memory = MemoryWatch()
        rendered = self.call(
            child.render, unit, self.threads, cancelled=cancelled, timeout_s=unit.timeout_s, name=unit.digest,
            witness=witness, memory=memory,
        )  # fmt: skip
        short = memory.short and rendered.peak_memory_bytes > (memory.least_bytes or 0)
        return replace(rendered, short_of_memory=short)

    def call(
        self,
        function: Callable[..., T],
        *args: Any,  # noqa: ANN401 - whatever the function takes
        cancelled: Callable[[], bool] = _never,
        timeout_s: float | None = None,
        name: str = "",
        witness: Witness = _nobody,
        memory: MemoryWatch | None = None,
    ) -> T:
        """Run an importable function in the child, under the rules of `render`. ``name`` is for errors."""
        call = _Call(
            said=(function, *args), cancelled=cancelled, timeout_s=timeout_s, name=name, witness=witness,
            memory=memory or MemoryWatch(),
        )  # fmt: skip
        while not self._turn.acquire(timeout=POLL_S):
            call.look(Phase.WAITING)
        try:
            _check(cancelled, name)
            call.began_s, call.log_bytes = time.monotonic(), self._log_bytes()
            value, error = self._ask(call)
        finally:
            self._turn.release()
        if isinstance(error, FrontburnerError):
            raise error
        if error:
            raise self._failed(call, f"The renderer failed: {error}.")
        return value  # type: ignore[no-any-return]

    def stop(self) -> None:
        """End the child, whatever it does. The next call starts another."""
        if self._running:
            self._running.child.kill()
        if self._turn.acquire(blocking=False):  # else whoever has the turn finds the child dead, and clears up
            self._end()
            self._turn.release()

    def _ask(self, call: _Call) -> child.Answer:
        """Put a call to the child and wait for its answer; end the child if there is none."""
        try:
            running = self._ready()
        except OSError as error:
            raise self._failed(call, f"The renderer process could not be started: {error}.") from error
        try:
            future = running.pool.schedule(child.answer, call.said, timeout=call.timeout_s)
            while not wait([future], timeout=POLL_S).done:
                call.look(Phase.RENDERING)
                if not running.alive:  # pebble alone would wait forever for a child that exits with code 0
                    raise BrokenProcessPool  # noqa: TRY301
            return future.result()  # type: ignore[no-any-return]
        except TimeoutError:
            reason = f"The renderer took longer than {call.timeout_s:g} s."
            self._end()
        except (pebble.ProcessExpired, RuntimeError):  # the latter says that the pool is broken or stopped
            self._end()
            reason = f"The renderer process {_ending(running.child.exitcode)}."
        except BaseException:
            self._end()
            raise
        raise self._failed(call, reason, killed=running.child.exitcode == -signal.SIGKILL)

    def _ready(self) -> _Running:
        """Return the running child, or a new one."""
        if self._running and self._running.alive:
            return self._running
        self._end()
        return _starter.submit(self._start).result()

    def _start(self) -> _Running:
        _forget_main()
        self.logs.mkdir(parents=True, exist_ok=True)  # who tidies up a machine may have taken it away
        if self._log_bytes() > _LOG_LIMIT_BYTES:
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

    def _failed(self, call: _Call, reason: str, *, killed: bool = False) -> UnitFailed:
        words = self._last_words(call.log_bytes)
        short = call.memory.ended(killed=killed, words=f"{reason} {words}")
        remedy = f"Its last words and its log ({self.log} on {self.node}) say more."
        if short:
            remedy = f"The memory of {self.node} is too short: close what else runs on it. {remedy}"
        if self._disk_is_full():
            remedy = f"The disk of {self.node} that holds its log, {self.log}, is full: free some space."
        return UnitFailed(
            reason=reason,
            remedy=remedy,
            retryable=True,
            unit=call.name,
            node=self.node,
            last_words=words,
            log=str(self.log),
            short_of_memory=short,
        )

    def _log_bytes(self) -> int:
        try:
            return self.log.stat().st_size
        except FileNotFoundError:
            return 0

    def _last_words(self, from_bytes: int) -> str:
        try:
            with self.log.open("rb") as log:
                log.seek(from_bytes)
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-LAST_WORDS_LINES:])

    def _disk_is_full(self) -> bool:
        try:
            return shutil.disk_usage(self.logs).free < _ROOM_BYTES
        except OSError:
            return False


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
