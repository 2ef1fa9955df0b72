"""Deadlines: forecasts of whether a job will be ready in time, which are reported and never acted upon."""

from __future__ import annotations

import math
import re
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from frontburner import events as ev
from frontburner.jobs.durations import format_span

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MIN_UNCERTAINTY = 0.05
"""Uncertainty of any forecast at least, as a fraction of the time left."""
LOG_EVERY_S = 600.0
LOG_CHANGED_REMEDY_AFTER_S = 60.0
ANNOUNCE_EVERY_S = 2.0
TIME_SYNTAX = "Write a time such as 08:00, or a date and time such as 2026-03-01T08:00."


class DeadlineVerdict(StrEnum):
    """Whether a job will be ready in time."""

    ON_TIME = "on time"
    CLOSE = "close"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineForecast:
    """A forecast for a job with a deadline.

    Parameters
    ----------
    due, expected_end
        Both have a time zone.
    uncertainty_s
        How far off the end may be, either way.
    nodes_wanted
        Nodes like the present ones, in total, with which it would be ready in time; 0 when no number would do.
    """

    due: datetime
    expected_end: datetime
    uncertainty_s: float
    nodes: int
    nodes_wanted: int

    @property
    def spare_s(self) -> float:
        """Seconds between the expected end and the deadline; negative is late."""
        return (self.due - self.expected_end).total_seconds()

    @property
    def verdict(self) -> DeadlineVerdict:
        """Whether it will be ready in time; close within the uncertainty."""
        if abs(self.spare_s) <= self.uncertainty_s:
            return DeadlineVerdict.CLOSE
        return DeadlineVerdict.ON_TIME if self.spare_s > 0 else DeadlineVerdict.LATE

    def sentence(self) -> str:
        """Return the forecast for a person to read, with what would help."""
        due = f"{self.due:%H:%M}"
        margin = f"(± {format_span(self.uncertainty_s)})"
        if self.verdict is DeadlineVerdict.ON_TIME:
            return f"On time for {due}: {format_span(self.spare_s)} to spare {margin}."
        if self.verdict is DeadlineVerdict.CLOSE:
            side = "to spare" if self.spare_s >= 0 else "late"
            return f"It will be close for {due}: {format_span(abs(self.spare_s))} {side} {margin}.{self.remedy}"
        return f"Late for {due} by {format_span(-self.spare_s)} {margin}.{self.remedy}"

    @property
    def remedy(self) -> str:
        """What would help, to be appended to a sentence; empty when on time."""
        if self.verdict is DeadlineVerdict.ON_TIME:
            return ""
        if not self.nodes_wanted:
            return " The deadline has passed, or is too near for any number of nodes."
        more = self.nodes_wanted - self.nodes
        if more <= 0:
            return ""
        return f" {more} more node{'s' if more > 1 else ''} like these would make it, or fewer samples."


