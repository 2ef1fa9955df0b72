"""Runs a user's command, given as a list of arguments, never through a shell."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from storage.errors import FrontburnerError
from system.exits import describe_exit
from system.processes import guarded, start_group

if TYPE_CHECKING:
    from collections.abc import Mapping

LAST_LINES = 10
POLL_S = 0.2


@dataclass(kw_only=True, eq=False)
class CommandFailed(FrontburnerError):
    """A command couldn't be started, failed, or took too long. ``log`` is the file with its output."""

    log: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UserCommand:
    """A command to run once.

    Parameters
    ----------
    arguments
        The program and its arguments.
    folder
        Where it is run.
    log
        File for its output.
    timeout_s
        Seconds after which it is ended; None is no limit.
    environment
        Variables that are set in addition to this process's.
    """

    arguments: tuple[str, ...]
    folder: str
    log: str
    timeout_s: float | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)


def run(command: UserCommand, stop: threading.Event | None = None) -> None:
    """Run a command to its end; all processes it started end with it.

    Parameters
    ----------
    stop
        Ends it when it is set.

    Raises
    ------
    CommandFailed
        With the cause and its last output.
    """
    log = Path(command.log)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        try:
            process = start_group(
                command.arguments, cwd=command.folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                env={**os.environ, **command.environment},
            )  # fmt: skip
        except OSError as error:
            raise CommandFailed(
                reason=f"{command.arguments[0]} can't be started in {command.folder}: {error.strerror or error}.",
                remedy="Install it on this machine, or correct how it is written.",
            ) from error
    with process, guarded(process):
        try:
            code = _wait(process, command, stop or threading.Event())
        except BaseException:
            process.kill()
            raise
    if code:
        raise _failed(command, describe_exit(code))


def _wait(process: subprocess.Popen[bytes], command: UserCommand, stop: threading.Event) -> int:
    """Wait until a command ends; returns its exit code."""
    ends_s = time.monotonic() + (command.timeout_s or float("inf"))
    while not stop.is_set():
        left_s = ends_s - time.monotonic()
        try:
            return process.wait(max(0, min(POLL_S, left_s)))
        except subprocess.TimeoutExpired:
            if left_s <= POLL_S:
                raise _failed(command, f"took longer than {command.timeout_s:g} s, and was ended") from None
    raise _failed(command, "was stopped")


def _failed(command: UserCommand, how: str) -> CommandFailed:
    lines = Path(command.log).read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last_lines = "\n".join(lines[-LAST_LINES:])
    output = f" Its last output:\n{last_lines}\n" if last_lines else " It printed nothing."
    return CommandFailed(
        reason=f"{Path(command.arguments[0]).name} {how}.{output}",
        remedy=f"All its output: {command.log}",
        log=command.log,
    )
