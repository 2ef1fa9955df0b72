"""Whether a job will be ready in time is forecast early, honestly and with what would help."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from benchmarks.simulation.farm import CostField, FakeFarm, FakeNode, hills, render
from frontburner import events as ev
from frontburner.jobs.deadline import (
    DeadlineForecast,
    DeadlineVerdict,
    DeadlineWatch,
    next_moment,
    nodes_wanted,
    uncertainty,
)
from frontburner.plan.planner import FrameWork, Planner
from tasks.spec import SampleRange, Size

BERLIN = timezone(timedelta(hours=1))
NIGHT = datetime(2026, 2, 28, 22, 15, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("08:00", datetime(2026, 3, 1, 8, 0, tzinfo=BERLIN)),
        ("8:00", datetime(2026, 3, 1, 8, 0, tzinfo=BERLIN)),
        ("23:59", datetime(2026, 2, 28, 23, 59, tzinfo=BERLIN)),
        ("22:15", datetime(2026, 3, 1, 22, 15, tzinfo=BERLIN)),
        ("2026-03-02T08:00", datetime(2026, 3, 2, 8, 0, tzinfo=BERLIN)),
        ("2026-03-02 08:00", datetime(2026, 3, 2, 8, 0, tzinfo=BERLIN)),
        ("2026-03-02T08:00+00:00", datetime(2026, 3, 2, 8, 0, tzinfo=UTC)),
        ("2026-02-28T20:00", datetime(2026, 2, 28, 20, 0, tzinfo=BERLIN)),
    ],
)
def test_a_deadline_is_the_next_such_moment(text: str, moment: datetime) -> None:
    assert next_moment(text, NIGHT) == moment


@pytest.mark.parametrize("text", ["24:00", "8", "08:60", "soon", ""])
def test_what_is_no_time_is_answered_with_what_is(text: str) -> None:
    with pytest.raises(ValueError, match="Write a time such as 08:00"):
        next_moment(text, NIGHT)


def outlook(spare_min: float, **others: Any) -> DeadlineForecast:
    due = datetime(2026, 3, 1, 8, 0, tzinfo=BERLIN)
    values: dict[str, Any] = {"uncertainty_s": 120.0, "nodes": 4, "nodes_wanted": 4}
    return DeadlineForecast(due=due, expected_end=due - timedelta(minutes=spare_min), **values | others)


@pytest.mark.parametrize(
    ("what", "verdict", "sentence"),
    [
        (outlook(12), DeadlineVerdict.ON_TIME, "On time for 08:00: 12 min to spare (± 2 min)."),
        (outlook(200), DeadlineVerdict.ON_TIME, "On time for 08:00: 3 h 20 min to spare (± 2 min)."),
        (
            outlook(-25, nodes_wanted=6),
            DeadlineVerdict.LATE,
            "Late for 08:00 by 25 min (± 2 min). 2 more nodes like these would make it, or fewer samples.",
        ),
        (
            outlook(-1, nodes_wanted=5),
            DeadlineVerdict.CLOSE,
            "It will be close for 08:00: 60 s late (± 2 min). 1 more node like these would make it, or fewer samples.",
        ),
        (outlook(1), DeadlineVerdict.CLOSE, "It will be close for 08:00: 60 s to spare (± 2 min)."),
        (
            outlook(-180, nodes_wanted=0),
            DeadlineVerdict.LATE,
            "Late for 08:00 by 3 h (± 2 min). The deadline has passed, or is too near for any number of nodes.",
        ),
    ],
)
def test_it_is_said_whether_it_will_be_ready_and_what_would_help(
    what: DeadlineForecast, verdict: DeadlineVerdict, sentence: str
) -> None:
    assert what.verdict is verdict
    assert what.sentence() == sentence


def test_nodes_that_would_make_it_are_counted() -> None:
    assert nodes_wanted(nodes=4, left_s=600, available_s=300) == 8
    assert nodes_wanted(nodes=4, left_s=610, available_s=600) == 5
    assert nodes_wanted(nodes=4, left_s=600, available_s=600) == 4
    assert nodes_wanted(nodes=4, left_s=600, available_s=0) == 0


def test_a_forecast_is_as_sure_as_the_last_ones_agree() -> None:
    assert uncertainty([(10, 1000)]) == pytest.approx(0.05 * 990)
    wild = [(10.0, 5000.0), (60.0, 900.0), (100.0, 1300.0)]
    assert uncertainty(wild) == pytest.approx(400)  # what was logged at 10 s is forgotten by then
    assert uncertainty([*wild, (900.0, 1010.0), (1000.0, 1010.0)]) == pytest.approx(0.5)


def watched(due_s: float, *, nodes: int = 2) -> tuple[list[ev.DeadlineForecast], list[str], float]:
    """Render a job of 1000 node-seconds that is due some seconds after its start."""
    size = Size(width=640, height=360)
    passes = (SampleRange(start=0, stop=2), SampleRange(start=2, stop=64))
    planner = Planner(frames=[FrameWork(frame=1)], size=size, region=size.whole, passes=passes)
    cost = CostField(hills(640, 360, total_s=1000, samples=64))
    farm = FakeFarm(*(FakeNode(name=f"n{i}") for i in range(nodes)), cost=cost)
    logged: list[str] = []
    watch = DeadlineWatch(
        due=NIGHT + timedelta(seconds=due_s),
        now=lambda: NIGHT + timedelta(seconds=farm.now_s),
        clock=farm.clock,
        log=logged.append,
    )
    announced: list[ev.DeadlineForecast] = []

    def listen(event: ev.Event) -> None:
        if isinstance(event, ev.DeadlineForecast):
            announced.append(event)

    with ev.observe(watch.take), ev.observe(listen):
        render(planner, farm, on_step=watch.poll)
        watch.end()
    return announced, logged, farm.now_s


def test_a_job_that_will_be_ready_says_so_within_its_first_minute_and_was() -> None:
    announced, logged, ended_s = watched(700)
    assert announced[0].at_s < 60
    assert logged[0].startswith("On time for 22:26: ")
    assert logged[-1].startswith("Ready at 22:23:")
    assert announced[-1].made_it
    assert announced[-1].spare_s == pytest.approx(700 - ended_s)
    assert all(event.made_it is None for event in announced[:-1])
    late = [event for event in announced if event.at_s > 250]
    assert all(abs(event.spare_s - (700 - ended_s)) < 100 for event in late)


def test_a_job_that_will_be_late_says_so_within_its_first_minute_and_how_many_nodes_it_lacks() -> None:
    announced, logged, _ = watched(260)
    assert next(event for event in announced if "Late" in event.sentence).at_s < 60
    minute = [event.sentence for event in announced if event.at_s < 60]
    assert any("2 more nodes like these would make it" in sentence for sentence in minute)
    assert any("3 more nodes like these would make it" in words for words in logged), "corrected as time runs away"
    assert announced[-1].made_it is False
    assert "late for 22:19" in logged[-1]


def test_the_log_has_a_line_when_it_is_news_and_not_all_the_time() -> None:
    announced, logged, _ = watched(700)
    assert len(announced) > 50
    assert len(logged) == sum(event.news for event in announced) < 8


def test_a_job_with_frames_missing_is_not_ready() -> None:
    logged: list[str] = []
    announced: list[ev.Event] = []
    watch = DeadlineWatch(due=NIGHT + timedelta(hours=1), now=lambda: NIGHT, clock=lambda: 0.0, log=logged.append)
    with ev.observe(announced.append):
        watch.end(complete=False)
    (event,) = announced
    assert isinstance(event, ev.DeadlineForecast)
    assert event.made_it is False
    assert logged == ["Not ready for 23:15: frames failed."]
