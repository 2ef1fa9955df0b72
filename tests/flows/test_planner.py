"""The planner: whatever nodes do, everything is handed out exactly once, and units follow the work left."""

from __future__ import annotations

import math
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.plan.block import Block
from flows.plan.planner import FrameWork, Mode, Planner
from tasks.spec import Region, RegionCost, SampleRange, Size
from tests.flows.cover import assert_covered_once, counts
from tests.flows.fake_farm import CostField, hills
from tests.flows.strategies import regions

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = Size(width=640, height=360)
ALL = (SampleRange(start=0, stop=16),)
TWO = (SampleRange(start=0, stop=2), SampleRange(start=2, stop=16))


def planner_of(frames: int = 1, **options: Any) -> Planner:
    defaults: dict[str, Any] = {"size": SIZE, "region": SIZE.whole, "passes": ALL}
    return Planner(frames=[FrameWork(frame=n) for n in range(1, frames + 1)], **{**defaults, **options})


def taken(planner: Planner, node: str) -> Block:
    block = planner.next_block(node)
    assert block is not None
    return block


def drain(planner: Planner, nodes: Sequence[str], *, rate: float = 1e-5) -> list[Block]:
    """Hand everything out in turns; each unit takes its pixel-samples at this rate."""
    blocks: list[Block] = []
    while not planner.exhausted:
        for node in nodes:
            block = planner.next_block(node)
            if block is not None:
                planner.learn(block, node, render_s=block.pixel_samples * rate)
                blocks.append(block)
    return blocks


class Turmoil:
    """Four nodes that come, go, render and fail in any order, until all is rendered."""

    def __init__(self, planner: Planner, random: Random) -> None:
        self.planner, self.random = planner, random
        self.speeds = {f"n{i}": random.choice([0.1, 1.0, 7.0]) for i in range(4)}
        self.under_way: list[tuple[Block, str]] = []
        self.finished: list[Block] = []
        self.troubles_left = 40

    def run(self) -> list[Block]:
        """Blocks that were rendered."""
        acts = [self.give, self.give, self.finish, self.finish, self.fail, self.lose, self.join]
        self.planner.join("n0")
        while self.under_way or not self.planner.exhausted:
            self.random.choice(acts)(self.random.choice(sorted(self.speeds)))
        return self.finished

    def give(self, node: str) -> None:
        block = self.planner.next_block(node) if node in self.planner.nodes else None
        if block is not None:
            self.under_way.append((block, node))

    def finish(self, _: str) -> None:
        if self.under_way:
            block, by = self.under_way.pop(self.random.randrange(len(self.under_way)))
            self.planner.learn(block, by, render_s=1e-4 * block.pixel_samples / self.speeds[by])
            self.planner.learn_overhead(self.random.choice([0.0, 0.001, 0.5]))
            self.finished.append(block)

    def fail(self, _: str) -> None:
        if self.under_way and self.troubles_left:
            self.troubles_left -= 1
            block, by = self.under_way.pop(self.random.randrange(len(self.under_way)))
            self.planner.give_back(block.failed_on(by))

    def lose(self, node: str) -> None:
        if node in self.planner.nodes and len(self.planner.nodes) > 1 and self.troubles_left:
            self.troubles_left -= 1
            self.planner.leave(node)
            for entry in [entry for entry in self.under_way if entry[1] == node]:
                self.under_way.remove(entry)
                self.planner.give_back(entry[0])

    def join(self, node: str) -> None:
        if node not in self.planner.nodes:
            self.planner.join(node)


@settings(deadline=None, max_examples=60)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_every_pixel_of_every_frame_and_pass_is_handed_out_once_whatever_happens(
    data: st.DataObject, seed: int
) -> None:
    size = Size(width=data.draw(st.integers(1, 300)), height=data.draw(st.integers(1, 300)))
    region = data.draw(regions(within=size.whole))
    passes = data.draw(st.sampled_from([ALL, TWO]))
    frames = range(1, data.draw(st.integers(1, 6)) + 1)
    done = {
        frame: tuple(
            (samples, data.draw(regions(within=size.whole)))
            for samples in data.draw(st.lists(st.sampled_from([*passes, SampleRange(start=1, stop=9)]), max_size=3))
        )
        for frame in frames
    }
    planner = Planner(
        frames=[FrameWork(frame=frame, done=done[frame]) for frame in frames],
        size=size, region=region, passes=passes, mode=data.draw(st.sampled_from(Mode)),
        align_px=data.draw(st.sampled_from([1, 8, 16])),
    )  # fmt: skip
    reused = list(planner.reused)
    finished = Turmoil(planner, Random(seed)).run()
    assert planner.reused == reused
    assert_covered_once([*reused, *finished], frames=frames, region=region, passes=passes)
    assert all(planner.blocks_left(frame) == 0 for frame in frames)
    assert planner.pixel_samples_left() == 0


