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
import time
from concurrent.futures import ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing.context import SpawnContext, SpawnProcess
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pebble

from storage.errors import FrontburnerError
from tasks.errors import ProgramFailed, UnitFailed
from tasks.node import renderer_child
from tasks.node.child_log import ChildLog
from tasks.node.renderer_call import Call, Phase, Witness, check, never, nobody
from tasks.process.exit_status import exit_sentence
from tasks.process.hang_detection import STILL_S, HangDetection, cpu_s
from tasks.process.memory import MemoryWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.node.renderer_child import Rendered
    from tasks.spec import UnitSpec

T = TypeVar("T")

POLL_S = 0.1
"""Seconds between two looks at whether a call was called back."""

pebble.CONSTS.term_timeout = 0.5  # native code survives SIGTERM

# Linux ends a child with the *thread* that started it: this one lives as long as the interpreter.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renderer-starter")


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
    process: SpawnProcess

    @property
    def alive(self) -> bool:
        """Whether calls can be answered."""
        return bool(self.pool.active) and self.process.is_alive()

    def answer(self, call: Call) -> renderer_child.Answer:
        """Put a call to the child and wait for its answer."""
        future = self.pool.schedule(renderer_child.answer, call.said, timeout=call.timeout_s)
        stillness = HangDetection(partial(cpu_s, self.process.pid or 0))
        while not wait([future], timeout=POLL_S).done:
            call.look(Phase.RENDERING)
            call.still = stillness.look(time.monotonic())
            if call.still:
                raise TimeoutError
            if not self.alive:  # pebble alone would wait forever for a child that exits with code 0
                raise BrokenProcessPool
        return future.result()  # type: ignore[no-any-return]

    def end(self) -> None:
        """End both at once."""
        self.pool.stop()
        self.process.kill()
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
    log: ChildLog = field(init=False)
    _turn: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)
    _running: _Running | None = field(init=False, repr=False, default=None)
    _end: Callable[[], object] = field(init=False, repr=False, default=never)

    def __post_init__(self) -> None:
        self.log = ChildLog(self.logs / f"renderer-{os.getpid()}-{id(self):x}.log")
        self.log.begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while there is none."""
        return self._running.process.pid if self._running and self._running.alive else None

    @property
    def busy(self) -> bool:
        """Whether a call is under way."""
        return self._turn.locked()

    def render(self, unit: UnitSpec, *, cancelled: Callable[[], bool] = never, witness: Witness = nobody) -> Rendered:
        """Render a unit in the child.

        Raises
        ------
        SceneError
            When the renderer refuses the scene.
        UnitFailed
            When the child crashes, throws, does nothing for long, or takes longer than ``unit.timeout_s``.
        UnitCancelled
            When ``cancelled()`` turned true. The child is killed if it was working.
        """
        memory = MemoryWatch()
        rendered = self.call(
            renderer_child.render, unit, self.threads, cancelled=cancelled, timeout_s=unit.timeout_s, name=unit.digest,
            witness=witness, memory=memory,
        )  # fmt: skip
        short = memory.short and rendered.peak_memory_bytes > (memory.least_bytes or 0)
        return replace(rendered, short_of_memory=short)

    def call(
        self,
        function: Callable[..., T],
        *args: Any,  # noqa: ANN401 - whatever the function takes
        cancelled: Callable[[], bool] = never,
        timeout_s: float | None = None,
        name: str = "",
        witness: Witness = nobody,
        memory: MemoryWatch | None = None,
    ) -> T:
        """Run an importable function in the child, under the rules of `render`. ``name`` is for errors."""
        call = Call(
            said=(function, *args), cancelled=cancelled, timeout_s=timeout_s, name=name, witness=witness,
            memory=memory or MemoryWatch(),
        )  # fmt: skip
        while not self._turn.acquire(timeout=POLL_S):
            call.look(Phase.WAITING)
        try:
            check(cancelled, name)
            call.began_s, call.log_bytes = time.monotonic(), self.log.size_bytes()
            value, error = self._ask(call)
        finally:
            self._turn.release()
        if isinstance(error, ProgramFailed):
            failed = self._failed(call, error.reason, killed=error.killed, remedy=error.remedy)
            raise replace(failed, retryable=error.retryable)
        if isinstance(error, FrontburnerError):
            raise error
        if error:
            raise self._failed(call, f"The renderer failed: {error}.")
        return value  # type: ignore[no-any-return]

    def stop(self) -> None:
        """End the child, whatever it does. The next call starts another."""
        if self._running:
            self._running.process.kill()
        if self._turn.acquire(blocking=False):  # else whoever has the turn finds the child dead, and clears up
            self._end()
            self._turn.release()

    def _ask(self, call: Call) -> renderer_child.Answer:
        """Put a call to the child and wait for its answer; end the child if there is none."""
        try:
            running = self._ready()
        except OSError as error:
            raise self._failed(call, f"The renderer process could not be started: {error}.") from error
        try:
            return running.answer(call)
        except TimeoutError:
            self._end()
            reason = (
                f"The renderer did nothing for {STILL_S / 60:.0f} minutes." if call.still
                else f"The renderer took longer than {call.timeout_s:g} s."
            )  # fmt: skip
        except (pebble.ProcessExpired, RuntimeError):  # the latter says that the pool is broken or stopped
            self._end()
            reason = f"The renderer process {exit_sentence(running.process.exitcode)}."
        except BaseException:
            self._end()
            raise
        raise self._failed(call, reason, killed=running.process.exitcode == -signal.SIGKILL)

    def _ready(self) -> _Running:
        """Return the running child, or a new one."""
        if self._running and self._running.alive:
            return self._running
        self._end()
        return _starter.submit(self._start).result()

    def _start(self) -> _Running:
        _forget_main()
        self.log.begin()
        context = _Spawn()
        pool = pebble.ProcessPool(
            max_workers=1, context=context, initializer=renderer_child.begin, initargs=(self.log.path, self.node)
        )
        if not (pool.active and context.child):  # asking starts the child
            raise BrokenProcessPool
        self._running = _Running(pool, context.child)
        # Called by `stop`, when nobody refers to us any more, and before multiprocessing waits for its children.
        self._end = Finalize(self, self._running.end, exitpriority=0)
        return self._running

    def _failed(self, call: Call, reason: str, *, killed: bool = False, remedy: str = "") -> UnitFailed:
        words = self.log.last_words(call.log_bytes)
        short = call.memory.ended(killed=killed, words=f"{reason} {words}")
        remedy = f"{remedy} Its last words and its log ({self.log.path} on {self.node}) say more.".lstrip()
        if short:
            remedy = f"The memory of {self.node} is too short: close what else runs on it. {remedy}"
        if self.log.disk_is_full:
            remedy = f"The disk of {self.node} that holds its log, {self.log.path}, is full: free some space."
        return UnitFailed(
            reason=reason,
            remedy=remedy,
            retryable=True,
            unit=call.name,
            node=self.node,
            last_words=words,
            log=str(self.log.path),
            short_of_memory=short,
        )


def _forget_main() -> None:
    """Spare a node's renderer the import of the node's own main module: seconds, and numpy before `child.begin`."""
    if multiprocessing.parent_process():  # a node was spawned itself: its main is the command, imported again
        main = sys.modules["__main__"]
        main.__spec__ = None
        main.__dict__.pop("__file__", None)
