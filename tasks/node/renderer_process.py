"""A renderer in a process of its own: it can crash, hang or be cancelled without harm to the node.

The process is the one worker of a `pebble` pool. A pool lives as long as its worker: whatever ends the one ends
both, and the next call makes new ones.

One file over 300 lines: a call, its child and the ways both can end are only understood together.
"""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pebble

from storage.errors import FrontburnerError
from system import paths
from system.exits import describe_exit
from system.processes import KILLED
from tasks.errors import ProgramFailed, SceneError, UnitCancelled, UnitFailed, UnitRecalled
from tasks.node import renderer_child
from tasks.node.child_log import ChildLog
from tasks.process.hang_detection import LONGEST_HANG_S, HangDetector, patience_s, tree_activity
from tasks.process.memory import MemoryWatch, tree_memory_bytes
from tasks.process.pebble_internals import finalizer, forget_main_module, start_pool
from tasks.renderers import renderer

if TYPE_CHECKING:
    from multiprocessing.context import SpawnProcess

    from tasks.node.renderer_child import Rendered
    from tasks.spec import UnitSpec

T = TypeVar("T")

POLL_S = 0.1
"""Seconds between two checks of whether a call was cancelled."""

# Linux ends a child with the *thread* that started it: this one lives as long as the interpreter.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renderer-starter")


class Phase(StrEnum):
    """How far a call is."""

    WAITING = "waiting"
    """Another call has the renderer."""
    RENDERING = "rendering"


ProgressCallback = Callable[[Phase, float], None]
"""Called again and again with a call's phase and the seconds since it began."""


def _never() -> bool:
    return False


def _ignore(_: Phase, __: float) -> None:
    pass


def raise_if_cancelled(cancelled: Callable[[], bool], name: str) -> None:
    """Raise `UnitCancelled` if a call was cancelled."""
    if cancelled():
        raise UnitCancelled(reason="The unit was cancelled.", remedy="No action is needed.", retryable=True, unit=name)


@dataclass(slots=True, kw_only=True)
class _Call:
    """A call to the child."""

    function_and_args: tuple[Any, ...]
    cancelled: Callable[[], bool]
    raise_if_recalled: Callable[[], object]
    timeout_s: float | None
    name: str
    on_progress: ProgressCallback
    memory: MemoryWatch
    memory_bytes: int
    hang_timeout_s: float
    began_s: float = field(default_factory=time.monotonic)
    log_bytes: int = 0
    still_s: float = 0.0
    """The longest the renderer did nothing, and went on."""
    hung: bool = False
    too_large: bool = False

    def raise_if_unwanted(self) -> None:
        """Raise if the call was cancelled or recalled."""
        raise_if_cancelled(self.cancelled, self.name)
        self.raise_if_recalled()

    def poll(self, phase: Phase) -> None:
        """Raise if the call is no longer wanted, and report how far it is."""
        self.raise_if_unwanted()
        if phase is Phase.RENDERING:
            self.memory.sample()
        self.on_progress(phase, time.monotonic() - self.began_s)


