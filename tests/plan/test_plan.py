"""Parts of planning: subtracting and splitting regions, and passes."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from frontburner.plan.block import Block, overlaps, subtract
from frontburner.plan.passes import (
    INTERLEAVED_FRAMES,
    LIMITED_FIRST_SAMPLES,
    LIMITED_STEP_FRACTION,
    MIN_PASS_SAMPLES,
    PROBE_MAX_SAMPLES,
    render_order,
    sample_passes,
)
from frontburner.plan.split_region import TOLERANCE, split_off
from tasks.spec import Region, SampleRange, Size
from tests.plan.cover import counts
from tests.plan.strategies import wholes

modest = settings(max_examples=60)
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
    whole=wholes(edge_px=300),
    share=st.floats(0.001, 2),
    align=st.tuples(*[st.sampled_from([1, 4, 8, 16])] * 2),
    slope=st.floats(0, 9),
)
def test_a_cut_covers_its_region_at_aligned_edges(
    whole: Region, share: float, align: tuple[int, int], slope: float
) -> None:
    def price(region: Region) -> float:
        return region.area * (1 + slope * (region.x0 + region.x1) / 600)

    piece, rest = split_off(whole, target=share * price(whole), price=price, align_px=align)
    assert counts([piece, *rest], whole) == {1}
    for region in (piece, *rest):
        assert {region.x0, region.x1} <= {whole.x0, whole.x1, *range(0, 301, align[0])}
        assert {region.y0, region.y1} <= {whole.y0, whole.y1, *range(0, 301, align[1])}


@modest
@given(parts=st.integers(1, 100), width=st.integers(160, 640), height=st.integers(160, 640))
def test_a_piece_costs_about_what_was_asked_for_and_is_compact(parts: int, width: int, height: int) -> None:
    whole = Size(width=width, height=height).whole
    target = whole.area / parts
    piece, _ = split_off(whole, target=target, price=lambda region: float(region.area), align_px=(1, 1))
    assert 0.45 * target <= piece.area <= TOLERANCE * target
    shape = max(width, height) / min(width, height)
    assert max(piece.width, piece.height) / min(piece.width, piece.height) <= max(4.0, shape)


def test_a_piece_near_the_target_is_not_cut() -> None:
    for target in (SIZE.whole.area / TOLERANCE, SIZE.whole.area, math.inf):
        assert split_off(SIZE.whole, target=target, price=lambda r: float(r.area), align_px=(8, 8)) == (SIZE.whole, [])


def test_a_piece_above_its_limit_is_cut() -> None:
    area = float(SIZE.whole.area)
    for limit, whole in ((area - 1, False), (area, True), (0.0, True)):  # what is wanted may always be had
        target = area if limit == 0.0 else area / TOLERANCE
        piece, rest = split_off(SIZE.whole, target=target, price=lambda r: float(r.area), align_px=(8, 8), limit=limit)
        assert (piece == SIZE.whole) is whole
        assert counts([piece, *rest], SIZE.whole) == {1}


def test_a_region_without_an_aligned_edge_is_not_cut() -> None:
    small = Region(x0=3, y0=9, x1=8, y1=15)
    assert split_off(small, target=1, price=lambda r: float(r.area), align_px=(8, 8)) == (small, [])


def test_a_region_of_no_cost_is_not_cut() -> None:
    assert split_off(SIZE.whole, target=1, price=lambda _: 0.0, align_px=(8, 8)) == (SIZE.whole, [])


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
        assert all(p.count >= MIN_PASS_SAMPLES for p in passes[1:-1])
    for before in passes[3:] if limited else ():
        assert before.count <= max(before.start / LIMITED_STEP_FRACTION, 2 * max(LIMITED_FIRST_SAMPLES, align))


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
    order = list(render_order(range(frames), ladder))
    assert sorted(order, key=lambda turn: (turn[0], turn[1].start)) == [(f, p) for f in range(frames) for p in ladder]
    for frame in range(frames):
        of_frame = [samples for other, samples in order if other == frame]
        assert of_frame == ladder
        begun = order.index((frame, ladder[0]))
        assert order.index((frame, ladder[-1])) - begun < INTERLEAVED_FRAMES * passes
