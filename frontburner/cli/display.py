"""One live line of progress on standard error, and what is said around it. A fold over the job's events."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from frontburner import events as ev
from frontburner.events import aftermath as am
from frontburner.figures.scene import size
from frontburner.figures.summary import summary


class Display:
    """Progress of one job for a person.

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
        self._bar = self._progress.add_task("starting", total=None, facts="", left="")
        self._nodes: set[str] = set()
        self._carrying: set[str] = set()
        self._units = 0
        self._frames = self._written = 0
        self._total = self._done = 0
        self._left_s: float | None = None
        self._noise = ""
        if animated:
            self._progress.start()

    def stage(self, words: str) -> None:
        """Say what is going on before there is anything to count."""
        self._progress.update(self._bar, description=words)

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Write a sentence above the progress."""
        self._console.print(sentence, style="bold red" if error else None, markup=False)

    def close(self) -> None:
        """Take the progress off the screen."""
        self._progress.stop()

    def take(self, event: ev.Event) -> None:  # noqa: C901 - one case an event
        """Fold one event in."""
        match event:
            case ev.StageBegan() | ev.StageEnded():
                self._take_stage(event)
            case ev.JobPlanned():
                self._total, self._frames = event.pixel_samples, event.frames
                if event.reused_frames:
                    self.say(f"{event.reused_frames} of {event.frames} frames are in place already.")
            case ev.SceneSent() | ev.SceneFetched():
                self._take_scene(event)
            case ev.NodeJoined(node=node):
                self._nodes.add(node)
            case ev.NodeRefused(node=node, reason=reason):
                self.say(f"{node} takes no part: {reason}")
            case ev.NodeWithheld(node=node, why=why):
                self._nodes.discard(node)
                self.say(f"{node} gets no more units for now: {why}")
            case ev.StoreAway(reason=reason, remedy=remedy):
                self.say(f"{reason} {remedy} Units are tried again until it works.")
            case ev.UnitDamaged(frame=frame, reason=reason):
                self.say(f"Frame {frame}: {reason} It is rendered again.")
            case ev.NodeLost(node=node, units=units):
                self._nodes.discard(node)
                self.say(f"{node} was lost with {units} unit(s) under way; they are rendered again.")
            case ev.UnitReused():
                self._done = event.pixel_samples_done
            case ev.UnitFinished():
                self._units += 1
                self._done = event.pixel_samples_done
                self._left_s = event.seconds_left
            case ev.UnitAttemptFailed(node=node, block=block, reason=reason):
                self.say(f"Frame {block.frame}, attempt {block.failures} on {node}: {reason}")
            case ev.FrameFailed():
                words = f"\n{event.last_words}" if event.last_words else ""
                self.say(f"Frame {event.frame} failed: {event.reason}{words}", error=True)
            case ev.FrameWritten():
                self._written += 1
            case am.FrameFlagged():
                self.say(f"Frame {event.frame} is flagged: {event.sentence}")
            case am.ProductMade(product=product) | am.ProductFailed(product=product):
                self.stage(f"made the {product}")
            case am.NotSent(target=target, reason=reason):
                self.say(f"{target} couldn't be told: {reason}", error=True)
            case ev.GoalMoved() | ev.PassMeasured() | ev.TimeUp() | ev.DeadlineJudged():
                self._take_limits(event)
        self._show()

    def _take_scene(self, event: ev.SceneSent | ev.SceneFetched) -> None:
        """Say how far a scene is on its way; where there is no bar, at its beginning and its end."""
        if isinstance(event, ev.SceneSent):
            who, done_bytes, what = "", event.there_bytes, "sending the scene"
        else:
            who, done_bytes, what = event.node, event.fetched_bytes, f"{event.node} fetches the scene"
        ended = done_bytes == event.size_bytes
        if not self._total:
            self.stage(f"{what}: {size(done_bytes)} of {size(event.size_bytes)}")
        if ended or who not in self._carrying:
            done = f"{size(event.size_bytes)} in {event.seconds:.1f} s" if ended else f"{size(event.size_bytes)} …"
            self.say(f"{what[0].upper() if not who else what[0]}{what[1:]}: {done}")
        (self._carrying.discard if ended else self._carrying.add)(who)

    def _take_stage(self, event: ev.StageBegan | ev.StageEnded) -> None:
        """Begin to count anew with each stage of a chain, and say how it ends."""
        if isinstance(event, ev.StageBegan):
            self._total = self._done = self._units = self._frames = self._written = 0
            self._left_s, self._noise = None, ""
            name = f"{event.name} (stage {event.number} of {event.of})"
            self._progress.update(self._bar, description=name, total=None, facts="", left="")
            return
        why = f": {event.reason}" if event.reason else ""
        self.say(f"{event.name}: {event.state}{why}", error=event.state is ev.StageState.FAILED)

    def _take_limits(self, event: ev.Event) -> None:
        match event:
            case ev.GoalMoved(pixel_samples=goal):
                self._total = goal
            case ev.PassMeasured(noise=float(noise)):
                self._noise = f"noise {noise:.1%} · "
            case ev.TimeUp(early=True):
                self.say(
                    "The time is up before the first pass is complete: it goes on until no pixel is without light."
                )
            case ev.DeadlineJudged(news=True, sentence=sentence):
                self.say(sentence)

    def summary(self, report: dict[str, Any]) -> None:
        """Say where the pictures are and what the job came to."""
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

    def _show(self) -> None:
        if not self._total:
            return
        frames = self._noise + (f"{self._written}/{self._frames} frames · " if self._frames > 1 else "")
        nodes = f"{len(self._nodes)} node{'' if len(self._nodes) == 1 else 's'}"
        left = "" if self._left_s is None else f"{_clock(self._left_s)} left"
        self._progress.update(
            self._bar,
            description="rendering",
            total=self._total,
            completed=self._done,
            facts=f"{frames}{self._units} units · {_si(self._done)} of {_si(self._total)} samples · {nodes}",
            left=left,
        )


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
