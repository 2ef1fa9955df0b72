"""The live progress of jobs on standard error, a line for each, with messages above. A fold over the jobs' events."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from frontburner import events as ev
from frontburner.events.context import current_stage
from frontburner.reports.figures import format_bytes
from frontburner.reports.summary import summary

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import TaskID

MOST_OUTPUTS = 6
"""Pictures that are listed by name in the summary."""


class ProgressDisplay:
    """Progress of a job, or of the stages of a chain.

    Parameters
    ----------
    animated
        Whether standard error is a terminal. If not, only messages are printed, no moving bar.
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
        self._job = JobProgress(progress=self._progress, activity="starting", print_message=self.message)
        self._stages: dict[str, JobProgress] = {}
        self._lock = threading.Lock()
        if animated:
            self._progress.start()

    def activity(self, text: str) -> None:
        """Show what is going on before there is anything to count."""
        self._job.activity_changed(text)

    def message(self, text: str, *, error: bool = False) -> None:
        """Print a message above the progress."""
        self._console.print(text, style="bold red" if error else None, markup=False)

    def close(self) -> None:
        """Remove the progress from the screen."""
        self._progress.stop()

    def on_event(self, event: ev.Event) -> None:
        """Update the progress; events of a chain's stages come from several threads."""
        with self._lock:
            match event:
                case ev.StageBegan(name=name):
                    number = f"stage {event.number} of {event.of}"
                    self._stages[name] = JobProgress(
                        progress=self._progress, activity=number, print_message=self.message, stage=name
                    )
                case ev.StageEnded(name=name, state=state):
                    self._stages.pop(name).remove()
                    why = f": {event.reason}" if event.reason else ""
                    self.message(f"{name}: {state}{why}", error=state is ev.StageState.FAILED)
                case _:
                    self._stages.get(current_stage(), self._job).on_event(event)

    def summary(self, report: dict[str, Any]) -> None:
        """Print where the pictures are and the figures of the job; for a chain, those of each job."""
        if "stages" not in report:
            self._job_summary(report)
            return
        for stage in report["stages"]:
            if stage["report"]:
                self.message(f"{stage['name']}:")
                self._job_summary(stage["report"])

    def _job_summary(self, report: dict[str, Any]) -> None:
        outputs = report["outputs"]
        for output in outputs[:MOST_OUTPUTS]:
            self.message(output)
        if len(outputs) > MOST_OUTPUTS:
            self.message(f"… and {len(outputs) - MOST_OUTPUTS} more, to {outputs[-1]}")
        if report["chart"]:
            self.message(f"{report['chart']} (what each node did when)")
        table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
        for name, sentence in summary(report):
            table.add_row(name, Text(sentence))
        self._console.print(table)