@settings(deadline=None, max_examples=30)
@given(nodes=st.integers(1, 5), frames=st.integers(1, 9), passes=st.sampled_from([ALL, TWO]))
def test_frames_mode_never_cuts_a_frame(nodes: int, frames: int, passes: tuple[SampleRange, ...]) -> None:
    planner = planner_of(frames, mode=Mode.FRAMES, passes=passes)
    names = [f"n{i}" for i in range(nodes)]
    for name in names:
        planner.join(name)
    blocks = drain(planner, names)
    assert {block.region for block in blocks} == {SIZE.whole}
    assert len(blocks) == frames * len(passes)


@pytest.mark.parametrize("nodes", [1, 2, 4])
def test_tiles_mode_spreads_every_frame_over_the_nodes(nodes: int) -> None:
    planner = planner_of(6, mode=Mode.TILES)
    names = [f"n{i}" for i in range(nodes)]
    for name in names:
        planner.join(name)
    blocks = drain(planner, names)
    for frame in range(1, 7):
        assert sum(block.frame == frame for block in blocks) >= 2 * nodes


def test_auto_gives_whole_frames_while_many_are_left_and_regions_at_the_end() -> None:
    planner = planner_of(40)
    names = ["a", "b", "c", "d"]
    for name in names:
        planner.join(name)
    blocks = drain(planner, names)
    whole = [block.region == SIZE.whole for block in blocks]
    assert all(block.frame <= 40 for block in blocks)
    assert all(whole[:28])
    assert not any(whole[-8:])
    assert_covered_once(blocks, frames=range(1, 41), region=SIZE.whole, passes=ALL)


def test_units_shrink_towards_the_end() -> None:
    planner = planner_of(passes=TWO)
    for name in ("a", "b"):
        planner.join(name)
    blocks = [block for block in drain(planner, ["a", "b"], rate=1e-4) if block.samples == TWO[1]]
    work = [block.pixel_samples for block in blocks]
    assert work[0] > 8 * work[-1]
    quarter = len(work) // 4
    assert sum(work[:quarter]) > 4 * sum(work[-quarter:])


def test_a_fast_node_gets_more_than_a_slow_one() -> None:
    planner = planner_of(passes=TWO)
    speeds = {"slow": 1.0, "fast": 4.0}
    for name in speeds:
        planner.join(name)
    for _ in range(8):
        for name, speed in speeds.items():
            block = taken(planner, name)
            planner.learn(block, name, render_s=1e-4 * block.pixel_samples / speed)
    assert 1.8 < planner.nodes["fast"].speed / planner.nodes["slow"].speed < 4.8
    slow, fast = (taken(planner, name).pixel_samples for name in speeds)
    assert fast >= slow


def test_units_are_not_cut_so_small_that_their_overhead_matters() -> None:
    planner = planner_of()
    planner.join("a")
    for _ in range(60):
        planner.learn_overhead(1.0)
    blocks = drain(planner, ["a"], rate=200 / SIZE.whole.area / 16)
    assert min(200 * block.pixel_samples / SIZE.whole.area / 16 for block in blocks) > 20 / 2.5


@settings(deadline=None, max_examples=40)
@given(data=st.data(), passes=st.sampled_from([ALL, TWO]))
def test_units_that_exist_are_chosen_disjoint_and_not_handed_out_again(
    data: st.DataObject, passes: tuple[SampleRange, ...]
) -> None:
    size = Size(width=64, height=48)
    done = data.draw(st.lists(st.tuples(st.sampled_from(passes), regions(within=size.whole)), max_size=6))
    planner = Planner(
        frames=[FrameWork(frame=1, done=tuple(done))], size=size, region=size.whole, passes=passes, align_px=8
    )
    assert {(block.samples, block.region) for block in planner.reused} <= set(done)
    for samples in passes:
        assert counts([b.region for b in planner.reused if b.samples == samples], size.whole) <= {0, 1}
    planner.join("a")
    assert_covered_once([*planner.reused, *drain(planner, ["a"])], frames=[1], region=size.whole, passes=passes)


def test_units_that_overlap_or_belong_elsewhere_are_left_alone() -> None:
    part = Region(x0=100, y0=100, x1=300, y1=300)
    good = Region(x0=100, y0=100, x1=200, y1=300)
    foreign = [
        (SampleRange(start=0, stop=9), good),
        (ALL[0], Region(x0=50, y0=100, x1=200, y1=200)),
        (ALL[0], good),
        (ALL[0], Region(x0=150, y0=100, x1=300, y1=300)),
        (ALL[0], good),
    ]
    planner = Planner(frames=[FrameWork(frame=1, done=tuple(foreign))], size=SIZE, region=part, passes=ALL)
    assert [(block.samples, block.region) for block in planner.reused] == [(ALL[0], good)]
    assert planner.pixel_samples_left() == 100 * 200 * 16


