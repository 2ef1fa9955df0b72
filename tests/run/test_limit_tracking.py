"""Limits on a simulated farm: pictures end where they should, at the same pass on any farm, and nothing is lost.

One file over 300 lines: all limits hold on the same simulated farm.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
import pytest

from benchmarks.simulation.farm import CostField, FakeFarm, FakeNode, Fault, hills
from frontburner import events as ev
from frontburner.dispatch.dispatcher import Dispatcher
from frontburner.jobs.job import make_job
from frontburner.jobs.layout import Layout, lay_out
from frontburner.plan.planner import FrameWork, Planner
from frontburner.run.limit_tracking import LimitTracking
from tasks.limits import EndedBy, Ending
from tasks.renderers.base import Capabilities, SceneInfo
from tasks.scene.frame_scenes import FrameScene
from tasks.spec import Size
from tests.plan.cover import assert_covered_once

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from frontburner.plan.block import Block

SIZE = Size(width=640, height=360)
SAMPLES = 4096
NODES = (FakeNode(name="a"), FakeNode(name="b", speed=2.0))


def layout_of(frames: int = 1, **limits: Any) -> Layout:
    info = SceneInfo(digest="d", files=(), size=SIZE, samples=64, cameras=("0",))
    return lay_out(
        make_job({"scene": "room.xml", **limits}),
        build="1",
        capabilities=Capabilities(exact_regions=True, exact_samples=True),
        scenes=tuple(FrameScene(frame=n, path="room.xml") for n in range(1, frames + 1)),
        infos=dict.fromkeys(range(1, frames + 1), info),
    )


@dataclass(slots=True, kw_only=True, weakref_slot=True)
class FakeMeasurement:
    farm: FakeFarm
    ready_s: float
    figure: float | None

    def done(self) -> bool:
        return self.farm.now_s >= self.ready_s

    def noise(self) -> float | None:
        return self.figure


@dataclass(slots=True, kw_only=True)
class Stage:
    """A whole run: dispatcher, limiter and a measurer whose pictures have noise 1/√samples × that of the frame."""

    layout: Layout
    nodes: Sequence[FakeNode] = NODES
    frame_s: float = 1600.0
    measuring_s: float = 1.0
    grain: dict[int, float] = field(default_factory=dict)
    faults: Sequence[Fault] = ()
    done: dict[int, Any] = field(default_factory=dict)
    forecast: Callable[[float | None], float | None] | None = None
    farm: FakeFarm = field(init=False)
    dispatcher: Dispatcher = field(init=False)
    limiter: LimitTracking = field(init=False)
    pictures: dict[int, tuple[list[Block], Ending | None]] = field(init=False, default_factory=dict)
    measured: list[tuple[int, int]] = field(init=False, default_factory=list)
    dropped: list[int] = field(init=False, default_factory=list)
    measurements: list[ref[FakeMeasurement]] = field(init=False, default_factory=list)
    events: list[ev.Event] = field(init=False, default_factory=list)

    def run(self) -> Stage:
        cost = CostField(hills(640, 360, total_s=self.frame_s, samples=SAMPLES))
        self.farm = FakeFarm(*self.nodes, cost=cost, faults=self.faults)
        planner = Planner(
            frames=[FrameWork(frame=n, done=self.done.get(n, ())) for n in self.layout.frames],
            size=SIZE, region=SIZE.whole, passes=self.layout.passes,
            limited=bool(self.layout.limits),
        )  # fmt: skip
        self.dispatcher = Dispatcher(planner=planner, farm=self.farm, clock=self.farm.clock)
        self.limiter = LimitTracking(
            layout=self.layout, frames=list(self.layout.frames), clock=self.farm.clock, dispatcher=self.dispatcher,
            measurer=self, finish=self.finish,
        )  # fmt: skip
        self.dispatcher.on_rendered = self.limiter.rendered
        self.dispatcher.forecast = self.forecast or self.limiter.forecast

        def on_step() -> None:
            self.limiter.poll()
            planner.time_left_s = self.limiter.ends_in_s()

        self.dispatcher.on_step = on_step
        with ev.observe(self.limiter.take), ev.observe(self.events.append):
            for block in planner.reused:
                self.dispatcher.add_reused(block, self.dispatcher.new_ticket())
            self.dispatcher.run()
            while self.limiter.poll():
                self.farm.messages(0.25)
        return self

    def measure(self, frame: int, tickets: Sequence[int], before: FakeMeasurement | None) -> FakeMeasurement:
        blocks = [self.dispatcher.done(frame)[ticket] for ticket in tickets]
        (samples,) = {block.samples for block in blocks}
        assert_covered_once(blocks, frames=[frame], region=SIZE.whole, passes=[samples])
        assert (before is None) == (samples == self.layout.passes[0])
        self.measured.append((frame, samples.stop))
        figure = self.grain.get(frame, 1.0) / math.sqrt(samples.stop) if before else None
        made = FakeMeasurement(farm=self.farm, ready_s=self.farm.now_s + self.measuring_s, figure=figure)
        self.measurements.append(ref(made))
        return made

    def drop(self, tickets: Sequence[int]) -> None:
        self.dropped.extend(tickets)

    def finish(self, frame: int, tickets: Sequence[int], ending: Ending | None) -> None:
        assert frame not in self.pictures, "a picture is finished once"
        self.pictures[frame] = [self.dispatcher.done(frame)[ticket] for ticket in tickets], ending

    def of(self, kind: type[ev.Event]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def stop_of(self, frame: int = 1) -> int:
        """Where a picture's samples end; each pixel has each pass up to there once, and nothing else."""
        blocks, ending = self.pictures[frame]
        assert ending is not None
        assert ending.sample_stop is not None
        passes = [samples for samples in self.layout.passes if samples.stop <= ending.sample_stop]
        assert_covered_once(blocks, frames=[frame], region=SIZE.whole, passes=passes)
        return ending.sample_stop


