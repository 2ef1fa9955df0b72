"""Run a renderer's program for one unit: watch what it says, end it when it can't succeed, leave nothing behind."""

from __future__ import annotations

import codecs
import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.errors import ProgramFailed
from tasks.process import resource_usage
from tasks.process.hang_detection import HANG_TIMEOUT_S, HangDetector, tree_cpu_s
from tasks.process.termination import ask_for_death_signal, describe_exit, guarded
from tasks.renderers.program.failures import Failure, Found, find, worst

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from storage.errors import FrontburnerError

LOOK_S = 1.0
"""Seconds between two looks at a program that says nothing."""
_LINE_ENDS = re.compile(r"[\r\n]+")
_LONGEST_LINE = 1 << 16
_CHUNK_BYTES = 1 << 16
_KEEP_LINES = 40
_NEVER = r"(?!)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to run once.

    Parameters
    ----------
    name
        What it is called in errors, such as ``POV-Ray``.
    command, folder, environment
        What is run, where, and variables that are set for it.
    scene
        The scene's path, for errors.
    failures
        What its output may tell of.
    progress
        Regular expression for a line that only says how far it is; its first group is a percentage. Such lines stay
        out of the log.
    continues
        Regular expression for the beginning of a line that goes on with the one before it.
    columns
        How long it lets a line be: one that is as long goes on in the next, even within a word. 0 is any length.
    begins
        Regular expression for the line after which it renders: what came before was reading its scene.
    still_s, still_because
        Seconds without processor time after which it is ended, and the sentence that says what it then waits for.
    codes
        Exit codes whose meaning is known.
    logs
        Pattern of the paths of logs it keeps elsewhere; what it adds to them counts as said.
    """

    name: str
    command: Sequence[str]
    folder: Path
    scene: str
    environment: Mapping[str, str] = field(default_factory=dict)
    failures: Sequence[Failure] = ()
    progress: str = _NEVER
    continues: str = _NEVER
    columns: int = 0
    begins: str = _NEVER
    still_s: float = HANG_TIMEOUT_S
    still_because: str = ""
    codes: Mapping[int, Failure] = field(default_factory=dict)
    logs: str = ""

    def log_files(self) -> list[Path]:
        """Logs it keeps elsewhere, so far."""
        if not self.logs:
            return []
        root = Path(self.logs).anchor
        return [path for path in Path(root).glob(self.logs[len(root) :]) if path.is_file()]


@dataclass(slots=True)
class Told:
    """What a program has told so far."""

    found: list[Found] = field(default_factory=list)
    percent: float | None = None
    load_s: float = 0.0
    """Seconds before it began to render, if it said so."""
    lines: list[str] = field(default_factory=list)
    """The last ones."""
    full: bool = False
    """Whether the last one was as long as it can be."""


def run(program: Program) -> Told:
    """Run it to its end. Its output goes to this process's own, which is the renderer's log.

    Raises
    ------
    SceneError
        When it failed for a cause that is known, and is the scene's.
    ProgramFailed
        When it failed otherwise, or did nothing for too long.
    """
    told, error = _run(program)
    if any(found.failure.again for found in told.found) and error:
        told, error = _run(program)
    if error:
        raise error
    return told


def _run(program: Program) -> tuple[Told, FrontburnerError | None]:
    """Run it once; return what it told, and what is the matter."""
    told = Told()
    before = {path: path.stat().st_size for path in program.log_files()}
    print(f"--- {subprocess.list2cmdline(list(program.command))}", flush=True)
    with ExitStack() as stack:
        process = stack.enter_context(_started(program))
        stack.enter_context(guarded(process.pid))
        _listen(program, process, told)
        code = resource_usage.wait(process)
    for path in program.log_files():
        with path.open("rb") as log:
            log.seek(before.get(path, 0))
            for line in _LINE_ENDS.split(log.read().decode(errors="replace")):
                _hear(program, line, told)
    explained = worst(told.found, program.failures)
    if code == 0 and not (explained and explained.failure.fatal):
        return told, None
    return told, explained.error(program.scene) if explained else _unexplained(program, told, code)


def _started(program: Program) -> subprocess.Popen[bytes]:
    """Start it, in a group of its own, to end with this process."""
    posix = sys.platform != "win32"
    try:
        return subprocess.Popen(
            program.command, cwd=program.folder, env={**os.environ, **program.environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=posix,
            preexec_fn=ask_for_death_signal if posix else None,  # noqa: PLW1509 - it calls the system and no more
        )  # fmt: skip
    except OSError as error:
        raise ProgramFailed(
            reason=f"{program.name} can't be started: {error}.",
            remedy=f"Install it on this node, or correct where it is looked for ({program.command[0]}).",
            retryable=True,
        ) from error


def _listen(program: Program, process: subprocess.Popen[bytes], told: Told) -> None:
    """Follow its output to the end. End it when it can't succeed any more."""
    began_s = time.monotonic()
    stillness = HangDetector(partial(tree_cpu_s, process.pid), program.still_s)
    for line in _lines(process):
        if line:
            _hear(program, line, told)
            if not told.load_s and re.search(program.begins, line):
                told.load_s = time.monotonic() - began_s
        elif _has_ended(process):  # what it started may hold its output open still
            return
        if told.found and told.found[-1].failure.fatal:
            process.kill()
            return
        if stillness.hangs(time.monotonic()):
            process.kill()
            still = f"{program.name} did nothing for {program.still_s:.0f} s{_how_far(told)}."
            raise ProgramFailed(reason=f"{still} {program.still_because}".strip(), remedy="", retryable=True)


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield its lines as they come, and an empty one whenever it says nothing for a while."""
    assert process.stdout is not None
    pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    stream = os.dup(process.stdout.fileno())  # read in a thread of its own: pipes can't be waited for everywhere
    threading.Thread(target=_pass_on, args=(stream, pieces), name="program-output", daemon=True).start()
    decode, rest = codecs.getincrementaldecoder("utf-8")("replace").decode, ""
    while True:
        try:
            piece = pieces.get(timeout=LOOK_S)
        except queue.Empty:
            yield ""
            continue
        *lines, rest = _LINE_ENDS.split(rest + decode(piece, not piece))
        if not piece or len(rest) > _LONGEST_LINE:
            lines, rest = [*lines, rest], ""
        yield from filter(None, lines)
        if not piece:
            return


def _pass_on(stream: int, pieces: queue.SimpleQueue[bytes]) -> None:
    """Pass a stream on, and an empty piece at its end."""
    with suppress(OSError):
        while piece := os.read(stream, _CHUNK_BYTES):
            pieces.put(piece)
    os.close(stream)
    pieces.put(b"")


def _has_ended(process: subprocess.Popen[bytes]) -> bool:
    """Whether it has ended; it can still be waited for."""
    if not hasattr(os, "waitid"):
        return process.poll() is not None
    return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _hear(program: Program, line: str, told: Told) -> None:
    """Take one line in."""
    progress = re.search(program.progress, line)
    if progress:
        told.percent = float(progress[1])
        return
    print(line, flush=True)
    continued, broken = re.match(program.continues, line), told.full
    told.full = len(line) == program.columns
    if told.lines and (continued or broken):
        line = told.lines.pop() + (f" {line[continued.end() :]}" if continued else line)
        if told.found and told.found[-1].line == line[: len(told.found[-1].line)]:
            told.found.pop()
    told.lines[:] = [*told.lines[1 - _KEEP_LINES :], line]
    found = find(program.failures, line)
    if found:
        told.found.append(found)


def _unexplained(program: Program, told: Told, code: int) -> ProgramFailed:
    """Return the error for a program that failed and didn't say why."""
    known = program.codes.get(code)
    if known:
        return ProgramFailed(reason=known.cause, remedy=known.remedy, retryable=known.retryable)
    last = next((line.strip() for line in reversed(told.lines) if line.strip()), "")
    said = f", and said last: {last[:300]}" if last else ""
    return ProgramFailed(
        reason=f"{program.name} {describe_exit(code)}{_how_far(told)}{said}.".replace("..", "."),
        remedy="",
        retryable=True,
        killed=code == -signal.SIGKILL if hasattr(signal, "SIGKILL") else False,
    )


def _how_far(told: Told) -> str:
    return "" if told.percent is None else f" at {told.percent:.0f} %"