@dataclass(slots=True, kw_only=True)
class JobProgress:
    """The progress bar of one job.

    Parameters
    ----------
    progress
        Draws the bar.
    activity
        Its first description.
    print_message
        Prints a message above the bar.
    stage
        The stage of a chain that the job is; empty for a job of its own.
    """

    progress: Progress
    activity: str
    print_message: Callable[..., None]
    stage: str = ""
    _task: TaskID = field(init=False)
    _nodes: set[str] = field(init=False, default_factory=set)
    _transfers: set[str] = field(init=False, default_factory=set)
    _units: int = field(init=False, default=0)
    _frames: int = field(init=False, default=0)
    _written: int = field(init=False, default=0)
    _total: int = field(init=False, default=0)
    _done: int = field(init=False, default=0)
    _left_s: float | None = field(init=False, default=None)
    _noise: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self._task = self.progress.add_task(self._named(self.activity), total=None, facts="", left="")

    def activity_changed(self, text: str) -> None:
        """Show what is going on."""
        self.progress.update(self._task, description=self._named(text))

    def message(self, text: str, *, error: bool = False) -> None:
        """Print a message about the job."""
        self.print_message(self._named(text), error=error)

    def remove(self) -> None:
        """Remove the bar."""
        self.progress.remove_task(self._task)

    def on_event(self, event: ev.Event) -> None:  # noqa: C901 - one case an event
        """Update the bar, and print what the user should know."""
        match event:
            case ev.JobPlanned():
                self._total, self._frames = event.pixel_samples, event.frames
                if event.reused_frames:
                    self.message(f"{event.reused_frames} of {event.frames} frames are in place already.")
            case ev.JobNoted(notes=notes) | ev.BuildChosen(notes=notes) if notes:
                self.message("\n".join(notes))
            case ev.SceneSent() | ev.SceneFetched():
                self._on_transfer(event)
            case ev.SimulationBaked(node=node, simulation=what):
                self.activity_changed(f"{node} bakes the {what}: frame {event.frame} of {event.last}")
            case ev.NodeJoined(node=node):
                self._nodes.add(node)
            case ev.NodeRefused(node=node, reason=reason):
                self.message(f"{node} is excluded: {reason}")
            case ev.NodeWithheld(node=node, why=why):
                self._nodes.discard(node)
                self.message(f"{node} gets no units for now: {why}")
            case ev.StoreUnavailable(reason=reason, remedy=remedy):
                self.message(f"{reason} {remedy} Units are retried until it works.")
            case ev.UnitDamaged(frame=frame, reason=reason):
                self.message(f"Frame {frame}: {reason} It is rendered again.")
            case ev.NodeLost(node=node, units=units):
                self._nodes.discard(node)
                self.message(f"{node} was lost with {units} unit(s) in flight; they are rendered again.")
            case ev.UnitReused():
                self._done = event.pixel_samples_done
            case ev.UnitFinished():
                self._units += 1
                self._done = event.pixel_samples_done
                self._left_s = event.seconds_left
            case ev.UnitAttemptFailed(node=node, block=block, reason=reason):
                self.message(f"Frame {block.frame}, attempt {block.failures} on {node}: {reason}")
            case ev.FrameFailed():
                words = f"\n{event.last_words}" if event.last_words else ""
                self.message(f"Frame {event.frame} failed: {event.reason}{words}", error=True)
            case ev.FrameWritten():
                self._written += 1
            case ev.FrameFlagged():
                self.message(f"Frame {event.frame} is flagged: {event.sentence}")
            case ev.ProductMade(product=product) | ev.ProductFailed(product=product):
                self.activity_changed(f"made the {product}")
            case ev.NotificationFailed(target=target, reason=reason):
                self.message(f"{target} couldn't be notified: {reason}", error=True)
            case ev.ExpectedWorkChanged() | ev.PassMeasured() | ev.TimeLimitReached() | ev.DeadlineForecast():
                self._on_limit(event)
        self._update_bar()

    def _on_transfer(self, event: ev.SceneSent | ev.SceneFetched) -> None:
        """Show how much of a scene is transferred; print a message at the start and the end."""
        if isinstance(event, ev.SceneSent):
            node, done_bytes, what = "", event.there_bytes, "sending the scene"
        else:
            node, done_bytes, what = event.node, event.fetched_bytes, f"{event.node} fetches the scene"
        done = done_bytes == event.size_bytes
        if not self._total:
            self.activity_changed(f"{what}: {format_bytes(done_bytes)} of {format_bytes(event.size_bytes)}")
        if done or node not in self._transfers:
            amount = (
                f"{format_bytes(event.size_bytes)} in {event.seconds:.1f} s"
                if done
                else f"{format_bytes(event.size_bytes)} …"
            )
            self.message(f"{what if node else what.capitalize()}: {amount}")
        (self._transfers.discard if done else self._transfers.add)(node)

    def _on_limit(self, event: ev.Event) -> None:
        match event:
            case ev.ExpectedWorkChanged(pixel_samples=goal):
                self._total = goal
            case ev.PassMeasured(noise=float(noise)):
                self._noise = f"noise {noise:.1%} · "
            case ev.TimeLimitReached(early=True):
                self.message(
                    "The time limit passed during the first pass, which is still completed: no pixel stays empty."
                )
            case ev.DeadlineForecast(news=True, sentence=sentence):
                self.message(sentence)

    def _update_bar(self) -> None:
        if not self._total:
            return
        frames = self._noise + (f"{self._written}/{self._frames} frames · " if self._frames > 1 else "")
        nodes = f"{len(self._nodes)} node{'' if len(self._nodes) == 1 else 's'}"
        left = "" if self._left_s is None else f"{_clock(self._left_s)} left"
        self.progress.update(
            self._task,
            description=self._named("rendering"),
            total=self._total,
            completed=self._done,
            facts=f"{frames}{self._units} units · {_si(self._done)} of {_si(self._total)} samples · {nodes}",
            left=left,
        )

    def _named(self, text: str) -> str:
        return f"{self.stage}: {text}" if self.stage else text


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _si(count: float) -> str:
    for unit in ("", " k", " M", " G"):
        if count < 1000:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g} T"