FARMS: tuple[tuple[FakeNode, ...], ...] = (
    (FakeNode(name="a"),),
    NODES,
    tuple(FakeNode(name=f"n{i}", speed=1 + i % 3) for i in range(9)),
    (FakeNode(name="slow", speed=0.02), FakeNode(name="fast", speed=20)),
    (*NODES, FakeNode(name="lost", available=((0, 30), (90, 120)))),
)


@pytest.mark.parametrize("nodes", FARMS, ids=["one", "two", "nine", "uneven", "lossy"])
@pytest.mark.parametrize("measuring_s", [0.0, 1.0, 60.0])
def test_a_picture_ends_at_the_same_pass_on_any_farm(nodes: Sequence[FakeNode], measuring_s: float) -> None:
    stage = Stage(layout=layout_of(noise=0.05), nodes=nodes, measuring_s=measuring_s).run()
    assert stage.stop_of() == 432  # the first pass that ends at 1 / 0.05² = 400 or more
    assert stage.pictures[1][1] is not None
    assert stage.pictures[1][1].by is EndedBy.NOISE
    assert stage.measured == [(1, samples.stop) for samples in stage.layout.passes if samples.stop <= 432]


def test_little_is_rendered_beyond_the_pass_that_is_enough_and_all_of_it_is_told() -> None:
    stage = Stage(layout=layout_of(noise=0.05)).run()
    spent_s = {node.name: 0.0 for node in NODES}
    for attempt in stage.farm.attempts:
        if attempt.block.samples.stop > 432:
            spent_s[attempt.node] += attempt.ended_s - attempt.began_s
    told_s = sum(event.seconds for event in stage.of(ev.UnitWasted))
    assert told_s == pytest.approx(sum(spent_s.values()), rel=0.05)
    useful_s = sum(a.ended_s - a.began_s for a in stage.farm.attempts) - sum(spent_s.values())
    assert sum(spent_s.values()) < 0.1 * useful_s


def test_units_finished_beyond_the_end_are_let_go_of() -> None:
    stage = Stage(layout=layout_of(noise=0.05), measuring_s=40.0).run()
    assert stage.stop_of() == 432
    blocks = stage.dispatcher.done(1)
    assert stage.dropped
    assert all(blocks[ticket].samples.start >= 432 for ticket in stage.dropped)


def test_a_picture_that_never_gets_there_has_all_its_samples() -> None:
    stage = Stage(layout=layout_of(noise=0.001, samples=256), frame_s=3200).run()
    assert stage.stop_of() == 256
    assert stage.pictures[1][1] is not None
    assert stage.pictures[1][1].by is EndedBy.SAMPLES


