"""Live lines of progress on standard error, one a job, and what is said around them. A fold over the jobs' events."""

from __future__ import annotations

import threading
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from frontburner import events as ev
from frontburner.cli.progress_bar import Bar
from frontburner.events.context import current_stage
from frontburner.reports.summary import summary


class Display:
    """Progress of a job, or of the stages of a chain, for a person.

    Parameters
    ----------
    animated
        Whether standard error is a terminal. If not, only sentences are written, no moving bar.
    """

    def __init__(self, *, animated: bool) -> None:
        self._console = Console(stderr=True, highlight=False, soft_wrap=True)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            TextColumn("{task.percentage:>5.1f} %"),
            TextColumn("{task.fields[facts]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            transient=True,
            disable=not animated,
        )
        self._bar = Bar(progress=self._progress, words="starting", write=self.say)
        self._stages: dict[str, Bar] = {}
        self._lock = threading.Lock()
        if animated:
            self._progress.start()

    def stage(self, words: str) -> None:
        """Say what is going on before there is anything to count."""
        self._bar.show(words)

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Write a sentence above the progress."""
        self._console.print(sentence, style="bold red" if error else None, markup=False)

    def close(self) -> None:
        """Take the progress off the screen."""
        self._progress.stop()

    def take(self, event: ev.Event) -> None:
        """Fold one event in; those of a chain's stages come from several threads."""
        with self._lock:
            match event:
                case ev.StageBegan(name=name):
                    words = f"stage {event.number} of {event.of}"
                    self._stages[name] = Bar(progress=self._progress, words=words, write=self.say, stage=name)
                case ev.StageEnded(name=name, state=state):
                    self._stages.pop(name).remove()
                    why = f": {event.reason}" if event.reason else ""
                    self.say(f"{name}: {state}{why}", error=state is ev.StageState.FAILED)
                case _:
                    self._stages.get(current_stage(), self._bar).take(event)

    def summary(self, report: dict[str, Any]) -> None:
        """Say where the pictures are and what the job came to; of a chain, each of its jobs."""
        if "stages" not in report:
            self._summary(report)
            return
        for stage in report["stages"]:
            if stage["report"]:
                self.say(f"{stage['name']}:")
                self._summary(stage["report"])

    def _summary(self, report: dict[str, Any]) -> None:
        outputs = report["outputs"]
        for output in outputs[:6]:
            self.say(output)
        if len(outputs) > 6:
            self.say(f"… and {len(outputs) - 6} more, to {outputs[-1]}")
        if report["chart"]:
            self.say(f"{report['chart']} (what each node did when)")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for name, sentence in summary(report):
            table.add_row(name, Text(sentence))
        self._console.print(table)
