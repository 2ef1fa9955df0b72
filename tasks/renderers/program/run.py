"""Runs a renderer's program for one unit: follows its output, ends it when it can't succeed, leaves nothing behind."""

from __future__ import annotations

import codecs
import math
import os
import queue
import re
import subprocess
import threading
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from system.exits import describe_exit
from system.processes import KILLED, guarded, has_ended, start_group
from tasks.errors import ProgramFailed
from tasks.process import resource_usage
from tasks.process.hang_detection import HANG_TIMEOUT_S, HangDetector, tree_activity
from tasks.renderers.program.failures import Failure, FailureMatch, match_failure, most_telling

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from storage.errors import FrontburnerError

POLL_S = 1.0
"""Seconds between two checks of a program that prints nothing."""
_LINE_ENDS = re.compile(r"[\r\n]+")
_MAX_LINE = 1 << 16
_CHUNK_BYTES = 1 << 16
_KEEP_LINES = 40
_NEVER = r"(?!)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program to run once.

    Parameters
    ----------
    name
        Its name in errors, such as ``POV-Ray``.
    command, folder, environment
        What is run, where, and variables that are set for it.
    scene
        The scene's path, for errors.
    failures
        Failures its output may tell of.
    progress
        Regular expression for a line of progress; its first group is a percentage. Such lines aren't logged.
    continues
        Regular expression for the start of a line that continues the one before it.
    columns
        Length at which it breaks lines, even within a word; 0 is never.
    begins
        Regular expression for the line after which it renders: what came before was reading its scene.
    limit_s
        Seconds after which it is ended, however busy it is.
    hang_timeout_s, hang_explanation
        Seconds without anything done after which it is ended, and a sentence on what it may wait for.
    codes
        Known exit codes.
    logs
        Pattern of the paths of logs it writes elsewhere; what it adds to them counts as its output.
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
    limit_s: float = math.inf
    hang_timeout_s: float = HANG_TIMEOUT_S
    hang_explanation: str = ""
    codes: Mapping[int, Failure] = field(default_factory=dict)
    logs: str = ""

    def log_files(self) -> list[Path]:
        """Return the logs it writes elsewhere, so far."""
        if not self.logs:
            return []
        root = Path(self.logs).anchor
        return [path for path in Path(root).glob(self.logs[len(root) :]) if path.is_file()]


@dataclass(slots=True)
class ProgramOutput:
    """What a program has printed so far.

    Parameters
    ----------
    load_s
        Seconds before it began to render, if it printed that.
    lines
        The last lines.
    line_is_full
        Whether the last line was broken at its full length.
    """

    matches: list[FailureMatch] = field(default_factory=list)
    percent: float | None = None
    load_s: float = 0.0
    lines: list[str] = field(default_factory=list)
    line_is_full: bool = False


def run(program: Program) -> ProgramOutput:
    """Run it to its end. Its output goes to this process's own, which is the renderer's log.

    Raises
    ------
    SceneError
        When it failed, and the scene is at fault.
    ProgramFailed
        When it failed otherwise, or hung.
    """
    output, error = _run(program)
    if any(match.failure.retry_at_once for match in output.matches) and error:
        output, error = _run(program)
    if error:
        raise error
    return output


def _run(program: Program) -> tuple[ProgramOutput, FrontburnerError | None]:
    """Run it once; return its output, and its error."""
    output = ProgramOutput()
    before = {path: path.stat().st_size for path in program.log_files()}
    print(f"--- {subprocess.list2cmdline(list(program.command))}", flush=True)
    with ExitStack() as stack:
        process = stack.enter_context(_start(program))
        stack.enter_context(guarded(process))
        _follow(program, process, output)
        code = resource_usage.wait(process)
    for path in program.log_files():
        with path.open("rb") as log:
            log.seek(before.get(path, 0))
            for line in _LINE_ENDS.split(log.read().decode(errors="replace")):
                _take_line(program, line, output)
    cause = most_telling(output.matches, program.failures)
    if code == 0 and not (cause and cause.failure.fatal):
        return output, None
    return output, cause.error(program.scene) if cause else _unexplained(program, output, code)