def deadline_text(value: object) -> object:
    """Convert what YAML makes of ``18:30`` (an integer) and of a date and time back to text."""
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{value // 60}:{value % 60:02}" if isinstance(value, int) and not isinstance(value, bool) else value


def next_moment(text: str, now: datetime) -> datetime:
    """Read a deadline: a time of day means its next occurrence, today or tomorrow.

    Parameters
    ----------
    text
        ``08:00``, or an ISO date and time; without a time zone, that of ``now`` counts.
    now
        With a time zone.

    Raises
    ------
    ValueError
        With a sentence, when it can't be read.
    """
    clock = re.fullmatch(r"\s*(\d{1,2}):(\d{2})\s*", text)
    try:
        if clock is None:
            moment = datetime.fromisoformat(text.strip())
            return moment if moment.tzinfo else moment.replace(tzinfo=now.tzinfo)
        today = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
    except ValueError:
        raise ValueError(f"'{text}' is not a time. {TIME_SYNTAX}") from None
    return today if today > now else today + timedelta(days=1)


def uncertainty(forecasts: Sequence[tuple[float, float]]) -> float:
    """Return how far off a forecast may be: the spread of the forecasts made in the second half of the elapsed time.

    Parameters
    ----------
    forecasts
        When each was made and the end it forecast, both in seconds; at least one.
    """
    now_s, end_s = forecasts[-1]
    recent = [end for at_s, end in forecasts if at_s >= now_s / 2]
    return max(max(recent) - min(recent), MIN_UNCERTAINTY * (end_s - now_s))


def nodes_wanted(*, nodes: int, left_s: float, available_s: float) -> int:
    """Return how many such nodes would finish in the available time, in total; 0 when no time is available."""
    return math.ceil(nodes * left_s / available_s - 1e-9) if available_s > 0 else 0


@dataclass(slots=True, kw_only=True)
class DeadlineWatch:
    """Observes the events of a job with a deadline, and announces a forecast of its end every few seconds.

    Parameters
    ----------
    due
        The deadline.
    now, clock
        The wall clock, and seconds since the job began.
    log
        Called with the forecast as a sentence: the first, one with another verdict, one whose remedy changed if the
        last is a minute old, and else one every ten minutes.
    """

    due: datetime
    now: Callable[[], datetime]
    clock: Callable[[], float]
    log: Callable[[str], None]
    _forecasts: deque[tuple[float, float]] = field(init=False, default_factory=lambda: deque(maxlen=500))
    _nodes: set[str] = field(init=False, default_factory=set)
    _announced_s: float = field(init=False, default=-math.inf)
    _logged: tuple[float, DeadlineVerdict | None, str] = field(init=False, default=(-math.inf, None, ""))
    """When a forecast was last logged, with its verdict and remedy."""

    def take(self, event: ev.Event) -> None:
        """Follow the nodes and the forecasts of the job's end."""
        match event:
            case ev.NodeJoined(node=node):
                self._nodes.add(node)
            case ev.NodeLost(node=node) | ev.NodeWithheld(node=node):
                self._nodes.discard(node)
            case ev.UnitFinished(seconds_left=float(left_s)):
                self._forecasts.append((event.at_s, event.at_s + left_s))
            case _:
                pass

    def poll(self) -> None:
        """Announce the forecast, once there is one."""
        now_s = self.clock()
        if not self._forecasts or now_s - self._announced_s < ANNOUNCE_EVERY_S:
            return
        self._announced_s = now_s
        forecast = self._forecast(now_s)
        logged_s, verdict, remedy = self._logged
        interval_s = LOG_EVERY_S if forecast.remedy == remedy else LOG_CHANGED_REMEDY_AFTER_S
        news = forecast.verdict is not verdict or now_s - logged_s >= interval_s
        if news:
            self._logged = now_s, forecast.verdict, forecast.remedy
            self.log(forecast.sentence())
        self._announce(forecast.expected_end, forecast.spare_s, forecast.sentence(), news=news)

    def end(self, *, complete: bool = True) -> None:
        """Announce whether the job was ready in time; one that ended with frames missing wasn't."""
        now = self.now()
        spare_s = (self.due - now).total_seconds()
        made_it = complete and spare_s >= 0
        margin = f"{format_span(spare_s)} to spare" if spare_s >= 0 else f"{format_span(-spare_s)} late"
        sentence = f"Ready at {now:%H:%M:%S}: {margin} for {self.due:%H:%M}."
        if not complete:
            sentence = f"Not ready for {self.due:%H:%M}: frames failed."
        self.log(sentence)
        self._announce(now, spare_s, sentence, news=True, made_it=made_it)

    def _announce(
        self, end: datetime, spare_s: float, sentence: str, *, news: bool, made_it: bool | None = None
    ) -> None:
        ev.announce(
            ev.DeadlineForecast(
                at_s=self.clock(), due=self.due.isoformat(), expected_end=end.isoformat(timespec="seconds"),
                spare_s=spare_s, sentence=sentence, news=news, made_it=made_it,
            )
        )  # fmt: skip

    def _forecast(self, now_s: float) -> DeadlineForecast:
        now, (_, end_s) = self.now(), self._forecasts[-1]
        left_s = max(0.0, end_s - now_s)
        return DeadlineForecast(
            due=self.due,
            expected_end=now + timedelta(seconds=left_s),
            uncertainty_s=uncertainty(self._forecasts),
            nodes=len(self._nodes),
            nodes_wanted=nodes_wanted(
                nodes=len(self._nodes), left_s=left_s, available_s=(self.due - now).total_seconds()
            ),
        )
