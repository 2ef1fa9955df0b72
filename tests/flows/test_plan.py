"""The parts of planning: what is left of a frame, cuts at a price, the cost map, passes of samples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flows.plan.block import Block, overlaps, subtract
from flows.plan.cost import CostMap
from flows.plan.cut import TOLERANCE, cut_off
from flows.plan.passes import (
    FIRST_SAMPLES,
    FRAMES_TOGETHER,
    PROBE_MAX_SAMPLES,
    STEP_FRACTION,
    WORTH_SAMPLES,
    sample_passes,
    turns,
)
from tasks.spec import Region, SampleRange, Size
from tests.flows.cover import counts
from tests.flows.strategies import regions, wholes

modest = settings(deadline=None, max_examples=60)
SIZE = Size(width=640, height=360)


@modest
@given(data=st.data(), whole=wholes(edge_px=60))
def test_what_is_left_and_what_is_done_cover_a_region_exactly(data: st.DataObject, whole: Region) -> None:
    done = data.draw(st.lists(wholes(edge_px=60), max_size=6))
    left = subtract(whole, done)
    assert counts(left, whole) <= {0, 1}
    painted = np.zeros((60, 60), dtype=bool)
    for region in left:
        painted[region.y0 : region.y1, region.x0 : region.x1] = True
    expected = np.zeros((60, 60), dtype=bool)
    expected[whole.y0 : whole.y1, whole.x0 : whole.x1] = True
    for region in done:
        expected[region.y0 : region.y1, region.x0 : region.x1] = False
    assert (painted == expected).all()


def test_nothing_is_left_of_a_region_that_is_done() -> None:
    whole = SIZE.whole
    assert subtract(whole, [whole]) == []
    assert subtract(whole, []) == [whole]


@modest
@given(a=wholes(edge_px=12), b=wholes(edge_px=12))
def test_regions_overlap_when_they_share_a_pixel(a: Region, b: Region) -> None:
    def pixels(r: Region) -> set[tuple[int, int]]:
        return {(x, y) for x in range(r.x0, r.x1) for y in range(r.y0, r.y1)}

    assert overlaps(a, b) == overlaps(b, a) == bool(pixels(a) & pixels(b))


def test_parts_of_failed_work_remember_where_it_failed() -> None:
    block = Block(frame=1, samples=SampleRange(start=0, stop=4), region=SIZE.whole)
    part = block.failed_on("n1").failed_on("n2").part(Region(x0=0, y0=0, x1=8, y1=8))
    assert (part.failures, set(part.avoid)) == (2, {"n1", "n2"})
    assert part.pixel_samples == 8 * 8 * 4


@modest
@given(
    whole=wholes(edge_px=300), share=st.floats(0.001, 2), align=st.sampled_from([1, 4, 8, 16]), slope=st.floats(0, 9)
)
def test_a_cut_covers_its_region_at_aligned_edges(whole: Region, share: float, align: int, slope: float) -> None:
    def price(region: Region) -> float:
        return region.area * (1 + slope * (region.x0 + region.x1) / 600)

    piece, rest = cut_off(whole, target=share * price(whole), price=price, align_px=align)
    assert counts([piece, *rest], whole) == {1}
    for region in (piece, *rest):
        assert {region.x0, region.x1} <= {whole.x0, whole.x1, *range(0, 301, align)}
        assert {region.y0, region.y1} <= {whole.y0, whole.y1, *range(0, 301, align)}


@modest
@given(parts=st.integers(1, 100), width=st.integers(160, 640), height=st.integers(160, 640))
def test_a_piece_costs_about_what_was_asked_for_and_is_compact(parts: int, width: int, height: int) -> None:
    whole = Size(width=width, height=height).whole
    target = whole.area / parts
    piece, _ = cut_off(whole, target=target, price=lambda region: float(region.area), align_px=1)
    assert 0.45 * target <= piece.area <= TOLERANCE * target
    shape = max(width, height) / min(width, height)
    assert max(piece.width, piece.height) / min(piece.width, piece.height) <= max(4.0, shape)


def test_a_piece_that_is_dear_enough_is_not_cut() -> None:
    for target in (SIZE.whole.area / TOLERANCE, SIZE.whole.area, math.inf):
        assert cut_off(SIZE.whole, target=target, price=lambda r: float(r.area), align_px=8) == (SIZE.whole, [])


def test_what_has_no_aligned_edge_inside_is_not_cut() -> None:
    small = Region(x0=3, y0=9, x1=8, y1=15)
    assert cut_off(small, target=1, price=lambda r: float(r.area), align_px=8) == (small, [])


def test_a_region_of_no_cost_is_not_cut() -> None:
    assert cut_off(SIZE.whole, target=1, price=lambda _: 0.0, align_px=8) == (SIZE.whole, [])


# Costs


seconds = st.just(0.0) | st.floats(1e-6, 1e4)


def field(size: Size) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Seconds per pixel and sample of a synthetic picture: a smooth hill that is thirty times its surroundings."""
    y, x = np.ogrid[: size.height, : size.width]
    hill = np.exp(-(((x / size.width - 0.7) / 0.15) ** 2) - ((y / size.height - 0.6) / 0.2) ** 2)
    return np.asarray(1e-6 * (1 + 30 * hill))