def _start(program: Program) -> subprocess.Popen[bytes]:
    """Start it in a process group of its own; it ends with this process."""
    try:
        return start_group(
            program.command, cwd=program.folder, env={**os.environ, **program.environment},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
    except OSError as error:
        raise ProgramFailed(
            reason=f"{program.name} can't be started: {error}.",
            remedy=f"Install it on this node, or correct where it is looked for ({program.command[0]}).",
            retryable=True,
        ) from error


def _follow(program: Program, process: subprocess.Popen[bytes], output: ProgramOutput) -> None:
    """Follow its output to the end; kill it when it can't succeed any more."""
    began_s = time.monotonic()
    detector = HangDetector(partial(tree_activity, process.pid), program.hang_timeout_s)
    for line in _lines(process):
        if line:
            _take_line(program, line, output)
            if not output.load_s and re.search(program.begins, line):
                output.load_s = time.monotonic() - began_s
        elif has_ended(process):  # its children may still hold its output open
            return
        if output.matches and output.matches[-1].failure.fatal:
            process.kill()
            return
        if time.monotonic() - began_s > program.limit_s:
            process.kill()
            raise ProgramFailed(reason=f"{program.name} took longer than {program.limit_s:.0f} s.", remedy="")
        if detector.hangs(time.monotonic()):
            process.kill()
            hang = f"{program.name} did nothing for {program.hang_timeout_s:.0f} s{_progress_text(output)}."
            raise ProgramFailed(reason=f"{hang} {program.hang_explanation}".strip(), remedy="", retryable=True)


def _lines(process: subprocess.Popen[bytes]) -> Iterator[str]:
    """Yield its lines as they come, and an empty one whenever it prints nothing for a while."""
    assert process.stdout is not None
    pieces: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    stream = os.dup(process.stdout.fileno())  # read in a thread: not every system can wait for a pipe with a timeout
    threading.Thread(target=_forward, args=(stream, pieces), name="program-output", daemon=True).start()
    decode, rest = codecs.getincrementaldecoder("utf-8")("replace").decode, ""
    while True:
        try:
            piece = pieces.get(timeout=POLL_S)
        except queue.Empty:
            yield ""
            continue
        *lines, rest = _LINE_ENDS.split(rest + decode(piece, not piece))
        if not piece or len(rest) > _MAX_LINE:
            lines, rest = [*lines, rest], ""
        yield from filter(None, lines)
        if not piece:
            return


def _forward(stream: int, pieces: queue.SimpleQueue[bytes]) -> None:
    """Forward a stream, and an empty piece at its end."""
    with suppress(OSError):
        while piece := os.read(stream, _CHUNK_BYTES):
            pieces.put(piece)
    os.close(stream)
    pieces.put(b"")


def _take_line(program: Program, line: str, output: ProgramOutput) -> None:
    """Process one line of output."""
    progress = re.search(program.progress, line)
    if progress:
        output.percent = float(progress[1])
        return
    print(line, flush=True)
    continued, broken = re.match(program.continues, line), output.line_is_full
    output.line_is_full = len(line) == program.columns
    if output.lines and (continued or broken):
        line = output.lines.pop() + (f" {line[continued.end() :]}" if continued else line)
        if output.matches and output.matches[-1].line == line[: len(output.matches[-1].line)]:
            output.matches.pop()
    output.lines[:] = [*output.lines[1 - _KEEP_LINES :], line]
    match = match_failure(program.failures, line)
    if match:
        output.matches.append(match)


def _unexplained(program: Program, output: ProgramOutput, code: int) -> ProgramFailed:
    """Return the error for a program that failed without a known reason."""
    known = program.codes.get(code)
    if known:
        return ProgramFailed(reason=known.cause, remedy=known.remedy, retryable=known.retryable)
    last = next((line.strip() for line in reversed(output.lines) if line.strip()), "")
    last_line = f", and printed last: {last[:300]}" if last else ""
    return ProgramFailed(
        reason=f"{program.name} {describe_exit(code)}{_progress_text(output)}{last_line}.".replace("..", "."),
        remedy="",
        retryable=True,
        killed=code == KILLED,
    )


def _progress_text(output: ProgramOutput) -> str:
    return "" if output.percent is None else f" at {output.percent:.0f} %"
