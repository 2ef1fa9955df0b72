"""Units that take time whatever their size: that is told apart from the cost of pixels, and few are cut."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.simulation.farm import CostField, FakeFarm, FakeNode, render
from benchmarks.simulation.fields import heavy_tailed, scale
from frontburner.plan.block import Block
from frontburner.plan.planner import FrameWork, Planner
from frontburner.plan.unit_sizer import Mode
from tasks.spec import Region, SampleRange, Size

SIZE, SAMPLES = Size(width=640, height=360), 64
ONE_PASS = (SampleRange(start=0, stop=64),)
TWO_PASSES = (SampleRange(start=0, stop=2), SampleRange(start=2, stop=64))


def rendered(
    mode: Mode, *, total_s: float, fixed_s: float = 0.0, nodes: int = 1, frames: int = 1, seed: int = 0,
    passes: tuple[SampleRange, ...] = TWO_PASSES,
) -> tuple[FakeFarm, Planner]:  # fmt: skip
    """Render a picture whose pixels cost ``total_s``, and each unit ``fixed_s`` in addition."""
    rates = scale(heavy_tailed(SIZE.width, SIZE.height, random=np.random.default_rng(seed)), total_s, samples=SAMPLES)
    work = [FrameWork(frame=number + 1) for number in range(frames)]
    planner = Planner(frames=work, size=SIZE, region=SIZE.whole, passes=passes, mode=mode)
    farm = FakeFarm(
        *(FakeNode(name=f"n{number}") for number in range(nodes)),
        cost=CostField(rates, fixed_s=fixed_s), overhead_s=0.03,
    )  # fmt: skip
    render(planner, farm)
    return farm, planner


@pytest.mark.parametrize("passes", [ONE_PASS, TWO_PASSES], ids=["one pass", "two passes"])
@pytest.mark.parametrize(("nodes", "most"), [(1, 15), (2, 20), (6, 40)])
@pytest.mark.parametrize("total_s", [20, 200])
def test_a_still_of_costly_units_is_cut_into_few(
    total_s: float, nodes: int, most: int, passes: tuple[SampleRange, ...]
) -> None:
    farm, planner = rendered(Mode.AUTO, total_s=total_s, fixed_s=10, nodes=nodes, passes=passes)
    assert len(farm.attempts) <= most
    assert planner.learning.fixed_s == pytest.approx(10, rel=0.25)


@pytest.mark.parametrize("nodes", [2, 6])
@pytest.mark.parametrize("fixed_s", [2, 10])
def test_all_nodes_still_make_a_still_of_costly_units_faster_than_one(nodes: int, fixed_s: float) -> None:
    auto, _ = rendered(Mode.AUTO, total_s=200, fixed_s=fixed_s, nodes=nodes)
    frames, _ = rendered(Mode.FRAMES, total_s=200, fixed_s=fixed_s, nodes=nodes)
    assert auto.now_s < 0.9 * frames.now_s


@pytest.mark.parametrize("frames", [4, 20])
def test_a_sequence_of_costly_units_takes_no_longer_than_frame_by_frame(frames: int) -> None:
    auto, _ = rendered(Mode.AUTO, total_s=20, fixed_s=2, nodes=3, frames=frames, passes=ONE_PASS)
    whole, _ = rendered(Mode.FRAMES, total_s=20, fixed_s=2, nodes=3, frames=frames, passes=ONE_PASS)
    assert auto.now_s < 1.02 * whole.now_s


@pytest.mark.parametrize("passes", [ONE_PASS, TWO_PASSES], ids=["one pass", "two passes"])
def test_uneven_pictures_are_not_taken_for_costly_units(passes: tuple[SampleRange, ...]) -> None:
    for seed in range(6):
        for total_s, nodes in ((3, 4), (30, 1), (300, 6)):
            farm, planner = rendered(Mode.AUTO, total_s=total_s, nodes=nodes, seed=seed, passes=passes)
            assert planner.learning.fixed_s * len(farm.attempts) < 0.05 * total_s


def test_what_a_unit_takes_by_itself_is_in_predictions_and_in_the_time_left() -> None:
    _, planner = rendered(Mode.AUTO, total_s=200, fixed_s=10, nodes=2)
    learning = planner.learning
    small = Block(frame=1, samples=TWO_PASSES[1], region=Region(x0=0, y0=0, x1=8, y1=8))
    assert learning.seconds(small, "n0") == pytest.approx(10, rel=0.1)
    planner.render_again(1)
    pixels_s = learning.cost.predict(SIZE.whole, samples=SAMPLES)
    assert planner.seconds_left(0) == pytest.approx((pixels_s + 2 * learning.fixed_s) / learning.farm_speed)
