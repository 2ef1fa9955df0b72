"""What finished units teach about nodes and picture, and which of them a prediction error is attributed to."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontburner.plan.block import Block
from frontburner.plan.cost_map import CostMap
from frontburner.plan.learning import MIN_OVERHEAD_S, UNKNOWN_SPEED_VARIANCE, Learning
from tasks.spec import CostGrid, Region, SampleRange, Size

SIZE = Size(width=640, height=360)
ALL = SampleRange(start=0, stop=16)
COLUMNS, ROWS = 8, 4


def learning_of(*nodes: str) -> Learning:
    learning = Learning(cost=CostMap(SIZE))
    for node in nodes:
        learning.add_node(node)
    return learning


def part(number: int) -> Block:
    """One of 32 equal parts of the picture."""
    row, column = divmod(number % (COLUMNS * ROWS), COLUMNS)
    region = Region(x0=80 * column, y0=90 * row, x1=80 * column + 80, y1=90 * row + 90)
    return Block(frame=1, samples=ALL, region=region)


def teach(learning: Learning, node: str, *numbers: int, seconds: float) -> None:
    for number in numbers:
        learning.learn_unit(part(number), node, render_s=seconds, costs=None)


def taught(*nodes: str) -> Learning:
    """Equal nodes have rendered all parts of an even picture."""
    learning = learning_of(*nodes)
    for turn in range(2):
        for number in range(COLUMNS * ROWS):
            teach(learning, nodes[(number + turn) % len(nodes)], number, seconds=1.0)
    return learning


def test_the_first_unit_makes_predictions_seconds_for_every_node() -> None:
    learning = learning_of("a", "b")
    teach(learning, "a", 0, seconds=2.0)
    assert learning.seconds(part(0), "a") == pytest.approx(2.0)
    assert learning.seconds(part(9), "b") == pytest.approx(2.0)


@pytest.mark.parametrize("factor", [0.1, 0.5, 2.0, 10.0])
def test_a_node_that_is_of_unexpected_speed_is_recognised_within_a_few_units(factor: float) -> None:
    learning = taught("a", "b", "c")
    learning.add_node("new")
    for number in range(4):
        teach(learning, "new", number, seconds=factor)
    assert learning.seconds(part(20), "new") == pytest.approx(factor, rel=0.2)
    assert learning.seconds(part(20), "a") == pytest.approx(1.0, rel=0.05)
    assert learning.farm_speed == pytest.approx(sum(state.speed for state in learning.nodes.values()))


def test_a_node_that_slows_down_later_is_recognised_too() -> None:
    learning = taught("a", "b", "c")
    for number in range(12):
        teach(learning, "c", number, seconds=5.0)
        teach(learning, "a", 12 + number, seconds=1.0)
        teach(learning, "b", 12 + number, seconds=1.0)
    assert learning.speed("c") < 0.35 * learning.speed("a")


def test_an_expensive_place_is_not_mistaken_for_a_slow_node() -> None:
    learning = taught("a", "b", "c")
    known = part(5)
    for node in ("a", "b", "c"):  # all that render it take eight times as long
        teach(learning, node, 5, 5, 5, seconds=8.0)
        teach(learning, node, 11, 12, 13, 14, seconds=1.0)
    for node in ("a", "b", "c"):
        assert learning.seconds(known, node) == pytest.approx(8.0, rel=0.25)
        assert learning.seconds(part(12), node) == pytest.approx(1.0, rel=0.15)
        assert learning.speed(node) == pytest.approx(learning.farm_speed / 3, rel=0.2)


def test_a_new_expensive_place_says_little_about_a_known_node() -> None:
    learning = learning_of("a", "b")
    for number in range(16):
        teach(learning, "ab"[number % 2], number, seconds=1.0)
    before = learning.speed("a")
    teach(learning, "a", 20, seconds=6.0)
    assert learning.speed("a") == pytest.approx(before, rel=0.15)
    assert learning.price(part(20)) == pytest.approx(6.0, rel=0.15)


def test_places_that_a_fast_node_measured_are_not_considered_cheap() -> None:
    """Every node measures a different part first, then they swap."""
    learning, speeds = learning_of("a", "b", "c"), {"a": 4.0, "b": 1.0, "c": 0.5}
    for shift in (0, 1, 2):
        for number in range(24):
            node = "abc"[(number // 8 + shift) % 3]
            teach(learning, node, number, seconds=1 / speeds[node])
    for node, speed in speeds.items():
        assert learning.speed(node) / learning.speed("b") == pytest.approx(speed, rel=0.1)
        assert [learning.seconds(part(n), node) for n in (3, 11, 19)] == pytest.approx([1 / speed] * 3, rel=0.15)


def test_predictions_are_trusted_more_as_units_teach() -> None:
    learning = learning_of("a", "b")
    found = [learning.deviation(part(3), "a")]
    for _ in range(6):
        for number in range(COLUMNS * ROWS):
            teach(learning, "ab"[number % 2], number, seconds=1.0)
        found.append(learning.deviation(part(3), "a"))
    assert found[1] < 0.5 * found[0]
    assert found[-1] < 0.2 * found[0]
    assert found == sorted(found, reverse=True)


def test_predictions_that_fail_are_trusted_less() -> None:
    learning = taught("a", "b")
    calm, random = learning.deviation(part(3), "a"), Random(1)
    for turn in range(30):
        teach(learning, "ab"[turn % 2], turn, seconds=random.choice([0.3, 3.0]))
    assert learning.deviation(part(3), "a") > 1.5 * calm


def test_unknown_nodes_have_the_average_speed_and_known_ones_keep_theirs() -> None:
    learning = taught("a", "b")
    learning.add_node("slow")
    assert learning.speed("slow") == pytest.approx(learning.speed("a"))
    teach(learning, "slow", *range(6), seconds=4.0)
    slow = learning.speed("slow")
    learning.remove_node("slow")
    assert learning.farm_speed == pytest.approx(learning.speed("a") + learning.speed("b"))
    learning.add_node("slow")
    assert learning.speed("slow") == slow
    assert learning.deviation(part(0), "unknown") > learning.deviation(part(0), "a")


def test_a_node_that_joins_twice_counts_once_and_keeps_what_was_learnt_of_it() -> None:
    learning = taught("a", "b")
    teach(learning, "b", *range(6), seconds=4.0)
    speed, deviation = learning.speed("b"), learning.deviation(part(0), "b")
    learning.add_node("b")
    assert (learning.speed("b"), learning.deviation(part(0), "b")) == (speed, deviation)
    assert learning.farm_speed == pytest.approx(learning.speed("a") + speed)
    learning.add_node("new")
    assert learning.speed("new") == pytest.approx(learning.farm_speed / 3)


def test_units_of_nodes_that_have_left_still_teach_the_picture() -> None:
    learning = learning_of("a")
    learning.remove_node("a")
    teach(learning, "a", 0, seconds=3.0)
    assert learning.price(part(0)) == pytest.approx(3.0)


@pytest.mark.parametrize("accounted", [0.0, 0.5, 2.0])
def test_cell_costs_that_do_not_add_up_to_the_time_of_the_unit_do_not_mislead(accounted: float) -> None:
    learning = learning_of("a", "b")
    costs = CostGrid(columns=(0, 640), rows=(0, 360), seconds=(0.01 * accounted,))
    whole = Block(frame=1, samples=ALL, region=SIZE.whole)
    for turn in range(300):  # a gets two thirds, and must not be thought slower for that
        learning.learn_unit(whole, "aab"[turn % 3], render_s=0.01, costs=costs)
    assert learning.speed("a") == pytest.approx(learning.speed("b"), rel=0.01)
    assert learning.seconds(whole, "a") == pytest.approx(0.01, rel=0.01)


@settings(max_examples=50)
@given(data=st.data())
def test_whatever_units_take_speeds_and_prices_stay_positive_and_add_up(data: st.DataObject) -> None:
    learning = learning_of("a", "b")
    for _ in range(data.draw(st.integers(1, 40))):
        seconds = data.draw(st.just(0.0) | st.floats(1e-6, 1e5))
        teach(learning, data.draw(st.sampled_from("abx")), data.draw(st.integers(0, 31)), seconds=seconds)
        learning.learn_overhead(data.draw(st.floats(-1, 10)))
        assert all(0 < state.variance <= UNKNOWN_SPEED_VARIANCE for state in learning.nodes.values())
        assert all(0 < state.speed < float("inf") for state in learning.nodes.values())
        assert learning.farm_speed == pytest.approx(learning.speed("a") + learning.speed("b"))
        assert learning.overhead_s >= MIN_OVERHEAD_S
    assert learning.price(part(0)) > 0
