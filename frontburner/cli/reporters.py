"""How a command reports on a job: as text for a person, as one JSON object, or as lines of JSON while the job runs."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from frontburner import events as ev
from frontburner.cli.progress import ProgressDisplay
from frontburner.events.context import current_stage
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PROGRESS_EVERY_S = 0.25
STOPPED_REASON = "Stopped."
STOPPED_REMEDY = "Finished units are kept: run the same command to go on."


class OutputFormat(StrEnum):
    """How a command reports."""

    TEXT = "text"
    JSON = "json"
    JSON_LINES = "json lines"


@dataclass(kw_only=True, eq=False)
class Stopped(FrontburnerError):
    """The job was suspended or cancelled by another command."""


class Reporter(Protocol):
    """Reports on a job while it runs, and on how it ends."""

    def activity(self, text: str) -> None:
        """Show what is going on before there is anything to count."""

    def message(self, text: str, *, error: bool = False) -> None:
        """Print a message."""

    def on_event(self, event: ev.Event) -> None:
        """Report an event of the job."""

    def close(self) -> None:
        """End the reporting of progress."""

    def completed(self, report: dict[str, Any]) -> None:
        """All pictures are in place."""

    def failed(self, error: FrontburnerError, code: int) -> None:
        """The job ended with an error, and the command ends with this exit code."""

    def stopped(self, code: int) -> None:
        """The job was stopped by Ctrl-C or SIGTERM."""


class TextReporter(ProgressDisplay):
    """Reports to a person, on standard error."""

    def completed(self, report: dict[str, Any]) -> None:
        """Print where the pictures are, and a summary."""
        self.summary(report)

    def failed(self, error: FrontburnerError, code: int) -> None:  # noqa: ARG002 - shown by the shell
        """Print the error."""
        self.close()
        self.message(str(error), error=not isinstance(error, Stopped))

    def stopped(self, code: int) -> None:  # noqa: ARG002
        """Print how to go on."""
        self.close()
        self.message(f"{STOPPED_REASON} {STOPPED_REMEDY}")


class JsonReporter(TextReporter):
    """Reports to a person on standard error, and prints the job's report on standard output."""

    def __init__(self, out: TextIO, *, animated: bool) -> None:
        super().__init__(animated=animated)
        self._out = out

    def completed(self, report: dict[str, Any]) -> None:
        """Print the report."""
        print(json.dumps(report), file=self._out)

    def failed(self, error: FrontburnerError, code: int) -> None:
        """Print the error, and the report if some frames were rendered."""
        super().failed(error, code)
        report = getattr(error, "report", None)
        if report:
            print(json.dumps(report), file=self._out)


@dataclass(slots=True)
class _Counts:
    """How much of one job is done."""

    total: int = 0
    done: int = 0
    frames: int = 0
    written: int = 0
    nodes: set[str] = field(default_factory=set)
    left_s: float | None = None
    printed_s: float = float("-inf")

    def on_event(self, event: ev.Event) -> None:
        match event:
            case ev.NodeJoined(node=node):
                self.nodes.add(node)
            case ev.NodeLost(node=node) | ev.NodeWithheld(node=node):
                self.nodes.discard(node)
            case ev.FrameWritten():
                self.written += 1
            case ev.JobPlanned():
                self.total, self.frames = event.pixel_samples, event.frames
            case ev.ExpectedWorkChanged(pixel_samples=goal):
                self.total = goal
            case ev.UnitReused():
                self.done = event.pixel_samples_done
            case ev.UnitFinished():
                self.done, self.left_s = event.pixel_samples_done, event.seconds_left


class JsonLinesReporter:
    """Prints a JSON object a line: ``stage``, ``said``, ``progress``, ``picture``, and finally ``ended``.

    In a chain, each line about a stage's job has the stage's name as ``in``.

    Parameters
    ----------
    clock
        Seconds, monotonic.
    """

    def __init__(self, out: TextIO, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._out, self._clock = out, clock
        self._counts = {"": _Counts()}
        self._lock = threading.RLock()

    def activity(self, text: str) -> None:
        """Print what is going on before there is anything to count."""
        self._print("stage", sentence=text, pid=os.getpid())

    def message(self, text: str, *, error: bool = False) -> None:
        """Print a message for the user."""
        self._print("said", sentence=text, error=error)

    def on_event(self, event: ev.Event) -> None:
        """Print an event; those of a chain's stages come from several threads."""
        with self._lock:
            match event:
                case ev.JobNoted(notes=notes) | ev.BuildChosen(notes=notes):
                    for note in notes:
                        self.message(note)
                case ev.NodeRefused(node=node, reason=reason):
                    self.message(f"{node} is excluded: {reason}")
                case ev.FrameFailed(frame=frame, reason=reason):
                    self.message(f"Frame {frame} failed: {reason}", error=True)
                case ev.FrameWritten(frame=frame, outputs=outputs):
                    self._print("picture", frame=frame, files=list(outputs))
                case ev.StageBegan(name=name):
                    self._counts[name] = _Counts()
                    self.activity(name)
                case ev.StageEnded(name=name, state=state, reason=reason):
                    self._print("stage ended", name=name, state=state.value, reason=reason)
            counts = self._counts.get(current_stage(), self._counts[""])
            counts.on_event(event)
            self._print_progress(counts)

    def close(self) -> None:
        """Do nothing: lines stay."""

    def completed(self, report: dict[str, Any]) -> None:
        """Print that all pictures are in place."""
        self._print_end(0, report=report)

    def failed(self, error: FrontburnerError, code: int) -> None:
        """Print the error and its remedy."""
        problems = list(getattr(error, "problems", ()))
        report = getattr(error, "report", None)
        self._print_end(code, report=report or None, reason=error.reason, remedy=error.remedy, problems=problems)

    def stopped(self, code: int) -> None:
        """Print how to go on."""
        self._print_end(code, reason=STOPPED_REASON, remedy=STOPPED_REMEDY)

    def _print_end(
        self,
        code: int,
        *,
        report: dict[str, Any] | None = None,
        reason: str = "",
        remedy: str = "",
        problems: Sequence[str] = (),
    ) -> None:
        self._print("ended", exit_code=code, reason=reason, remedy=remedy, problems=list(problems), report=report)

    def _print_progress(self, counts: _Counts) -> None:
        """Print how much is done, but not at every unit."""
        now_s = self._clock()
        if not counts.total or now_s - counts.printed_s < PROGRESS_EVERY_S:
            return
        counts.printed_s = now_s
        done = min(1.0, counts.done / counts.total)
        self._print("progress", done=round(done, 4), seconds_left=counts.left_s, frames=counts.frames,
                    written=counts.written, nodes=len(counts.nodes))  # fmt: skip

    def _print(self, what: str, **values: object) -> None:
        stage = current_stage()
        document = {"what": what, **({"in": stage} if stage else {}), **values}
        with self._lock:
            print(json.dumps(document), file=self._out, flush=True)


def make_reporter(output: OutputFormat, out: TextIO) -> Reporter:
    """Make the reporter of a format, which writes results to ``out``."""
    animated = sys.stderr.isatty()
    match output:
        case OutputFormat.TEXT:
            return TextReporter(animated=animated)
        case OutputFormat.JSON:
            return JsonReporter(out, animated=animated)
        case OutputFormat.JSON_LINES:
            return JsonLinesReporter(out)
