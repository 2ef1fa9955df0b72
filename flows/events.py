"""What happens in a job, as facts in the past tense. Progress, report and artifacts are folds over them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flows.plan.block import Block
    from tasks.spec import UnitRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened at ``at_s``, seconds on the job's own clock."""

    at_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class JobPlanned(Event):
    """The job's scene was read and its work laid out."""

    job_id: str
    frames: int
    pixel_samples: int
    reused_frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeJoined(Event):
    """A node is there and can be given work."""

    node: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeRefused(Event):
    """A node is there but can't render this job, and why."""

    node: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitReused(Event):
    """A unit was found in the store."""

    block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeLost(Event):
    """A node went away; what it had under way goes back to the pool."""

    node: str
    units: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitStarted(Event):
    """A unit was handed to a node."""

    node: str
    block: Block


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitFinished(Event):
    """A unit's pixels are in the store."""

    node: str
    block: Block
    record: UnitRecord
    seconds_left: float | None = field(default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitAttemptFailed(Event):
    """One attempt to render a unit failed; it will be tried again unless its frame failed with it."""

    node: str
    block: Block
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameRendered(Event):
    """All units of a frame are in the store."""

    frame: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFailed(Event):
    """A frame can't be finished, and why."""

    frame: int
    reason: str
    last_words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameWritten(Event):
    """A frame's files are in place."""

    frame: int
    outputs: tuple[str, ...]


Observer = Callable[[Event], None]
_observers: list[Observer] = []


def observe(observer: Observer) -> Callable[[], None]:
    """Have every event of this process's jobs handed to a function; returns what ends that."""
    _observers.append(observer)
    return lambda: _observers.remove(observer)


def announce(event: Event) -> None:
    """Hand an event to all who observe."""
    for observer in tuple(_observers):
        observer(event)