def test_each_frame_of_a_sequence_ends_by_its_own_noise() -> None:
    grain = {frame: 0.5 + 0.1 * frame for frame in range(1, 21)}
    stage = Stage(layout=layout_of(20, noise=0.1), grain=grain, frame_s=400).run()
    stops = [samples.stop for samples in stage.layout.passes]
    for frame, own in grain.items():
        assert stage.stop_of(frame) == next(s for s in stops[1:] if s >= (own / 0.1) ** 2 - 1e-9)
    wasted_s = sum(event.seconds for event in stage.of(ev.UnitWasted))
    assert wasted_s < 0.05 * sum(a.ended_s - a.began_s for a in stage.farm.rendered)


def test_what_is_needed_is_told_from_the_second_pass_on() -> None:
    stage = Stage(layout=layout_of(noise=0.05)).run()
    first, *later = stage.of(ev.PassMeasured)
    assert first.noise is None
    assert all(event.samples_wanted == pytest.approx(400) for event in later)
    goals = [event.pixel_samples for event in stage.of(ev.ExpectedWorkChanged)]
    assert goals[-1] == pytest.approx(432 * SIZE.whole.area, rel=0.1)
    left = [(event.at_s, event.seconds_left) for event in stage.of(ev.UnitFinished)]
    end_s = next(at_s for at_s, event in ((e.at_s, e) for e in stage.events) if isinstance(event, ev.FrameRendered))
    later = [at_s + left_s - end_s for at_s, left_s in left if at_s > 0.3 * end_s]
    assert np.abs(later).mean() < 0.25 * end_s


def test_when_a_sequence_ends_is_told_as_well_near_its_end_as_at_its_beginning() -> None:
    stage = Stage(layout=layout_of(60, noise=0.1, samples=1024), frame_s=400, nodes=FARMS[2]).run()
    end_s = stage.of(ev.UnitFinished)[-1].at_s
    forecasts = [(event.at_s, event.seconds_left) for event in stage.of(ev.UnitFinished)]
    early, late = (
        np.mean([left_s / (end_s - at_s) for at_s, left_s in forecasts if part <= at_s / end_s < part + 0.1])
        for part in (0.1, 0.8)
    )
    assert late == pytest.approx(early, rel=0.2)
    assert 0.5 < early < 1.2, "nodes render more than will be wanted, while noise is measured"


def test_a_job_that_goes_on_ends_at_the_same_pass() -> None:
    first = Stage(layout=layout_of(noise=0.05)).run()
    done = tuple((block.samples, block.region) for block in first.dispatcher.done(1).values())
    for share in (0.3, 0.8, 1.0):
        kept = done[: int(len(done) * share)]
        stage = Stage(layout=layout_of(noise=0.05), done={1: kept}, nodes=FARMS[2]).run()
        assert stage.stop_of() == 432


def test_a_frame_that_fails_is_not_finished_and_the_others_are() -> None:
    fault = Fault(where=lambda a: a.block.frame == 2 and a.block.samples.start > 0, then="fatal")
    stage = Stage(layout=layout_of(3, noise=0.1), faults=[fault]).run()
    assert sorted(stage.pictures) == [1, 3]
    assert [event.frame for event in stage.of(ev.FrameFailed)] == [2]


def test_nothing_of_a_frame_that_failed_is_followed_or_kept_on_nodes() -> None:
    fault = Fault(where=lambda a: a.block.frame % 2 == 0 and a.block.samples.start > 0, then="fatal")
    stage = Stage(layout=layout_of(12, noise=0.1), faults=[fault]).run()
    failed = {event.frame for event in stage.of(ev.FrameFailed)}
    assert failed == {2, 4, 6, 8, 10, 12}
    assert not stage.limiter._progress.active
    assert not stage.limiter._spent
    assert {ticket for frame in failed for ticket in stage.dispatcher.done(frame)} <= set(stage.dropped)
    assert not [each for each in stage.measurements if each() is not None]


def test_to_ask_when_the_job_ends_changes_nothing() -> None:
    stage = Stage(layout=layout_of(20, noise=0.1), frame_s=400)
    asked: list[tuple[float | None, float | None]] = []

    def ask(seconds_left: float | None) -> float | None:
        count = len(stage.events)
        answers = [stage.limiter.forecast(seconds_left) for _ in range(3)]
        assert len(set(answers)) == 1
        assert len(stage.events) == count
        asked.append((seconds_left, answers[0]))
        return answers[0]

    stage.forecast = ask
    stage.run()
    assert any(whole is not None and limited is not None and limited < whole for whole, limited in asked)
    assert stage.of(ev.ExpectedWorkChanged)


