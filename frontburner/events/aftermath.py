"""What happened around a job's runs, as facts: to pictures that were in place, or instead of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from frontburner.events import Event

if TYPE_CHECKING:
    from tasks.picture.inspection import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Aftermath(Event):
    """Something that is no part of the time it took to render."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesChecked(Aftermath):
    """The frames of a job were held against each other; what stands out follows, and nothing else does."""

    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFlagged(Aftermath):
    """A frame stands out, and how."""

    frame: int
    fault: Fault
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductMade(Aftermath):
    """A movie or a contact sheet is in place; ``reused`` if it was, made of the same frames."""

    product: str
    output: str
    reused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFailed(Aftermath):
    """A movie or a contact sheet couldn't be made, and why."""

    product: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotSent(Aftermath):
    """A target couldn't be notified, and why."""

    target: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSkipped(Aftermath):
    """A scheduled run wasn't begun, and why."""

    why: str
