"""How a command tells of a job: in words to a person, as one JSON object, or as lines of JSON while it goes on."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from frontburner.cli.display import Display
from frontburner.cli.job_arguments import JobArguments
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from frontburner import events as ev


class CommandReport(StrEnum):
    """Ways to be told."""

    WORDS = "words"
    JSON = "json"
    LINES = "lines"


@dataclass(kw_only=True, eq=False)
class Stopped(FrontburnerError):
    """A job that was suspended or cancelled from outside."""


class Teller(Protocol):
    """Takes what happens in a job, and how it ends."""

    def stage(self, words: str) -> None:
        """Say what is going on before there is anything to count."""

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Say a sentence."""

    def take(self, event: ev.Event) -> None:
        """Take an event of the job."""

    def close(self) -> None:
        """Nothing more happens."""

    def completed(self, report: dict[str, Any]) -> None:
        """All pictures are in place."""

    def failed(self, error: FrontburnerError, code: int) -> None:
        """It ended with an error, and the command with this exit code."""

    def stopped(self, code: int) -> None:
        """It was stopped by Ctrl-C or its like."""


class Words(Display):
    """Tells a person, on standard error."""

    def completed(self, report: dict[str, Any]) -> None:
        """Say where the pictures are and what the job came to."""
        self.summary(report)

    def failed(self, error: FrontburnerError, code: int) -> None:  # noqa: ARG002 - the command's caller sees it
        """Say why."""
        self.close()
        self.say(str(error), error=not isinstance(error, Stopped))

    def stopped(self, code: int) -> None:  # noqa: ARG002
        """Say how to go on."""
        self.close()
        self.say("Stopped. Finished units are kept: run the same command to go on.")


class OneObject(Words):
    """Tells a person on standard error, and prints the report on standard output."""

    def __init__(self, out: TextIO, *, animated: bool) -> None:
        super().__init__(animated=animated)
        self._out = out

    def completed(self, report: dict[str, Any]) -> None:
        """Print the report."""
        print(json.dumps(report), file=self._out)

    def failed(self, error: FrontburnerError, code: int) -> None:
        """Say why; where some frames were rendered, print the report."""
        super().failed(error, code)
        report = getattr(error, "report", None)
        if report:
            print(json.dumps(report), file=self._out)


def teller_of(told: CommandReport, out: TextIO) -> Teller:
    """Return who tells, where results go to ``out``."""
    animated = sys.stderr.isatty()
    match told:
        case CommandReport.WORDS:
            return Words(animated=animated)
        case CommandReport.JSON:
            return OneObject(out, animated=animated)
        case CommandReport.LINES:
            return JobArguments(out)