def test_a_frame_that_exists_is_not_handed_out() -> None:
    planner = Planner(
        frames=[FrameWork(frame=1, done=((ALL[0], SIZE.whole),)), FrameWork(frame=2)],
        size=SIZE, region=SIZE.whole, passes=ALL, mode=Mode.FRAMES,
    )  # fmt: skip
    planner.join("a")
    assert planner.blocks_left(1) == 0
    assert [block.frame for block in drain(planner, ["a"])] == [2]


def test_an_abandoned_frame_is_handed_out_no_more() -> None:
    planner = planner_of(3)
    planner.join("a")
    first = taken(planner, "a")
    assert first.frame == 1
    planner.abandon(1)
    planner.give_back(first)
    assert planner.blocks_left(1) == 0
    assert {block.frame for block in drain(planner, ["a"])} == {2, 3}


def test_work_given_back_is_the_first_to_be_handed_out_again() -> None:
    planner = planner_of(4, mode=Mode.FRAMES)
    planner.join("a")
    first = taken(planner, "a")
    taken(planner, "a")
    planner.give_back(first)
    assert taken(planner, "a") == first


def test_failed_work_goes_to_another_node_as_long_as_there_is_one() -> None:
    planner = planner_of(1, mode=Mode.FRAMES)
    for name in ("a", "b"):
        planner.join(name)
    planner.give_back(taken(planner, "a").failed_on("a"))
    assert planner.next_block("a") is None
    planner.give_back(taken(planner, "b").failed_on("b"))
    assert taken(planner, "a").failures == 2
    planner.give_back(Block(frame=1, samples=ALL[0], region=SIZE.whole).failed_on("a"))
    planner.leave("b")
    assert planner.next_block("a") is not None


def test_the_time_left_is_told_once_something_was_measured() -> None:
    planner = planner_of(10, mode=Mode.FRAMES)
    planner.join("a")
    block = taken(planner, "a")
    assert planner.seconds_left() is None
    planner.learn(block, "a", render_s=6.0)
    assert planner.seconds_left() == pytest.approx(54.0)
    planner.join("b")
    assert planner.seconds_left() == pytest.approx(27.0)
    assert planner.seconds_left([taken(planner, "b")]) == pytest.approx(27.0 - 1.5)


@pytest.mark.parametrize("accounted", [0.0, 0.5, 2.0])
def test_a_renderer_that_accounts_for_another_time_than_it_took_does_not_mislead(accounted: float) -> None:
    planner = planner_of(2500, mode=Mode.FRAMES, size=Size(width=64, height=36), region=Size(width=64, height=36).whole)
    for name in ("a", "b"):
        planner.join(name)
    while not planner.exhausted:
        for name in ("a", "a", "b"):  # a gets two thirds, and must not be thought slower for that
            block = planner.next_block(name)
            if block is not None:
                cost = RegionCost(region=block.region, seconds=0.01 * accounted)
                planner.learn(block, name, render_s=0.01, costs=[cost])
    assert planner.nodes["a"].speed == pytest.approx(1.0, rel=0.01)
    assert planner.nodes["b"].speed == pytest.approx(1.0, rel=0.01)
    assert planner.predict(Block(frame=1, samples=ALL[0], region=planner.region)) == pytest.approx(0.01, rel=0.01)


def test_units_of_an_uneven_picture_cost_about_the_same_once_it_is_known() -> None:
    cost = CostField(hills(640, 360, total_s=100, samples=16))
    planner = planner_of(passes=TWO)
    names = ["a", "b", "c", "d"]
    for name in names:
        planner.join(name)
    seconds: list[float] = []
    while not planner.exhausted:
        for name in names:
            block = planner.next_block(name)
            if block is None:
                continue
            cells = [Region(x0=x, y0=y, x1=min(x + 20, block.region.x1), y1=min(y + 20, block.region.y1))
                     for y in range(block.region.y0, block.region.y1, 20)
                     for x in range(block.region.x0, block.region.x1, 20)]  # fmt: skip
            costs = [RegionCost(region=cell, seconds=cost(block.part(cell))) for cell in cells]
            planner.learn(block, name, render_s=cost(block), costs=costs)
            if block.samples == TWO[1]:
                seconds.append(cost(block))
    # A node gets half of its share of what is left: an eighth at first.
    assert seconds[0] == pytest.approx(87.5 / 8, rel=0.45)
    assert max(seconds) < 1.45 * 87.5 / 8
    assert math.fsum(seconds) == pytest.approx(87.5)
