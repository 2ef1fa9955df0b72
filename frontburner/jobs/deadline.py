"""Whether a job will be ready in time: said from the first measurement on, never acted upon. No clock of its own."""

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

LEAST_UNCERTAINTY = 0.05
"""Part of the time left by which no forecast is thought to be surer."""

SAY_EVERY_S = 600.0
CORRECT_AFTER_S = 60.0
TELL_EVERY_S = 2.0
GRAMMAR = "Write a time such as 08:00, or a date and time such as 2026-03-01T08:00."


class DeadlineVerdict(StrEnum):
    """Whether a job will be ready in time."""

    ON_TIME = "on time"
    CLOSE = "close"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineForecast:
    """What is expected of a job with a deadline.

    Parameters
    ----------
    due, expected_end
        Moments; both have a time zone.
    uncertainty_s
        How far the end may be off, either way.
    nodes_wanted
        Nodes like the present ones, in all, with which it would be ready; 0 when no number would help.
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
        """Whether it will be ready, as far as can be said."""
        if abs(self.spare_s) <= self.uncertainty_s:
            return DeadlineVerdict.CLOSE
        return DeadlineVerdict.ON_TIME if self.spare_s > 0 else DeadlineVerdict.LATE

    def sentence(self) -> str:
        """Say it to a person, with what would help."""
        due = f"{self.due:%H:%M}"
        off = f"(± {format_span(self.uncertainty_s)})"
        if self.verdict is DeadlineVerdict.ON_TIME:
            return f"On time for {due}: {format_span(self.spare_s)} to spare {off}."
        if self.verdict is DeadlineVerdict.CLOSE:
            side = "to spare" if self.spare_s >= 0 else "late"
            return f"It will be close for {due}: {format_span(abs(self.spare_s))} {side} {off}.{self._help()}"
        return f"Late for {due} by {format_span(-self.spare_s)} {off}.{self._help()}"

    @property
    def remedy(self) -> str:
        """What would help, as the end of a sentence; empty when nothing needs to."""
        return "" if self.verdict is DeadlineVerdict.ON_TIME else self._help()

    def _help(self) -> str:
        if not self.nodes_wanted:
            return " The deadline has passed, or is too near for any number of nodes."
        more = self.nodes_wanted - self.nodes
        if more <= 0:
            return ""
        return f" {more} more node{'s' if more > 1 else ''} like these would make it, or fewer samples."


def deadline_text(value: object) -> object:
    """Take what YAML makes of ``18:30`` (minutes) and of a date and time for their text."""
    if isinstance(value, datetime):
        return value.isoformat()
    return f"{value // 60}:{value % 60:02}" if isinstance(value, int) and not isinstance(value, bool) else value


def next_moment(text: str, now: datetime) -> datetime:
    """Read a deadline: the next time the clock shows it, or the moment itself.

    Parameters
    ----------
    text
        ``08:00``, or an ISO date and time; without a time zone it is that of ``now``.
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
        raise ValueError(f"'{text}' is not a time. {GRAMMAR}") from None
    return today if today > now else today + timedelta(days=1)


def uncertainty(forecasts: Sequence[tuple[float, float]]) -> float:
    """How far a forecast may be off: as far as those of the last half of the time lie apart.

    Parameters
    ----------
    forecasts
        When each was made and what end it said, both in seconds; at least one.
    """
    now_s, end_s = forecasts[-1]
    recent = [end for at_s, end in forecasts if at_s >= now_s / 2]
    return max(max(recent) - min(recent), LEAST_UNCERTAINTY * (end_s - now_s))


def nodes_wanted(*, nodes: int, left_s: float, available_s: float) -> int:
    """Nodes that would do in the time there is what these do in the time left; 0 when there is none."""
    return math.ceil(nodes * left_s / available_s - 1e-9) if available_s > 0 else 0


@dataclass(slots=True, kw_only=True)
class DeadlineWatch:
    """Follows a job's forecasts; an observer of its events that announces `DeadlineForecast`.

    Parameters
    ----------
    due
        The deadline.
    now, clock
        The wall clock, and seconds on the job's own clock.
    say
        Called with a sentence for the log: at first, when the verdict changes, what would help has changed
        for a minute, and every ten minutes.
    """

    due: datetime
    now: Callable[[], datetime]
    clock: Callable[[], float]
    say: Callable[[str], None]
    _forecasts: deque[tuple[float, float]] = field(init=False, default_factory=lambda: deque(maxlen=500))
    _nodes: set[str] = field(init=False, default_factory=set)
    _told_s: float = field(init=False, default=-math.inf)
    _said: tuple[float, DeadlineVerdict | None, str] = field(init=False, default=(-math.inf, None, ""))

    def take(self, event: ev.Event) -> None:
        """Note what is forecast."""
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
        """Tell what is expected, as soon as anything is."""
        now_s = self.clock()
        if not self._forecasts or now_s - self._told_s < TELL_EVERY_S:
            return
        self._told_s = now_s
        outlook = self._outlook(now_s)
        said_s, verdict, remedy = self._said
        since_s = SAY_EVERY_S if outlook.remedy == remedy else CORRECT_AFTER_S
        news = outlook.verdict is not verdict or now_s - said_s >= since_s
        if news:
            self._said = now_s, outlook.verdict, outlook.remedy
            self.say(outlook.sentence())
        ev.announce(
            ev.DeadlineForecast(
                at_s=now_s, due=self.due.isoformat(), expected_end=outlook.expected_end.isoformat(timespec="seconds"),
                spare_s=outlook.spare_s, sentence=outlook.sentence(), news=news,
            )
        )  # fmt: skip

    def end(self, *, complete: bool = True) -> None:
        """Tell whether it was ready in time, when it is; a job that ended without all its pictures wasn't."""
        now = self.now()
        spare_s = (self.due - now).total_seconds()
        made_it = complete and spare_s >= 0
        words = f"{format_span(spare_s)} to spare" if spare_s >= 0 else f"{format_span(-spare_s)} late"
        sentence = f"Ready at {now:%H:%M:%S}: {words} for {self.due:%H:%M}."
        if not complete:
            sentence = f"Not ready for {self.due:%H:%M}: frames failed."
        self.say(sentence)
        ev.announce(
            ev.DeadlineForecast(
                at_s=self.clock(), due=self.due.isoformat(), expected_end=now.isoformat(timespec="seconds"),
                spare_s=spare_s, sentence=sentence, news=True, made_it=made_it,
            )
        )  # fmt: skip

    def _outlook(self, now_s: float) -> DeadlineForecast:
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
