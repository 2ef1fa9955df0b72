"""Size of a unit: a part of the node's share, less if little is known, but enough that overhead doesn't matter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontburner.plan.unit_sizer import OVERHEAD_LIMIT, RAMP, RISK, SHORT_S, WHOLE_FRAME_RISK, UnitOutlook, unit_work

PLENTY = UnitOutlook(
    pool_s=400.0, in_flight_s=80.0, balanced_s=60.0, busy_s=0.0, speed=2.0, overhead_s=0.01, deviation=0.1,
    largest_s=100.0, speed_deviation=0.0, done_s=0.0,
)  # fmt: skip
positive = st.floats(0.001, 1e6)


@st.composite
def outlooks(draw: st.DrawFn) -> UnitOutlook:
    speed = draw(st.floats(0.01, 100))
    return UnitOutlook(
        pool_s=draw(positive), in_flight_s=draw(st.floats(0, 1e6)), balanced_s=draw(positive),
        busy_s=draw(st.floats(0, 10)), speed=speed, overhead_s=draw(st.floats(0, 10)), deviation=draw(st.floats(0, 3)),
        largest_s=draw(st.just(0.0) | positive), speed_deviation=draw(st.floats(0, 1)),
        done_s=draw(st.floats(0, 1e6)),
    )  # fmt: skip


@given(outlook=outlooks())
def test_a_unit_is_within_its_share_and_its_limits(outlook: UnitOutlook) -> None:
    work, least = unit_work(outlook), outlook.overhead_s * outlook.speed
    assert work <= max(outlook.share_s, least)
    floor = min(outlook.overhead_s / OVERHEAD_LIMIT * outlook.speed, outlook.share_s)
    assert work <= max(outlook.max_safe_s, floor, least)
    assert work >= max(floor, least)
    if outlook.largest_s > max(floor, least):
        assert work <= RAMP * outlook.largest_s


@given(outlook=outlooks(), factor=st.floats(1, 10))
def test_the_less_is_known_the_less_a_node_gets(outlook: UnitOutlook, factor: float) -> None:
    worse = replace(outlook, deviation=outlook.deviation * factor)
    assert worse.cautious_s <= outlook.cautious_s <= outlook.share_s
    assert replace(outlook, speed_deviation=outlook.speed_deviation * factor).max_safe_s <= outlook.max_safe_s


def test_a_share_goes_by_speed_and_by_what_the_node_has_already() -> None:
    assert PLENTY.share_s == pytest.approx(2 * 60)
    assert replace(PLENTY, speed=4.0).share_s == pytest.approx(4 * 60)
    assert replace(PLENTY, busy_s=10.0).share_s == pytest.approx(2 * 50)
    assert replace(PLENTY, busy_s=100.0).share_s == 0.0


def test_a_node_that_has_enough_already_still_gets_a_unit_of_some_size() -> None:
    busy = replace(PLENTY, busy_s=100.0)
    assert unit_work(busy) == pytest.approx(busy.overhead_s * busy.speed)


def test_little_of_a_short_sequence_is_lost_with_a_frame() -> None:
    assert replace(PLENTY, in_flight_s=100.0, done_s=500.0).max_whole_frame_s == pytest.approx(WHOLE_FRAME_RISK * 1000)
    assert (
        replace(PLENTY, pool_s=1.0, in_flight_s=0.0).max_whole_frame_s == SHORT_S * PLENTY.speed
    )  # what is short is soon done again


@given(outlook=outlooks())
def test_no_node_waits_longer_for_a_unit_that_is_too_large_than_another_unit_costs(outlook: UnitOutlook) -> None:
    ends_s = outlook.share_s / outlook.speed  # when all would end, if they end together
    assert outlook.max_s / outlook.speed == pytest.approx(ends_s + outlook.overhead_s)
    assert unit_work(outlook) <= outlook.max_s * (1 + 1e-9)


def test_units_shrink_with_what_is_left() -> None:
    left = [(pool_s, replace(PLENTY, pool_s=pool_s, in_flight_s=pool_s / 4)) for pool_s in (400, 100, 25, 6, 1.5)]
    sizes = [unit_work(replace(outlook, balanced_s=pool_s * 5 / 4 / 8)) for pool_s, outlook in left]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > 4 * sizes[-1]


@pytest.mark.parametrize("overhead_s", [0.01, 0.1, 1.0])
def test_overhead_is_a_small_part_of_a_unit_while_a_share_is_large_enough(overhead_s: float) -> None:
    for pool_s in (100, 400, 4000):
        outlook = replace(PLENTY, pool_s=float(pool_s), balanced_s=pool_s / 8, overhead_s=overhead_s)
        took_s = unit_work(outlook) / outlook.speed
        if outlook.share_s / outlook.speed > overhead_s / OVERHEAD_LIMIT:
            assert overhead_s <= 1.001 * OVERHEAD_LIMIT * took_s


def test_at_the_very_end_a_node_gets_all_of_its_share() -> None:
    last = replace(PLENTY, pool_s=0.4, in_flight_s=0.0, balanced_s=0.05, overhead_s=0.1)
    assert unit_work(last) == pytest.approx(max(last.share_s, 0.1 * last.speed))


def test_a_node_shows_what_it_can_do_before_it_gets_much() -> None:
    assert unit_work(replace(PLENTY, largest_s=0.5)) == pytest.approx(RAMP * 0.5)
    assert unit_work(replace(PLENTY, largest_s=0.5)) < unit_work(PLENTY)


def test_a_node_that_dies_takes_a_small_part_of_the_job_with_it() -> None:
    for overhead_s in (0.01, 0.5, 5.0):
        long = replace(
            PLENTY, pool_s=4000.0, in_flight_s=500.0, balanced_s=4500 / 8, done_s=3500.0, overhead_s=overhead_s
        )
        assert long.max_safe_s <= max(RISK * 8000, long.share_s / 16, SHORT_S * long.speed) + 1e-9
