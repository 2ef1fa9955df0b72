"""A unit costs the same however long its job is: lines of Python that run are counted, not seconds."""

from __future__ import annotations

import math
import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.simulation.farm import CostField, FakeFarm, FakeNode, hills
from frontburner import events as ev
from frontburner.dispatch.dispatcher import Dispatcher
from frontburner.jobs.deadline import DeadlineWatch
from frontburner.monitor.job_rows import LiveJob
from frontburner.plan.planner import FrameWork, Planner
from frontburner.record.event_codec import encode
from frontburner.record.job_status import JobStatus, fold
from frontburner.reports.report import Report
from frontburner.run.limit_tracking import LimitTracking
from frontburner.run.progress import Demand
from tests.run.test_limit_tracking import SIZE, FakeMeasurement, layout_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

UNITS = 60
SHORT, LONG = 100, 3000
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Enough(Exception):
    """As many units are finished as are looked at."""


@dataclass(slots=True)
class Lines:
    """How many lines of Python have run; a loop counts once a turn."""

    count: int = 0

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count what runs until the end of the context."""
        before = sys.gettrace()
        sys.settrace(self._trace)
        try:
            yield
        finally:
            sys.settrace(before)

    def _trace(self, _frame: FrameType, event: str, _argument: object) -> Any:
        self.count += event == "line"
        return self._trace


@dataclass(slots=True)
class Farm:
    """A job on a simulated farm, with all that follows its events, until some of its units are finished."""

    frames: int
    limits: dict[str, Any]
    units: int = UNITS
    lines: Lines = field(default_factory=Lines)
    at_unit: list[int] = field(default_factory=list)
    """How many lines had run when each unit was finished."""

    def run(self) -> Farm:
        layout = layout_of(self.frames, **self.limits)
        passes, frames = layout.passes, list(layout.frames)
        cost = CostField(hills(640, 360, total_s=2.0, samples=passes[-1].stop))
        farm = FakeFarm(*(FakeNode(name=f"n{nth}") for nth in range(4)), cost=cost)
        planner = Planner(
            frames=[FrameWork(frame=n) for n in frames], size=SIZE, region=SIZE.whole, passes=passes,
            limited=bool(layout.limits),
        )  # fmt: skip
        dispatcher = Dispatcher(planner=planner, farm=farm, clock=farm.clock)
        limiter = LimitTracking(
            layout=layout, frames=frames, clock=farm.clock, dispatcher=dispatcher, measurer=Quick(farm, dispatcher),
            finish=lambda frame, _, __: ev.announce(
                ev.FrameWritten(at_s=farm.now_s, frame=frame, outputs=(f"{frame}.exr",), reached=None)
            ),
        )  # fmt: skip
        need, clock = Demand(clock=farm.clock), farm.clock
        watch = DeadlineWatch(due=NOW + timedelta(days=1), now=lambda: NOW, clock=clock, log=lambda _: None)
        dispatcher.on_rendered, dispatcher.forecast = limiter.rendered, limiter.forecast

        def on_step() -> None:
            need.work_s(planner, limiter)
            limiter.poll()
            planner.time_left_s = limiter.ends_in_s()
            watch.poll()
            limiter.fraction()

        dispatcher.on_step = on_step
        observers = [limiter.take, watch.take, *followers(frames), self.count]
        dismiss = [ev.observe(observer) for observer in observers]
        try:
            with self.lines.counted(), pytest.raises(Enough):
                dispatcher.run()
        finally:
            for end in dismiss:
                end()
        return self

    def count(self, event: ev.Event) -> None:
        if isinstance(event, ev.UnitFinished):
            self.at_unit.append(self.lines.count)
            if len(self.at_unit) == self.units:
                raise Enough

    def lines_a_unit(self, first: int = 0, last: int = -1) -> float:
        units = range(len(self.at_unit))[last] - first
        return (self.at_unit[last] - self.at_unit[first]) / units


@dataclass(slots=True)
class Quick:
    """Measures a pass within a second."""

    farm: FakeFarm
    dispatcher: Dispatcher

    def measure(self, frame: int, tickets: Sequence[int], before: FakeMeasurement | None) -> FakeMeasurement:
        stop = self.dispatcher.done(frame)[tickets[0]].samples.stop
        figure = 1 / math.sqrt(stop) if before else None
        return FakeMeasurement(farm=self.farm, ready_s=self.farm.now_s + 1.0, figure=figure)

    def drop(self, tickets: Sequence[int]) -> None:
        """Nothing is kept."""


def followers(frames: Sequence[int]) -> list[Any]:
    """Folds of the run itself, of the command line and of the monitor."""
    report, status, live = Report(), JobStatus(job_id="walk-1"), LiveJob()

    def retold(event: ev.Event) -> None:
        record = encode(event, NOW + timedelta(seconds=event.at_s))
        fold(status, record)
        live.on_event(record)

    planned = ev.JobPlanned(
        at_s=0, job_id="walk-1", frames=len(frames), pixel_samples=1, reused_frames=0, size=SIZE, region=SIZE.whole,
        numbers=f"1-{len(frames)}",
    )  # fmt: skip
    for event in (ev.RunStarted(at_s=0, job_id="walk-1", job={}, host="here", pid=1), planned):
        report.take(event)
        retold(event)
    return [report.take, retold]


@pytest.mark.parametrize("limits", [{}, {"noise": 0.2, "samples": 64}], ids=["no limit", "noise"])
def test_a_unit_of_a_long_job_costs_no_more_than_one_of_a_short_one(limits: dict[str, Any]) -> None:
    short, long = (Farm(frames, limits).run().lines_a_unit() for frames in (SHORT, LONG))
    assert long < 1.1 * short


@pytest.mark.parametrize("limits", [{}, {"noise": 0.2, "samples": 64}], ids=["no limit", "noise"])
def test_the_last_units_of_a_job_cost_no_more_than_the_first(limits: dict[str, Any]) -> None:
    farm = Farm(LONG, limits, units=600).run()
    assert farm.lines_a_unit(500) < 1.1 * farm.lines_a_unit(20, 120)
