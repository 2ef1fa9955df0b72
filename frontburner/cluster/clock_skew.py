"""Measures how far the clocks of machines are apart, within the accuracy that a network allows. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.node.readiness import Check, Grade

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTE_S = 1.0
FAIL_S = 10.0
"""Heartbeats, timeouts and the signatures of object stores tolerate this much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A remote clock read once: when it was asked, what it showed, when the answer came; in seconds since 1970."""

    asked_s: float
    remote_s: float
    answered_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSkew:
    """How far a clock is ahead of this machine's, within ``error_s``."""

    ahead_s: float
    error_s: float


def clock_skew(readings: Iterable[Reading]) -> ClockSkew:
    """Return the offset by the fastest reading, as if it was taken half way between question and answer."""
    best = min(readings, key=lambda reading: reading.answered_s - reading.asked_s)
    half_s = (best.answered_s - best.asked_s) / 2
    return ClockSkew(ahead_s=best.remote_s - (best.asked_s + half_s), error_s=half_s)


def clock_check(node: ClockSkew, scheduler: ClockSkew) -> Check:
    """Compare a node's clock with the scheduler's, both read from one machine."""
    ahead_s = node.ahead_s - scheduler.ahead_s
    error_s = node.error_s + scheduler.error_s
    certain_s = max(0.0, abs(ahead_s) - error_s)
    value = f"{ahead_s:+.3f} s (± {error_s:.3f})"
    if certain_s < NOTE_S:
        return Check(name="clock", value=value)
    direction = "ahead of" if ahead_s > 0 else "behind"
    return Check(
        name="clock", grade=Grade.FAILS if certain_s >= FAIL_S else Grade.NOTE, value=value,
        reason=f"Its clock is {_format_skew(abs(ahead_s))} {direction} the scheduler's.",
        remedy="Have it set by the network (Linux: timedatectl set-ntp true).",
    )  # fmt: skip


def _format_skew(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