def test_what_was_measured_of_a_frame_is_let_go_with_it() -> None:
    stage = Stage(layout=layout_of(4, noise=0.1)).run()
    assert len(stage.measurements) > 4
    assert not [each for each in stage.measurements if each() is not None], "nodes would hold its moments for ever"


@pytest.mark.parametrize("nodes", FARMS[:4], ids=["one", "two", "nine", "uneven"])
@pytest.mark.parametrize("limit_s", [60, 600])
def test_when_the_time_is_up_the_picture_has_all_that_is_finished(nodes: Sequence[FakeNode], limit_s: int) -> None:
    stage = Stage(layout=layout_of(time_limit=f"{limit_s}s"), nodes=nodes, frame_s=40_000).run()
    blocks, ending = stage.pictures[1]
    assert ending is not None
    assert (ending.by, ending.sample_stop) == (EndedBy.TIME, None)
    assert len(blocks) == len(stage.farm.rendered) == len(stage.dispatcher.done(1))
    ended_s = next(e.at_s for e in stage.events if isinstance(e, ev.FrameRendered))
    first_s = max(a.ended_s for a in stage.farm.rendered if a.block.samples == stage.layout.passes[0])
    assert ended_s <= max(limit_s + 0.5, first_s + 0.5)
    assert ending.seconds == pytest.approx(ended_s, abs=0.5)
    first = [block for block in blocks if block.samples == stage.layout.passes[0]]
    assert_covered_once(first, frames=[1], region=SIZE.whole, passes=stage.layout.passes[:1])
    (reached,) = stage.of(ev.TimeLimitReached)
    assert reached.early == (first_s > limit_s)


@pytest.mark.parametrize("frame_s", [4000, 40_000])
def test_little_is_called_back_when_the_time_is_up(frame_s: float) -> None:
    stage = Stage(layout=layout_of(time_limit="10m"), nodes=FARMS[2], frame_s=frame_s).run()
    wasted_s = sum(event.seconds for event in stage.of(ev.UnitWasted))
    assert wasted_s < 0.01 * sum(a.ended_s - a.began_s for a in stage.farm.rendered)


def test_a_time_too_short_for_the_first_pass_is_overrun_until_no_pixel_is_without_light() -> None:
    stage = Stage(layout=layout_of(time_limit="5s"), frame_s=40_000).run()
    assert {block.samples for block in stage.pictures[1][0]} >= {stage.layout.passes[0]}
    assert stage.of(ev.TimeLimitReached)[0].early
    assert stage.pictures[1][1] is not None
    assert stage.pictures[1][1].seconds > 5


def test_a_picture_that_is_ready_before_its_time_is_up_has_all_its_samples() -> None:
    stage = Stage(layout=layout_of(time_limit="1h", samples=64), frame_s=1000).run()
    assert stage.stop_of() == 64
    assert not stage.of(ev.TimeLimitReached)


@pytest.mark.parametrize(("noise", "by"), [(0.05, EndedBy.NOISE), (0.01, EndedBy.TIME)])
def test_whichever_limit_comes_first_ends_the_picture(noise: float, by: EndedBy) -> None:
    stage = Stage(layout=layout_of(time_limit="2m", noise=noise)).run()
    assert stage.pictures[1][1] is not None
    assert stage.pictures[1][1].by is by


def test_without_limits_a_picture_is_finished_at_once_and_its_passes_are_shown() -> None:
    layout = layout_of(samples=256)
    stage = Stage(layout=layout, measuring_s=1e4).run()
    blocks, ending = stage.pictures[1]
    assert ending is None
    assert_covered_once(blocks, frames=[1], region=SIZE.whole, passes=layout.passes)
    assert stage.farm.now_s < 200
    quick = Stage(layout=layout).run()
    assert [event.samples for event in quick.of(ev.PassMeasured)] == [samples.stop for samples in layout.passes[:-1]]
    assert not quick.of(ev.ExpectedWorkChanged)


def test_a_limited_layout_is_what_the_tests_think_it_is() -> None:
    assert layout_of(noise=0.5).passes[-1].stop == SAMPLES
    assert replace(layout_of(noise=0.5), notes=()).limits.noise == 0.5