def truth(region: Region, samples: int, rates: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
    return float(rates[region.y0 : region.y1, region.x0 : region.x1].sum()) * samples


def grid(size: Size, edge_px: int) -> list[Region]:
    return [
        Region(x0=x, y0=y, x1=min(x + edge_px, size.width), y1=min(y + edge_px, size.height))
        for y in range(0, size.height, edge_px)
        for x in range(0, size.width, edge_px)
    ]


@modest
@given(data=st.data(), width=st.integers(1, 900), height=st.integers(1, 900), samples=st.integers(1, 99))
def test_predictions_of_parts_add_up(data: st.DataObject, width: int, height: int, samples: int) -> None:
    size = Size(width=width, height=height)
    cost = CostMap(size)
    for region in data.draw(st.lists(regions(within=size.whole), max_size=4)):
        cost.learn(region, samples=samples, reference_s=data.draw(st.floats(0.01, 100)))
    hole = data.draw(regions(within=size.whole))
    parts = [hole, *subtract(size.whole, [hole])]
    whole = cost.predict(size.whole, samples=samples)
    assert sum(cost.predict(part, samples=samples) for part in parts) == pytest.approx(whole)
    assert cost.predict(hole, samples=2 * samples) == pytest.approx(2 * cost.predict(hole, samples=samples))


def test_until_something_was_measured_every_pixel_costs_the_same() -> None:
    cost = CostMap(Size(width=37, height=91))
    assert not cost.measured
    region = Region(x0=3, y0=5, x1=31, y1=88)
    assert cost.predict(region, samples=7) == pytest.approx(region.area * 7)


def test_the_first_measurement_makes_predictions_seconds_everywhere() -> None:
    cost = CostMap(SIZE)
    cost.learn(Region(x0=0, y0=0, x1=64, y1=36), samples=4, reference_s=2.0)
    assert cost.measured
    assert cost.predict(SIZE.whole, samples=4) == pytest.approx(200.0)


@pytest.mark.parametrize("edge_px", [32, 40, 80])
def test_learning_finds_a_synthetic_field(edge_px: int) -> None:
    cost, rates = CostMap(SIZE), field(SIZE)
    order = np.random.default_rng(5)
    for _ in range(4):
        tiles = grid(SIZE, edge_px)
        for index in order.permutation(len(tiles)):
            cost.learn(tiles[index], samples=4, reference_s=truth(tiles[index], 4, rates))
    whole = truth(SIZE.whole, 16, rates)
    assert cost.predict(SIZE.whole, samples=16) == pytest.approx(whole, rel=0.05)
    wrong = sum(abs(cost.predict(tile, samples=16) - truth(tile, 16, rates)) for tile in grid(SIZE, 80))
    assert wrong < 0.10 * whole


def test_what_becomes_dearer_is_learnt_again() -> None:
    cost = CostMap(SIZE)
    part = Region(x0=80, y0=80, x1=160, y1=160)
    cost.learn(SIZE.whole, samples=1, reference_s=1.0)
    for _ in range(3):
        cost.learn(part, samples=1, reference_s=5.0)
    assert cost.predict(part, samples=1) == pytest.approx(5.0, rel=0.02)
    other = Region(x0=320, y0=0, x1=640, y1=360)
    assert cost.predict(other, samples=1) == pytest.approx(0.5)


@modest
@given(data=st.data())
def test_no_prediction_is_ever_negative(data: st.DataObject) -> None:
    size = Size(width=data.draw(st.integers(1, 300)), height=data.draw(st.integers(1, 300)))
    cost = CostMap(size)
    for region in data.draw(st.lists(regions(within=size.whole), min_size=1, max_size=8)):
        cost.learn(region, samples=data.draw(st.integers(1, 64)), reference_s=data.draw(seconds))
    assert (cost.rates >= 0).all()
    assert np.isfinite(cost.rates).all()
    whole = cost.predict(size.whole, samples=1)
    assert cost.predict(data.draw(regions(within=size.whole)), samples=1) >= -1e-9 * whole


def test_a_part_that_once_took_no_time_can_become_dear() -> None:
    cost = CostMap(SIZE)
    cost.learn(SIZE.whole, samples=1, reference_s=0.0)
    cost.learn(SIZE.whole, samples=1, reference_s=3.0)
    assert cost.predict(SIZE.whole, samples=1) == pytest.approx(3.0)


# Passes


@modest
@given(
    samples=st.integers(1, 5000),
    frames=st.integers(1, 3),
    exact=st.booleans(),
    align=st.sampled_from([1, 2, 4, 16, 64]),
    limited=st.booleans(),
)
def test_passes_make_up_all_samples_once(samples: int, frames: int, exact: bool, align: int, limited: bool) -> None:
    passes = sample_passes(samples, frames=frames, exact_samples=exact, sample_align=align, limited=limited)
    assert [number for p in passes for number in range(p.start, p.stop)] == list(range(samples))
    assert all(p.start % align == 0 for p in passes)
    if not exact or (frames > 1 and not limited):
        assert len(passes) == 1
    if len(passes) > 1:
        assert passes[0].count <= max(PROBE_MAX_SAMPLES, align)
    if not limited:
        assert len(passes) <= 5
        assert all(p.count >= WORTH_SAMPLES for p in passes[1:-1])
    for before in passes[3:] if limited else ():
        assert before.count <= max(before.start / STEP_FRACTION, 2 * max(FIRST_SAMPLES, align))


def test_a_still_begins_with_a_short_pass_over_the_whole_picture() -> None:
    stops = [p.stop for p in sample_passes(256, frames=1, exact_samples=True, sample_align=1)]
    assert stops == [8, 32, 128, 256]
    assert len(sample_passes(4, frames=1, exact_samples=True, sample_align=1)) == 1


def test_a_limited_job_can_end_after_many_short_passes() -> None:
    stops = [p.stop for p in sample_passes(1024, frames=1, exact_samples=True, sample_align=1, limited=True)]
    assert stops == [16, 32, 64, 96, 128, 160, 192, 240, 288, 352, 432, 528, 656, 816, 1008, 1024]
    assert len(sample_passes(2, frames=1, exact_samples=True, sample_align=1, limited=True)) == 2


@modest
@given(frames=st.integers(0, 30), passes=st.integers(1, 4))
def test_all_passes_of_all_frames_have_their_turn_and_those_of_a_frame_in_their_order(frames: int, passes: int) -> None:
    ladder = [SampleRange(start=n, stop=n + 1) for n in range(passes)]
    order = list(turns(range(frames), ladder))
    assert sorted(order, key=lambda turn: (turn[0], turn[1].start)) == [(f, p) for f in range(frames) for p in ladder]
    for frame in range(frames):
        own = [samples for other, samples in order if other == frame]
        assert own == ladder
        begun = order.index((frame, ladder[0]))
        assert order.index((frame, ladder[-1])) - begun < FRAMES_TOGETHER * passes
