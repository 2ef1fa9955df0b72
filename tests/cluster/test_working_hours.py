"""Working hours of nodes: past midnight, past the end of the week, and their notation."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontburner.cluster.working_hours import DAY_MIN, DAYS, TimeSpan, WorkingHours, format_hours, parse_hours

MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
WEEK_MIN = 7 * DAY_MIN

spans = st.builds(
    lambda first, length, start, stop: TimeSpan(
        days=tuple((first + n) % 7 for n in range(length)), start_min=start, stop_min=stop
    ),
    st.integers(0, 6), st.integers(1, 7), st.integers(0, DAY_MIN - 1), st.integers(0, DAY_MIN),
)  # fmt: skip
hours = st.builds(lambda found: WorkingHours(spans=tuple(found)), st.lists(spans, max_size=3))
moments = st.integers(0, WEEK_MIN - 1).map(lambda minute: MONDAY + timedelta(minutes=minute))


def at(text: str) -> datetime:
    day, clock = text.split()
    hour, minute = map(int, clock.split(":"))
    return MONDAY + timedelta(days=DAYS.index(day), hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("mon 18:59", False), ("mon 19:00", True), ("tue 06:59", True), ("tue 07:00", False), ("mon 06:00", False),
        ("sat 06:59", True), ("sat 07:00", True), ("sun 23:59", True), ("fri 12:00", False),
    ],
)  # fmt: skip
def test_nights_and_weekends(moment: str, is_open: bool) -> None:
    assert parse_hours("mon-fri 19:00-07:00, sat-sun").contain(at(moment)) is is_open


@given(hours)
def test_formatted_hours_parse_to_the_same_hours(found: WorkingHours) -> None:
    again = parse_hours(format_hours(found))
    minutes = [MONDAY + timedelta(minutes=minute) for minute in range(0, WEEK_MIN, 7)]
    assert [again.contain(moment) for moment in minutes] == [found.contain(moment) for moment in minutes]


@given(hours, st.integers(0, 6), st.integers(0, DAY_MIN - 1))
def test_a_time_is_in_the_hours_when_a_span_covers_it(found: WorkingHours, day: int, minute: int) -> None:
    """Against the minutes of the week, each span laid out from each of its days."""
    covered = set()
    for span in found.spans:
        length = (span.stop_min - span.start_min - 1) % DAY_MIN + 1
        for first in span.days:
            begin = first * DAY_MIN + span.start_min
            covered |= {(begin + n) % WEEK_MIN for n in range(length)}
    moment = MONDAY + timedelta(days=day, minutes=minute)
    assert found.contain(moment) == (not found.spans or day * DAY_MIN + minute in covered)


@given(hours, moments)
def test_nothing_changes_before_next_change(found: WorkingHours, moment: datetime) -> None:
    change = found.next_change(moment)
    ends = change or moment + timedelta(days=8)
    step = max(timedelta(minutes=1), (ends - moment) / 50)
    while moment < ends:
        assert found.contain(moment) == found.contain(ends - timedelta(minutes=1))
        moment += step
    assert change is None or found.contain(change) != found.contain(change - timedelta(minutes=1))


def test_no_hours_are_all_hours() -> None:
    assert parse_hours(" ").contain(MONDAY)
    assert parse_hours(" ").next_change(MONDAY) is None


@pytest.mark.parametrize(
    "text", ["monday", "mon-fry", "mon 25:00-26:00", "mon 19:00", "19-07", "mon 19:60-20:00", ",mon"]
)
def test_hours_that_cannot_be_parsed_are_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"can't be read|not a day|not a time"):
        parse_hours(text)
