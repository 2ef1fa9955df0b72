"""The line that shows how far one job is. A fold over its events."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.reports.transfer_figures import size

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import Progress, TaskID


@dataclass(slots=True, kw_only=True)
class Bar:
    """Progress of one job.

    Parameters
    ----------
    progress
        What draws it.
    words
        What it says at first.
    write
        Writes a sentence above it.
    stage
        The stage of a chain that the job is; empty where it is all there is.
    """

    progress: Progress
    words: str
    write: Callable[..., None]
    stage: str = ""
    _drawn: TaskID = field(init=False)
    _nodes: set[str] = field(init=False, default_factory=set)
    _carrying: set[str] = field(init=False, default_factory=set)
    _units: int = field(init=False, default=0)
    _frames: int = field(init=False, default=0)
    _written: int = field(init=False, default=0)
    _total: int = field(init=False, default=0)
    _done: int = field(init=False, default=0)
    _left_s: float | None = field(init=False, default=None)
    _noise: str = field(init=False, default="")

    def __post_init__(self) -> None:
        self._drawn = self.progress.add_task(self._named(self.words), total=None, facts="", left="")

    def show(self, words: str) -> None:
        """Show what is going on."""
        self.progress.update(self._drawn, description=self._named(words))

    def say(self, sentence: str, *, error: bool = False) -> None:
        """Say a sentence of the job."""
        self.write(self._named(sentence), error=error)

    def remove(self) -> None:
        """Draw it no longer."""
        self.progress.remove_task(self._drawn)

    def take(self, event: ev.Event) -> None:  # noqa: C901 - one case an event
        """Fold one event in."""
        match event:
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
            case ev.StoreUnavailable(reason=reason, remedy=remedy):
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
            case ev.FrameFlagged():
                self.say(f"Frame {event.frame} is flagged: {event.sentence}")
            case ev.ProductMade(product=product) | ev.ProductFailed(product=product):
                self.show(f"made the {product}")
            case ev.NotificationFailed(target=target, reason=reason):
                self.say(f"{target} couldn't be told: {reason}", error=True)
            case ev.ExpectedWorkChanged() | ev.PassMeasured() | ev.TimeLimitReached() | ev.DeadlineForecast():
                self._take_limits(event)
        self._count()

    def _take_scene(self, event: ev.SceneSent | ev.SceneFetched) -> None:
        """Say how far a scene is on its way; where there is no bar, at its beginning and its end."""
        if isinstance(event, ev.SceneSent):
            who, done_bytes, what = "", event.there_bytes, "sending the scene"
        else:
            who, done_bytes, what = event.node, event.fetched_bytes, f"{event.node} fetches the scene"
        ended = done_bytes == event.size_bytes
        if not self._total:
            self.show(f"{what}: {size(done_bytes)} of {size(event.size_bytes)}")
        if ended or who not in self._carrying:
            done = f"{size(event.size_bytes)} in {event.seconds:.1f} s" if ended else f"{size(event.size_bytes)} …"
            self.say(f"{what[0].upper() if not who else what[0]}{what[1:]}: {done}")
        (self._carrying.discard if ended else self._carrying.add)(who)

    def _take_limits(self, event: ev.Event) -> None:
        match event:
            case ev.ExpectedWorkChanged(pixel_samples=goal):
                self._total = goal
            case ev.PassMeasured(noise=float(noise)):
                self._noise = f"noise {noise:.1%} · "
            case ev.TimeLimitReached(early=True):
                self.say(
                    "The time is up before the first pass is complete: it goes on until no pixel is without light."
                )
            case ev.DeadlineForecast(news=True, sentence=sentence):
                self.say(sentence)

    def _count(self) -> None:
        if not self._total:
            return
        frames = self._noise + (f"{self._written}/{self._frames} frames · " if self._frames > 1 else "")
        nodes = f"{len(self._nodes)} node{'' if len(self._nodes) == 1 else 's'}"
        left = "" if self._left_s is None else f"{_clock(self._left_s)} left"
        self.progress.update(
            self._drawn,
            description=self._named("rendering"),
            total=self._total,
            completed=self._done,
            facts=f"{frames}{self._units} units · {_si(self._done)} of {_si(self._total)} samples · {nodes}",
            left=left,
        )

    def _named(self, words: str) -> str:
        return f"{self.stage}: {words}" if self.stage else words


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
