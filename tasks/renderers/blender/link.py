"""How questions reach Blender: in this process, or down a pipe to an installed program that stays up."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from tasks.errors import ProgramFailed
from tasks.process import resource_usage
from tasks.process.termination import describe_exit

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

MODULE = ""
"""Stands for `bpy` in place of a program's path."""
_SERVE = Path(__file__).parent / "inside" / "serve.py"


class BlenderError(Exception):
    """What Blender said was wrong. ``asked`` says that it is what was asked for, a name that isn't there."""

    def __init__(self, text: str, *, asked: bool = False) -> None:
        super().__init__(text)
        self.asked = asked


class Link(Protocol):
    """A Blender that answers."""

    def ask(self, question: str, **values: object) -> Any:  # noqa: ANN401 - plain values
        """Return its answer.

        Raises
        ------
        BlenderError
            When it has none.
        ProgramFailed
            When it ended before it had.
        """
        ...


class Module:
    """The ``bpy`` module, in this process. It can't be unloaded, and wants the main thread."""

    def __init__(self) -> None:
        with _silenced():
            from tasks.renderers.blender.inside.answers import ANSWERS
            from tasks.renderers.blender.inside.reading import NotThere
        self._answers, self._not_there = ANSWERS, NotThere

    def ask(self, question: str, **values: object) -> Any:  # noqa: ANN401
        """Return the answer."""
        try:
            return self._answers[question](**values)
        except self._not_there as error:
            raise BlenderError(str(error), asked=True) from error
        except RuntimeError as error:  # what Blender's operators raise
            raise BlenderError(_sentence(str(error))) from error


class Program:
    """An installed Blender that was started for this process, and ends with it."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._start()

    def ask(self, question: str, **values: object) -> Any:  # noqa: ANN401
        """Return the answer. One that crashed is started anew by the next question."""
        if self._process.poll() is not None:
            self._start()
        try:
            self._connection.send((question, values))
            well, answer = self._connection.recv()
        except (EOFError, OSError):
            code = self._process.wait()
            raise ProgramFailed(
                reason=f"{self.path} {describe_exit(code)}.",
                remedy="Try it by hand if it happens again.",
                retryable=True,
                killed=code == -signal.SIGKILL,
            ) from None
        if well:
            return answer
        raise BlenderError(answer.get("not_there") or _sentence(answer["error"]), asked="not_there" in answer)

    def _start(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        self._process = _started(self.path, theirs)
        resource_usage.track(self._process)
        theirs.close()


def _sentence(text: str) -> str:
    """Return what Blender says is wrong, without what goes before and after it."""
    return " ".join(text.split()).removeprefix("RuntimeError: ").removeprefix("Error: ").rstrip(". ")


@cache
def link(path: str) -> Link:
    """Return the Blender of this process: there is one of each path."""
    return Program(path) if path else Module()


def _started(path: str, theirs: Connection) -> subprocess.Popen[bytes]:
    own = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    command = [
        path, "--background", "--factory-startup", "-noaudio", "--python-exit-code", "1", "--python", str(_SERVE), "--",
        str(theirs.fileno()), str(os.getpid()),
    ]  # fmt: skip
    return subprocess.Popen(command, env=own, stdin=subprocess.DEVNULL, pass_fds=[theirs.fileno()])


@contextlib.contextmanager
def _silenced() -> Iterator[None]:
    """Swallow what importing ``bpy`` prints: its sound library was made for an older numpy, and isn't needed."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