@dataclass(frozen=True, slots=True)
class _Running:
    """A pool and its child."""

    pool: pebble.ProcessPool
    process: SpawnProcess

    @property
    def alive(self) -> bool:
        """Whether calls can be answered."""
        return bool(self.pool.active) and self.process.is_alive()

    def call(self, call: _Call) -> renderer_child.Outcome:
        """Make a call to the child and wait for its outcome."""
        args = (paths.table(), *call.function_and_args)
        future = self.pool.schedule(renderer_child.run_call, args, timeout=call.timeout_s)
        detector = HangDetector(partial(tree_activity, self.process.pid or 0), call.hang_timeout_s)
        while not wait([future], timeout=POLL_S).done:
            call.poll(Phase.RENDERING)
            call.hung = detector.hangs(time.monotonic())
            if call.hung:
                raise TimeoutError
            if call.memory_bytes and tree_memory_bytes(self.process.pid or 0) > call.memory_bytes:
                call.too_large = True
                raise TimeoutError
            call.still_s = detector.longest_s
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

    Safe to use from any thread: callers take turns, and a waiting one can be cancelled too.

    Parameters
    ----------
    node
        The node's name, for errors.
    threads
        Threads the renderer uses.
    logs
        Folder for the child's output; made if missing.
    memory_bytes
        Most memory the child may take with all it has started; 0 is no limit.
    """

    node: str
    threads: int
    logs: Path = field(default_factory=lambda: Path(tempfile.gettempdir()) / "frontburner-logs")
    memory_bytes: int = 0
    log: ChildLog = field(init=False)
    recalled: str = field(init=False, default="")
    """Why this machine was given back to its owner; empty while it may render."""
    _scripts_of: str = field(init=False, repr=False, default="")
    """The scene whose scripts may have run in the child: what they left there is none of another's business."""
    _still_s: float = field(init=False, default=0.0)
    """The longest its renderer did nothing, and went on."""
    _turn: threading.Lock = field(init=False, repr=False, default_factory=threading.Lock)
    _running: _Running | None = field(init=False, repr=False, default=None)
    _end: Callable[[], object] = field(init=False, repr=False, default=_never)

    def __post_init__(self) -> None:
        self.log = ChildLog(self.logs / f"renderer-{os.getpid()}-{id(self):x}.log")
        self.log.prepare()

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
        """Whether a call is running."""
        return self._turn.locked()

    def render(
        self, unit: UnitSpec, *, cancelled: Callable[[], bool] = _never, on_progress: ProgressCallback = _ignore
    ) -> Rendered:
        """Render a unit in the child.

        Raises
        ------
        SceneError
            When the renderer refuses the scene.
        UnitFailed
            When the child crashes, throws, hangs, or takes longer than ``unit.timeout_s``.
        UnitCancelled, UnitRecalled
            When ``cancelled()`` turned true, or the machine was given back. The child is killed if it was working.
        """
        memory = MemoryWatch()
        waits = renderer(unit.frame.renderer).capabilities(unit.frame.build).waits
        rendered = self.call(
            renderer_child.render, unit, self.threads, cancelled=cancelled, timeout_s=unit.timeout_s, name=unit.digest,
            on_progress=on_progress, memory=memory, scripts_of=unit.frame.scene if unit.frame.allow_scripts else "",
            hang_timeout_s=LONGEST_HANG_S if waits else None, may_be_recalled=True,
        )  # fmt: skip
        short = memory.was_low and rendered.peak_memory_bytes > (memory.lowest_bytes or 0)
        return replace(rendered, short_of_memory=short)

    def call(
        self,
        function: Callable[..., T],
        *args: Any,  # noqa: ANN401 - whatever the function takes
        cancelled: Callable[[], bool] = _never,
        timeout_s: float | None = None,
        name: str = "",
        on_progress: ProgressCallback = _ignore,
        memory: MemoryWatch | None = None,
        scripts_of: str = "",
        hang_timeout_s: float | None = None,
        may_be_recalled: bool = False,
    ) -> T:
        """Run an importable function in the child, under the rules of `render`.

        Parameters
        ----------
        name
            For errors.
        scripts_of
            The scene whose scripts may run in this call; empty if none may. A child in which those of another scene
            ran is ended first.
        hang_timeout_s
            How long the renderer may do nothing; None is what was learnt.
        may_be_recalled
            Whether it ends, and isn't begun, when the machine is given back to its owner. Short calls needn't be.
        """
        call = _Call(
            function_and_args=(function, *args), cancelled=cancelled, timeout_s=timeout_s, name=name,
            raise_if_recalled=self.raise_if_recalled if may_be_recalled else _never,
            on_progress=on_progress, memory=memory or MemoryWatch(), memory_bytes=self.memory_bytes,
            hang_timeout_s=patience_s(self._still_s) if hang_timeout_s is None else hang_timeout_s,
        )  # fmt: skip
        while not self._turn.acquire(timeout=POLL_S):
            call.poll(Phase.WAITING)
        try:
            call.raise_if_unwanted()
            if self._scripts_of not in ("", scripts_of):
                self._end()
            self._scripts_of = scripts_of
            call.began_s, call.log_bytes = time.monotonic(), self.log.size_bytes()
            value, error = self._run(call)
            if isinstance(error, str) or (isinstance(error, SceneError) and error.spoils_process):
                self._end()
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

    def recall(self, reason: str) -> None:
        """Give the machine back: what is rendered ends within moments, and nothing is until ``reason`` is empty."""
        self.recalled = reason
        if reason and self._turn.acquire(blocking=False):  # else the running call ends the child
            self._end()
            self._turn.release()

    def raise_if_recalled(self) -> None:
        """Raise `UnitRecalled` while the machine is given back."""
        if self.recalled:
            raise UnitRecalled(
                reason=f"{self.node} was given back to its owner: {self.recalled}.",
                remedy="The unit is rendered elsewhere.", retryable=True, node=self.node,
            )  # fmt: skip

    def stop(self) -> None:
        """End the child, whatever it does. The next call starts another."""
        if self._running:
            self._running.process.kill()
        if self._turn.acquire(blocking=False):  # else the running call finds the child dead, and cleans up
            self._end()
            self._turn.release()

    def _run(self, call: _Call) -> renderer_child.Outcome:
        """Make a call to the child and wait for its outcome; end the child if there is none."""
        try:
            running = self._ready()
        except OSError as error:
            raise self._failed(call, f"The renderer process could not be started: {error}.") from error
        try:
            outcome = running.call(call)
            self._still_s = max(self._still_s, call.still_s)
        except TimeoutError:
            self._end()
            if call.too_large:
                raise self._failed(call, f"The renderer took more than {self._most_memory}.") from None
            if call.hung:
                reason = f"The renderer did nothing for {call.hang_timeout_s:.0f} s: it neither computed nor read."
                self._still_s = call.hang_timeout_s  # should it only be slow, the next attempt gets further
            else:
                reason = f"The renderer took longer than {call.timeout_s:g} s."
        except (pebble.ProcessExpired, RuntimeError):  # the latter says that the pool is broken or stopped
            self._end()
            reason = f"The renderer process {describe_exit(running.process.exitcode)}."
        except BaseException:
            self._end()
            raise
        else:
            return outcome
        raise self._failed(call, reason, killed=running.process.exitcode == KILLED)

    def _ready(self) -> _Running:
        """Return the running child, or a new one."""
        if self._running and self._running.alive:
            return self._running
        self._end()
        return _starter.submit(self._start).result()

    def _start(self) -> _Running:
        forget_main_module()
        self.log.prepare()
        self._running = _Running(*start_pool(renderer_child.initialize, self.log.path, self.node))
        self._end = finalizer(self, self._running.end)
        return self._running

    @property
    def _most_memory(self) -> str:
        return f"the {self.memory_bytes / (1 << 30):.1f} GiB that it may have on {self.node}"

    def _failed(self, call: _Call, reason: str, *, killed: bool = False, remedy: str = "") -> UnitFailed:
        last_words = self.log.last_words(call.log_bytes)
        short_of_memory = call.too_large or call.memory.explains_exit(killed=killed, output=f"{reason} {last_words}")
        remedy = f"{remedy} Its last output and its log ({self.log.path} on {self.node}) say more.".lstrip()
        if short_of_memory:
            remedy = f"{self.node} has too little memory: close what else runs on it. {remedy}"
        if self.log.disk_is_full:
            remedy = f"The disk of {self.node} that holds its log, {self.log.path}, is full: free some space."
        return UnitFailed(
            reason=reason, remedy=remedy, retryable=True, unit=call.name, node=self.node, last_words=last_words,
            log=str(self.log.path), short_of_memory=short_of_memory,
        )  # fmt: skip
