"""Events after a job's pictures are in place, and runs that were skipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from frontburner.events.context import Event

if TYPE_CHECKING:
    from tasks.picture.inspection import Fault


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowUp(Event):
    """Something that doesn't count towards the time a job took to render."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FramesChecked(FollowUp):
    """The frames of a job were checked against each other; a `FrameFlagged` follows for each suspicious one."""

    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameFlagged(FollowUp):
    """A frame looks wrong; ``sentence`` says how."""

    frame: int
    fault: Fault
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductMade(FollowUp):
    """A movie or a contact sheet is in place; ``reused`` if it already was, made of the same frames."""

    product: str
    output: str
    reused: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductFailed(FollowUp):
    """A movie or a contact sheet couldn't be made."""

    product: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotificationFailed(FollowUp):
    """A target couldn't be notified."""

    target: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSkipped(FollowUp):
    """A scheduled run wasn't started."""

    why: str
