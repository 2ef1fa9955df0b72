"""The cost map: what it learns from finished units and predicts for other regions."""

from __future__ import annotations

import math
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from frontburner.plan.block import subtract
from frontburner.plan.cost_map import UNKNOWN_VARIANCE, CostMap, log_ratio
from tasks.spec import CostGrid, Region, Size
from tests.plan.strategies import regions

modest = settings(max_examples=60)
SIZE = Size(width=640, height=360)


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


@modest
@given(data=st.data(), width=st.integers(1, 400), height=st.integers(1, 400))
def test_predictions_follow_the_rates_whatever_was_learnt_and_asked_before(
    data: st.DataObject, width: int, height: int
) -> None:
    size = Size(width=width, height=height)
    cost, asked = CostMap(size), data.draw(st.lists(regions(within=size.whole), min_size=2, max_size=4))
    for region in [size.whole, *data.draw(st.lists(regions(within=size.whole), max_size=6))]:
        cost.learn(region, samples=2, reference_s=data.draw(st.floats(0.01, 100)))
        pixels = cost.rates.repeat(cost.cell_px, axis=0).repeat(cost.cell_px, axis=1)
        for other in [*asked, size.whole]:
            assert cost.predict(other, samples=3) == pytest.approx(truth(other, 3, pixels), rel=1e-6)


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


def test_costs_that_rise_are_learnt_again() -> None:
    cost = CostMap(SIZE)
    part = Region(x0=80, y0=80, x1=160, y1=160)
    cost.learn(SIZE.whole, samples=1, reference_s=1.0)
    for _ in range(3):
        cost.learn(part, samples=1, reference_s=5.0)
    assert cost.predict(part, samples=1) == pytest.approx(5.0, rel=0.05)
    other = Region(x0=320, y0=0, x1=640, y1=360)
    assert cost.predict(other, samples=1) == pytest.approx(0.5)


@modest
@given(data=st.data())
def test_no_prediction_is_ever_negative(data: st.DataObject) -> None:
    size = Size(width=data.draw(st.integers(1, 300)), height=data.draw(st.integers(1, 300)))
    cost = CostMap(size)
    for region in data.draw(st.lists(regions(within=size.whole), min_size=1, max_size=8)):
        cost.learn(region, samples=data.draw(st.integers(1, 64)), reference_s=data.draw(st.floats(1e-6, 1e4)))
    assert (cost.rates >= 0).all()
    assert np.isfinite(cost.rates).all()
    whole = cost.predict(size.whole, samples=1)
    assert cost.predict(data.draw(regions(within=size.whole)), samples=1) >= -1e-9 * whole


def test_a_region_of_almost_no_cost_can_become_expensive() -> None:
    cost = CostMap(SIZE)
    for seconds in (1e-6, *[3.0] * 4):
        cost.learn(SIZE.whole, samples=1, reference_s=seconds)
    assert cost.predict(SIZE.whole, samples=1) == pytest.approx(3.0, rel=0.1)


@st.composite
def grids(draw: st.DrawFn, region: Region) -> CostGrid:
    """Any grid over a region, some of whose cells may have taken no time."""

    def edges(first: int, last: int) -> tuple[int, ...]:
        inner = draw(st.lists(st.integers(first + 1, last - 1), max_size=5)) if last - first > 1 else []
        return tuple(sorted({first, last, *inner}))

    columns, rows = edges(region.x0, region.x1), edges(region.y0, region.y1)
    cells = (len(columns) - 1) * (len(rows) - 1)
    seconds = st.floats(0.001, 100) | st.just(0.0)
    return CostGrid(columns=columns, rows=rows, seconds=tuple(draw(seconds) for _ in range(cells)))


@modest
@given(data=st.data(), width=st.integers(1, 900), height=st.integers(1, 900))
def test_the_first_unit_is_predicted_as_it_was_measured_wherever_its_grid_lies(
    data: st.DataObject, width: int, height: int
) -> None:
    size = Size(width=width, height=height)
    cost = CostMap(size)
    region = data.draw(regions(within=size.whole))
    cost.learn(region, samples=3, reference_s=7.0, costs=data.draw(grids(region)))
    assert cost.predict(region, samples=3) == pytest.approx(7.0, rel=0.002)
    assert cost.predict(region, samples=9) == pytest.approx(21.0, rel=0.002)


