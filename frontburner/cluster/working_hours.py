"""The hours in which a node takes work, as people write them: ``mon-fri 19:00-07:00, sat-sun``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from functools import lru_cache

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY_MIN = 24 * 60
HOW = "Write days and times such as 'mon-fri 19:00-07:00, sat-sun'."
_RULE = re.compile(r"(?P<days>[a-z]{3}(?:-[a-z]{3})?)?\s*(?P<times>\d{1,2}:\d{2}\s*-\s*\d{1,2}:\d{2})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeSpan:
    """Days of the week, and minutes of the day from and to which; over midnight where the end isn't after the start."""

    days: tuple[int, ...]
    start_min: int = 0
    stop_min: int = DAY_MIN

    def holds(self, day: int, minute: int) -> bool:
        """Whether a minute of a day of the week lies in it."""
        if self.start_min < self.stop_min:
            return day in self.days and self.start_min <= minute < self.stop_min
        over_night = minute < self.stop_min and (day - 1) % len(DAYS) in self.days
        return over_night or (day in self.days and minute >= self.start_min)


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingHours:
    """When a node takes work; without any stretch, always."""

    stretches: tuple[TimeSpan, ...] = ()

    def open(self, at: datetime) -> bool:
        """Whether a moment, in the time zone it is given in, lies in the hours."""
        minute = 60 * at.hour + at.minute
        return not self.stretches or any(stretch.holds(at.weekday(), minute) for stretch in self.stretches)

    def next_change(self, at: datetime) -> datetime | None:
        """Return the next moment at which the hours begin or end by the clock on the wall; None if they never do."""
        edges = {edge % DAY_MIN for stretch in self.stretches for edge in (stretch.start_min, stretch.stop_min)}
        for ahead in range(len(DAYS) + 1):
            day = at.date() + timedelta(days=ahead)
            for edge in sorted(edges):
                moment = datetime.combine(day, time(edge // 60, edge % 60), tzinfo=at.tzinfo)
                if moment > at and self.open(moment) != self.open(at):
                    return moment
        return None


@lru_cache(maxsize=256)
def parse_hours(text: str) -> WorkingHours:
    """Read hours. Raises ValueError with a sentence."""
    rules = [rule.strip() for rule in text.strip().lower().split(",")]
    return WorkingHours(stretches=tuple(_stretch(rule) for rule in rules)) if any(rules) else WorkingHours()


def hours_text(hours: WorkingHours) -> str:
    """Write hours so that they read as the same."""
    return ", ".join(_text(stretch) for stretch in hours.stretches)


def _stretch(rule: str) -> TimeSpan:
    match = _RULE.fullmatch(rule)
    if not rule or match is None:
        raise ValueError(f"'{rule}' can't be read as hours. {HOW}")
    days = _days(match["days"]) if match["days"] else tuple(range(len(DAYS)))
    if not match["times"]:
        return TimeSpan(days=days)
    start, stop = (_minute(part.strip()) for part in match["times"].split("-"))
    if start == DAY_MIN:
        raise ValueError(f"'{rule}' begins when the day is over. Write 00:00 of the next day.")
    return TimeSpan(days=days, start_min=start, stop_min=stop)


def _days(text: str) -> tuple[int, ...]:
    first, _, last = text.partition("-")
    for word in filter(None, (first, last)):
        if word not in DAYS:
            raise ValueError(f"'{word}' is not a day. Days are {', '.join(DAYS)}.")
    start, stop = DAYS.index(first), DAYS.index(last or first)
    return tuple((start + n) % len(DAYS) for n in range((stop - start) % len(DAYS) + 1))


def _minute(text: str) -> int:
    hour, _, minute = text.partition(":")
    at = 60 * int(hour) + int(minute)
    if int(minute) >= 60 or at > DAY_MIN:
        raise ValueError(f"'{text}' is not a time of the day. Write hours and minutes, 00:00 to 24:00.")
    return at


def _text(stretch: TimeSpan) -> str:
    days = f"{DAYS[stretch.days[0]]}-{DAYS[stretch.days[-1]]}" if len(stretch.days) > 1 else DAYS[stretch.days[0]]
    start, stop = (f"{edge // 60:02}:{edge % 60:02}" for edge in (stretch.start_min, stretch.stop_min))
    return f"{days} {start}-{stop}"
