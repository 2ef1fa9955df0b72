"""Whatever nodes do, every pixel of every frame and pass is rendered and counts exactly once."""

from __future__ import annotations

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from frontburner.plan.planner import FrameWork, Planner
from frontburner.plan.unit_sizer import Mode
from tasks.spec import Region, SampleRange, Size
from tests.plan.cover import assert_covered_once, counts
from tests.plan.planners import SIZE, Nodes, RandomNodes, planner_of
from tests.plan.strategies import regions

ALL = (SampleRange(start=0, stop=16),)
TWO = (SampleRange(start=0, stop=2), SampleRange(start=2, stop=16))


@settings(max_examples=80)
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_every_pixel_of_every_frame_and_pass_counts_once_whatever_happens(data: st.DataObject, seed: int) -> None:
    size = Size(width=data.draw(st.integers(1, 120)), height=data.draw(st.integers(1, 120)))
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
        align_px=data.draw(st.sampled_from([(1, 1), (8, 1), (16, 16)])),
    )  # fmt: skip
    reused = list(planner.reused)
    nodes = RandomNodes(planner, Random(seed))
    finished = nodes.run()
    assert planner.reused == reused
    assert_covered_once([*reused, *finished], frames=frames, region=region, passes=passes)
    assert not any(planner.pending(frame) for frame in frames)
    assert not nodes.waiting


@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), frames=st.integers(1, 5), mode=st.sampled_from(Mode))
def test_failed_frames_leave_the_others_complete(seed: int, frames: int, mode: Mode) -> None:
    small = Size(width=96, height=64)
    nodes = RandomNodes(planner_of(frames, mode=mode, size=small, region=small.whole), Random(seed))
    finished = nodes.run(frames_fail=True)
    good = set(range(1, frames + 1)) - nodes.abandoned
    whole = [block for block in finished if block.frame in good]
    assert_covered_once(whole, frames=good, region=small.whole, passes=nodes.planner.passes)
    assert {block.frame for block in nodes.waiting.values()} <= nodes.abandoned


def test_the_random_nodes_of_these_tests_duplicate_units_with_all_outcomes() -> None:
    begun = won = lost = 0
    small = Size(width=96, height=64)
    for seed in range(150):
        nodes = RandomNodes(planner_of(1 + seed % 3, size=small, region=small.whole), Random(seed))
        finished = nodes.run()
        begun += len(nodes.duplicated)
        won += len(set(nodes.duplicated) & set(nodes.cancelled))
        lost += len(set(nodes.duplicated) & set(nodes.counted))
        assert_covered_once(finished, frames=range(1, 2 + seed % 3), region=small.whole, passes=nodes.planner.passes)
        assert len(nodes.duplicated) == len(set(nodes.duplicated))
    assert won > 10
    assert lost > 10
    assert begun > won + lost  # some were lost with a node, or called off


@settings(max_examples=40)
@given(data=st.data(), passes=st.sampled_from([ALL, TWO]))
def test_units_that_exist_are_chosen_disjoint_and_not_handed_out_again(
    data: st.DataObject, passes: tuple[SampleRange, ...]
) -> None:
    size = Size(width=64, height=48)
    done = data.draw(st.lists(st.tuples(st.sampled_from(passes), regions(within=size.whole)), max_size=6))
    planner = Planner(frames=[FrameWork(frame=1, done=tuple(done))], size=size, region=size.whole, passes=passes)
    assert {(block.samples, block.region) for block in planner.reused} <= set(done)
    for samples in passes:
        assert counts([b.region for b in planner.reused if b.samples == samples], size.whole) <= {0, 1}
    blocks = Nodes(planner, "a").render_all("a")
    assert_covered_once([*planner.reused, *blocks], frames=[1], region=size.whole, passes=passes)


def test_units_that_overlap_or_belong_elsewhere_are_ignored() -> None:
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
    assert sum(block.pixel_samples for block in Nodes(planner, "a").render_all("a")) == 100 * 200 * 16


def test_a_frame_that_exists_is_not_handed_out() -> None:
    planner = planner_of(2, passes=ALL, mode=Mode.FRAMES, done={1: ((ALL[0], SIZE.whole),)})
    assert not planner.pending(1)
    assert [block.frame for block in Nodes(planner, "a").render_all("a")] == [2]


def test_an_abandoned_frame_is_handed_out_no_more() -> None:
    nodes = Nodes(planner_of(3, mode=Mode.FRAMES), "a")
    (ticket,) = nodes.give("a")
    first = nodes.block(ticket)
    assert first.frame == 1
    nodes.abandon(1)
    nodes.planner.requeue(first)
    assert nodes.cancelled == [ticket]
    assert not nodes.planner.pending(1)
    assert {block.frame for block in nodes.render_all("a")} == {2, 3}


def test_requeued_work_is_the_first_to_be_handed_out_again() -> None:
    nodes = Nodes(planner_of(4, mode=Mode.FRAMES), "a")
    (first,), _ = nodes.give("a"), nodes.give("a")
    block = nodes.block(first)
    nodes.abort(first, failed=False)
    (again,) = nodes.give("a")
    assert nodes.block(again) == block


def test_failed_work_goes_to_another_node_as_long_as_there_is_one() -> None:
    nodes = Nodes(planner_of(1, mode=Mode.FRAMES, passes=ALL), "a", "b")
    nodes.abort(*nodes.give("a"), failed=True)
    assert nodes.give("a") == []
    (ticket,) = nodes.give("b")
    nodes.abort(ticket, failed=True)
    (ticket,) = nodes.give("a")
    assert nodes.block(ticket).failures == 2
    nodes.abort(ticket, failed=True)
    nodes.planner.remove_node("b")
    assert nodes.give("a")