@modest
@given(data=st.data())
def test_cells_that_were_not_measured_cost_the_mean_of_measured_ones(data: st.DataObject) -> None:
    cost = CostMap(SIZE)
    region = data.draw(regions(within=SIZE.whole))
    cost.learn(region, samples=1, reference_s=2.0, costs=data.draw(grids(region)))
    rows = slice(region.y0 // cost.cell_px, -(-region.y1 // cost.cell_px))
    columns = slice(region.x0 // cost.cell_px, -(-region.x1 // cost.cell_px))
    others = np.ones(cost.rates.shape, dtype=bool)
    others[rows, columns] = False
    assert cost.rates[others] == pytest.approx(cost.rates[rows, columns].mean())


def test_a_grid_whose_cells_are_not_the_maps_is_spread_by_area() -> None:
    cost = CostMap(Size(width=320, height=180))
    assert cost.cell_px == 4
    region = Region(x0=2, y0=0, x1=18, y1=8)  # four and a bit cells across
    costs = CostGrid(columns=(2, 10, 18), rows=(0, 8), seconds=(1.0, 3.0))
    cost.learn(region, samples=1, reference_s=4.0, costs=costs)
    left, right, astride = (Region(x0=x0, y0=0, x1=x1, y1=8) for x0, x1 in ((4, 8), (12, 16), (8, 12)))
    assert cost.predict(left, samples=1) == pytest.approx(0.5)
    assert cost.predict(right, samples=1) == pytest.approx(1.5)
    assert cost.predict(astride, samples=1) == pytest.approx(1.0)  # half of it in each


def test_the_distribution_of_cost_is_learnt_from_one_unit() -> None:
    cost, rates = CostMap(SIZE), field(SIZE)
    edges = (range(0, 641, 20), range(0, 361, 20))
    cells = [
        Region(x0=x0, y0=y0, x1=x1, y1=y1) for (y0, y1), (x0, x1) in product(pairwise(edges[1]), pairwise(edges[0]))
    ]
    seconds = tuple(truth(cell, 4, rates) for cell in cells)
    costs = CostGrid(columns=tuple(edges[0]), rows=tuple(edges[1]), seconds=seconds)
    cost.learn(SIZE.whole, samples=4, reference_s=sum(seconds), costs=costs)
    for cell, took_s in zip(cells, seconds, strict=True):
        assert cost.predict(cell, samples=4) == pytest.approx(took_s, rel=0.001)


def test_the_uncertainty_of_measured_cells_falls() -> None:
    cost = CostMap(SIZE)
    left, right = (Region(x0=x0, y0=0, x1=x0 + 320, y1=360) for x0 in (0, 320))
    assert cost.variance(left) == pytest.approx(UNKNOWN_VARIANCE)
    cost.learn(left, samples=1, reference_s=1.0, gain=0.9)
    first = cost.variance(left)
    assert first < 0.2 * UNKNOWN_VARIANCE
    assert cost.variance(right) == pytest.approx(UNKNOWN_VARIANCE)
    assert first < cost.variance(SIZE.whole) < UNKNOWN_VARIANCE
    cost.learn(left, samples=1, reference_s=1.0, gain=0.5)
    assert cost.variance(left) < first


def test_costs_a_node_measured_are_corrected_with_its_speed() -> None:
    cost = CostMap(SIZE)
    half = SIZE.width // 2
    left, right = Region(x0=0, y0=0, x1=half, y1=SIZE.height), Region(x0=half, y0=0, x1=SIZE.width, y1=SIZE.height)
    cost.learn(SIZE.whole, samples=1, reference_s=4.0, source=0)
    assert cost.sources(SIZE.whole) == {0: 1.0}
    cost.learn(right, samples=1, reference_s=6.0, source=1)
    assert cost.sources(SIZE.whole) == pytest.approx({0: 2 / 8, 1: 6 / 8})
    assert cost.sources(left) == {0: 1.0}
    cost.rescale(0, 3.0, except_for=right)
    assert cost.predict(left, samples=1) == pytest.approx(6.0)
    assert cost.predict(right, samples=1) == pytest.approx(6.0)


def test_unmeasured_cells_have_no_source_and_the_mean_cost() -> None:
    cost = CostMap(SIZE)
    assert cost.sources(SIZE.whole) == {}
    left = Region(x0=0, y0=0, x1=SIZE.width // 2, y1=SIZE.height)
    cost.learn(left, samples=1, reference_s=2.0, source=0)
    assert cost.sources(SIZE.whole) == pytest.approx({0: 0.5})
    cost.rescale(0, 2.0, except_for=Region(x0=SIZE.width - 8, y0=0, x1=SIZE.width, y1=8))
    assert cost.predict(SIZE.whole, samples=1) == pytest.approx(8.0)


def test_one_odd_measurement_is_bounded() -> None:
    assert log_ratio(2.0, 1.0) == pytest.approx(math.log(2))
    assert log_ratio(1e9, 1.0) == -log_ratio(1.0, 1e9) == 3.0
