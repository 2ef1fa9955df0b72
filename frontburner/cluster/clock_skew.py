"""How far machines' clocks are apart, as far as that can be told over a network. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.node.readiness import Check, Grade

if TYPE_CHECKING:
    from collections.abc import Iterable

NOTED_S = 1.0
WRONG_S = 10.0
"""Signs of life, time limits and signatures of object stores are believed within this much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A clock elsewhere, read once: when it was asked, what it said, when the answer came; in seconds since 1970."""

    asked_s: float
    said_s: float
    answered_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSkew:
    """How far a clock is ahead of this machine's; truly within ``give_s`` of that."""

    ahead_s: float
    give_s: float


def clock_skew(readings: Iterable[Reading]) -> ClockSkew:
    """Return the offset by the reading that took least: its answer was given half way."""
    best = min(readings, key=lambda reading: reading.answered_s - reading.asked_s)
    half_s = (best.answered_s - best.asked_s) / 2
    return ClockSkew(ahead_s=best.said_s - (best.asked_s + half_s), give_s=half_s)


def clock_check(node: ClockSkew, scheduler: ClockSkew) -> Check:
    """Compare a node's clock with the scheduler's, both read from one machine."""
    ahead_s = node.ahead_s - scheduler.ahead_s
    give_s = node.give_s + scheduler.give_s
    surely_s = max(0.0, abs(ahead_s) - give_s)
    value = f"{ahead_s:+.3f} s (± {give_s:.3f})"
    if surely_s < NOTED_S:
        return Check(name="clock", value=value)
    way = "ahead of" if ahead_s > 0 else "behind"
    return Check(
        name="clock", grade=Grade.FAILS if surely_s >= WRONG_S else Grade.NOTE, value=value,
        reason=f"Its clock is {_span(abs(ahead_s))} {way} the scheduler's.",
        remedy="Have it set by the network (Linux: timedatectl set-ntp true).",
    )  # fmt: skip


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 7200 else f"{seconds / 3600:.0f} hours"
