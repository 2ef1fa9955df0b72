"""A renderer in a process of its own: it can crash, hang or be called back without harm to the node.

The child is a plain subprocess, not a multiprocessing one: it never imports the parent's main module, may be
started from a daemonic Dask worker, and has its own environment and log from the first instruction on.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from tasks import child
from tasks.child import Answer, Call, Rendered
from tasks.errors import UnitCancelled, UnitFailed

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks.spec import UnitSpec

T = TypeVar("T")

POLL_S = 0.1
"""Seconds between two looks at whether a call was called back."""
LAST_WORDS_LINES = 20
_LOG_LIMIT_BYTES = 16 << 20

# Linux ends a child with the *thread* that started it: this one lives as long as the interpreter.
_starter = ThreadPoolExecutor(max_workers=1, thread_name_prefix="renderer-starter")


def _never() -> bool:
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Child:
    """A running child and our ends of its pipes."""

    process: subprocess.Popen[bytes]
    requests: Connection
    answers: Connection
    lifeline: int

    def kill(self) -> None:
        """End it at once and collect it."""
        self.process.kill()
        self.process.wait()
        self.requests.close()
        self.answers.close()
        os.close(self.lifeline)


def _start(log: Path, environment: dict[str, str]) -> _Child:
    their_requests, our_requests = os.pipe()
    our_answers, their_answers = os.pipe()
    their_lifeline, our_lifeline = os.pipe()
    theirs = (their_requests, their_answers, their_lifeline)
    command = [sys.executable, "-P", "-u", "-m", child.__name__, *map(str, theirs), str(os.getpid())]
    with log.open("ab") as sink:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=sink, pass_fds=theirs, env=environment
        )
    for end in theirs:
        os.close(end)
    return _Child(
        process=process,
        requests=Connection(our_requests, readable=False),
        answers=Connection(our_answers, writable=False),
        lifeline=our_lifeline,
    )


@dataclass(slots=True, kw_only=True)
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
    _child: _Child | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        self.logs.mkdir(parents=True, exist_ok=True)
        self.log = self.logs / f"renderer-{os.getpid()}-{id(self):x}.log"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def __del__(self) -> None:
        # Nobody can have the turn: whoever had it would hold a reference.
        self._discard()

    @property
    def pid(self) -> int | None:
        """The child's process id, or None while there is none."""
        return self._child.process.pid if self._child else None

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
            self._check(cancelled, name)
        try:
            self._check(cancelled, name)
            said_bytes = self.log.stat().st_size if self.log.exists() else 0
            answer = self._ask(Call(function=function, args=args), cancelled, timeout_s, name, said_bytes)
        finally:
            self._turn.release()
        if answer.error is not None:
            raise answer.error
        if answer.unexpected:
            raise self._failed(name, f"The renderer failed: {answer.unexpected}.", said_bytes)
        return answer.value  # type: ignore[no-any-return]

    def stop(self) -> None:
        """End the child, whatever it does. The next call starts another."""
        running = self._child
        if running is not None:
            running.process.kill()
        with self._turn:
            self._discard()

    def _discard(self) -> None:
        """End the child and forget it; only for whoever has the turn."""
        running, self._child = self._child, None
        if running is not None:
            running.kill()

    def _check(self, cancelled: Callable[[], bool], name: str) -> None:
        if cancelled():
            raise UnitCancelled(
                reason="The unit was called back.", remedy="Nothing is to be done.", retryable=True, unit=name
            )

    def _ask(
        self, call: Call, cancelled: Callable[[], bool], timeout_s: float | None, name: str, said_bytes: int
    ) -> Answer:
        """Put a call to the child and wait for its answer; kill the child if there is none."""
        running = self._ready()
        ends_s = time.monotonic() + timeout_s if timeout_s else None
        try:
            running.requests.send(call)
            while not wait([running.answers], timeout=POLL_S):
                self._check(cancelled, name)
                self._check_time(ends_s, timeout_s, name, said_bytes)
            answer: Answer = running.answers.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            code = running.process.wait()
            self._discard()
            raise self._failed(name, f"The renderer process {_ending(code)}.", said_bytes) from None
        except BaseException:
            self._discard()
            raise
        return answer

    def _check_time(self, ends_s: float | None, timeout_s: float | None, name: str, said_bytes: int) -> None:
        if ends_s is not None and time.monotonic() > ends_s:
            raise self._failed(name, f"The renderer took longer than {timeout_s:g} s.", said_bytes)

    def _ready(self) -> _Child:
        """Return the running child, or a new one."""
        if self._child is not None and self._child.process.poll() is not None:
            self._discard()
        if self._child is None:
            if self.log.exists() and self.log.stat().st_size > _LOG_LIMIT_BYTES:
                self.log.replace(self.log.with_suffix(".old.log"))
            self._child = _starter.submit(_start, self.log, _environment(self.node)).result()
        return self._child

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


def _environment(node: str) -> dict[str, str]:
    """Environment of a child: ours, with our packages importable and one thread for each numeric library."""
    root = str(Path(child.__file__).resolve().parents[1])
    path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
    numeric = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return {**os.environ, **numeric, "PYTHONPATH": path, "FRONTBURNER_NODE": node}


def _ending(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
