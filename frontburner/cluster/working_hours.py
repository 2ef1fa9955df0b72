"""The hours in which a node takes work, written as ``mon-fri 19:00-07:00, sat-sun``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
FORMAT_HINT = "Write days and times such as 'mon-fri 19:00-07:00, sat-sun'."
_SPAN = re.compile(r"(?P<days>[a-z]{3}(?:-[a-z]{3})?)?\s*(?P<times>\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """A span of minutes on some days of the week. It goes past midnight where the end isn't after the start."""

    days: tuple[int, ...]
    start_min: int = 0
    stop_min: int = DAY_MIN

    def contains(self, day: int, minute: int) -> bool:
        """Whether a minute of a day of the week lies in the span."""
        if self.start_min < self.stop_min:
            return day in self.days and self.start_min <= minute < self.stop_min
        past_midnight = minute < self.stop_min and (day - 1) % len(DAYS) in self.days
        return past_midnight or (day in self.days and minute >= self.start_min)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingHours:
    """When a node takes work; without any span, always."""

    spans: tuple[TimeSpan, ...] = ()

    def contain(self, at: datetime) -> bool:
        """Whether a time, in its own time zone, lies in the hours."""
        minute = 60 * at.hour + at.minute
        return not self.spans or any(span.contains(at.weekday(), minute) for span in self.spans)

    def next_change(self, at: datetime) -> datetime | None:
        """Return the next local time at which the hours begin or end; None if they never do."""
        edges = {edge % DAY_MIN for span in self.spans for edge in (span.start_min, span.stop_min)}
        for days in range(len(DAYS) + 1):
            date = at.date() + timedelta(days=days)
            for edge in sorted(edges):
                change = datetime.combine(date, time(edge // 60, edge % 60), tzinfo=at.tzinfo)
                if change > at and self.contain(change) != self.contain(at):
                    return change
        return None


@lru_cache(maxsize=256)
def parse_hours(text: str) -> WorkingHours:
    """Read working hours. Raises ValueError with a sentence."""
    spans = [span.strip() for span in text.strip().lower().split(",")]
    return WorkingHours(spans=tuple(_parse_span(span) for span in spans)) if any(spans) else WorkingHours()


def format_hours(hours: WorkingHours) -> str:
    """Write working hours as `parse_hours` reads them."""
    return ", ".join(_format_span(span) for span in hours.spans)


def _parse_span(text: str) -> TimeSpan:
    match = _SPAN.fullmatch(text)
    if not text or match is None:
        raise ValueError(f"'{text}' can't be read as hours. {FORMAT_HINT}")
    days = _parse_days(match["days"]) if match["days"] else tuple(range(len(DAYS)))
    if not match["times"]:
        return TimeSpan(days=days)
    start, stop = (_parse_time(part.strip()) for part in match["times"].split("-"))
    if start == DAY_MIN:
        raise ValueError(f"'{text}' begins at the end of the day. Write 00:00 of the next day.")
    return TimeSpan(days=days, start_min=start, stop_min=stop)


def _parse_days(text: str) -> tuple[int, ...]:
    first, _, last = text.partition("-")
    for day in filter(None, (first, last)):
        if day not in DAYS:
            raise ValueError(f"'{day}' is not a day. Days are {', '.join(DAYS)}.")
    start, stop = DAYS.index(first), DAYS.index(last or first)
    return tuple((start + n) % len(DAYS) for n in range((stop - start) % len(DAYS) + 1))


def _parse_time(text: str) -> int:
    hour, _, minute = text.partition(":")
    minutes = 60 * int(hour) + int(minute)
    if int(minute) >= 60 or minutes > DAY_MIN:
        raise ValueError(f"'{text}' is not a time of the day. Write hours and minutes, 00:00 to 24:00.")
    return minutes


def _format_span(span: TimeSpan) -> str:
    days = f"{DAYS[span.days[0]]}-{DAYS[span.days[-1]]}" if len(span.days) > 1 else DAYS[span.days[0]]
    start, stop = (f"{edge // 60:02}:{edge % 60:02}" for edge in (span.start_min, span.stop_min))
    return f"{days} {start}-{stop}"
