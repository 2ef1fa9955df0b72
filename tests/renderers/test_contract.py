"""What every renderer promises: no cut changes pixels, ranges add up, and every session draws the same."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import UnitCancelled, UnitFailed
from tasks.node.renderer_process import Phase
from tasks.renderers import RENDERERS, renderer, renderer_for
from tasks.renderers.mitsuba.grid import CELL_PX, PACKET_PX, cells, packets, split_packets
from tasks.spec import Aov, Region, Size
from tests.end_to_end.conftest import TIMEOUT_S
from tests.renderers.conftest import Bench, start

if TYPE_CHECKING:
    from pathlib import Path

    from tasks.renderers.base import Capabilities

few = settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)


def guillotine(draw: st.DrawFn, region: Region, cuts: int) -> list[Region]:
    """Cut a region in two again and again."""
    vertical = draw(st.booleans())
    length = region.width if vertical else region.height
    if cuts == 0 or length < 2:
        return [region]
    at = draw(st.integers(1, length - 1))
    x, y = region.x0 + at, region.y0 + at
    first = Region(x0=region.x0, y0=region.y0, x1=x if vertical else region.x1, y1=region.y1 if vertical else y)
    rest = Region(x0=x if vertical else region.x0, y0=region.y0 if vertical else y, x1=region.x1, y1=region.y1)
    return [*guillotine(draw, first, cuts - 1), *guillotine(draw, rest, cuts - 1)]


@st.composite
def layouts(draw: st.DrawFn) -> list[Region]:
    return guillotine(draw, Size(width=48, height=40).whole, draw(st.integers(1, 3)))


def able(bench: Bench) -> Capabilities:
    """What the bench's build can do."""
    return RENDERERS[bench.frame.renderer].capabilities(bench.frame.build)


@few
@given(layout=layouts(), aovs=st.sampled_from([(), (Aov.DEPTH, Aov.NORMAL, Aov.ALBEDO), (Aov.ALBEDO,)]))
def test_regions_are_the_whole_bit_for_bit(bench: Bench, layout: list[Region], aovs: tuple[Aov, ...]) -> None:
    bench = bench.with_(aovs=tuple(aov for aov in aovs if aov in able(bench).aovs))
    whole = bench.render()
    together = np.full_like(whole.sums, np.nan)
    for region in layout:
        part = bench.render(region)
        assert part.channels == bench.frame.channels
        assert part.sums.flags.c_contiguous
        together[region.y0 : region.y1, region.x0 : region.x1] = part.sums
    np.testing.assert_array_equal(together, whole.sums)


@few
@given(data=st.data())
def test_ranges_of_samples_add_up_to_all(bench: Bench, data: st.DataObject) -> None:
    if not able(bench).exact_samples:
        pytest.skip("its samples can't be rendered in parts")
    align = able(bench).sample_align
    bench = bench.with_(samples=22)
    at = data.draw(st.integers(1, 21 // align)) * align
    whole = bench.render().sums
    total = bench.render(samples=(0, at)).sums.astype(np.float64) + bench.render(samples=(at, 22)).sums
    np.testing.assert_allclose(total, whole, rtol=1e-6, atol=1e-5)


def test_another_session_with_other_threads_draws_the_same(bench: Bench, tmp_path: Path) -> None:
    bench = bench.with_(aovs=tuple(able(bench).aovs))
    other = start(bench.kind, tmp_path, threads=1)
    with other.process:
        np.testing.assert_array_equal(other.process.render(bench.unit()).pixels.sums, bench.render().sums, strict=True)


def test_frames_and_seeds_draw_other_noise(bench: Bench) -> None:
    if not able(bench).seeds:
        pytest.skip("it draws without noise")
    pictures = [other.means() for other in (bench, bench.with_(seed=5), bench.with_(frame=2))]
    assert not np.array_equal(pictures[0], pictures[1])
    assert not np.array_equal(pictures[0], pictures[2])


def test_costs_are_a_grid_over_the_region(bench: Bench) -> None:
    bench = bench.with_(samples=64)
    rendered = bench.process.render(bench.unit(Region(x0=3, y0=5, x1=48, y1=40)))
    costs = rendered.pixels.costs
    if not able(bench).costs:
        assert costs is None
        return
    assert costs is not None
    for edges, first, last in ((costs.columns, 3, 48), (costs.rows, 5, 40)):
        assert (edges[0], edges[-1]) == (first, last)
        assert all(a < b for a, b in pairwise(edges))
    assert len(costs.seconds) == (len(costs.columns) - 1) * (len(costs.rows) - 1)
    assert min(costs.seconds) >= 0
    assert sum(costs.seconds) <= rendered.wall_s


def test_a_unit_says_what_it_took(bench: Bench) -> None:
    rendered = bench.process.render(bench.unit())
    assert rendered.build == bench.frame.build
    assert rendered.isa
    assert 0 <= rendered.load_s <= rendered.wall_s
    assert rendered.cpu_s >= 0
    assert rendered.peak_memory_bytes > 1 << 20


def busy(bench: Bench) -> list[psutil.Process]:
    """The renderer's processes."""
    child = psutil.Process(bench.process.pid)
    return [child, *child.children(recursive=True)]


def test_a_cancelled_unit_ends_in_the_middle_and_leaves_no_process(long: Bench) -> None:
    working: list[psutil.Process] = []

    def witness(phase: Phase, seconds: float) -> None:
        if phase is Phase.RENDERING and seconds > 0.5 and not working:
            working.extend(busy(long))

    with pytest.raises(UnitCancelled):
        long.process.render(long.unit(), cancelled=lambda: bool(working), on_progress=witness)
    _, alive = psutil.wait_procs(working, timeout=TIMEOUT_S)
    assert not alive


def test_a_renderer_that_is_killed_fails_its_unit_alone(long: Bench, bench: Bench) -> None:
    killed: list[int] = []

    def witness(phase: Phase, seconds: float) -> None:
        if phase is Phase.RENDERING and seconds > 0.5 and not killed:
            last = busy(long)[:2][-1]  # its program, where it has one
            killed.append(last.pid)
            last.kill()

    with pytest.raises(UnitFailed, match="SIGKILL") as caught:
        long.process.render(long.unit(), on_progress=witness)
    assert caught.value.retryable
    assert caught.value.unit == long.unit().digest
    assert bench.render().sums.any()


@given(
    region=st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(1, 70), st.integers(1, 70)),
    parts=st.integers(1, 300),
)
def test_a_split_covers_each_pixel_once(region: tuple[int, int, int, int], parts: int) -> None:
    x, y, width, height = region
    whole = Region(x0=x, y0=y, x1=x + width, y1=y + height)
    wide = packets(whole)
    assert whole.inside(wide)
    covered = np.zeros((wide.height, wide.width), int)
    for part in split_packets(wide, parts):
        assert part.x0 % PACKET_PX == part.x1 % PACKET_PX == 0
        covered[part.y0 - wide.y0 : part.y1 - wide.y0, part.x0 - wide.x0 : part.x1 - wide.x0] += 1
    assert (covered == 1).all()


def test_cells_touch_the_region_and_end_with_the_frame() -> None:
    found = list(cells(Region(x0=CELL_PX - 1, y0=0, x1=CELL_PX + 1, y1=1), Size(width=CELL_PX + 5, height=7)))
    assert [(cell.x0, cell.x1, cell.y1) for cell in found] == [(0, CELL_PX, 7), (CELL_PX, CELL_PX + 5, 7)]


def test_the_table_names_what_there_is() -> None:
    assert renderer_for("shot.####.xml") == "mitsuba"
    assert renderer_for("a.json") == "null"
    with pytest.raises(ValueError, match="Known are"):
        renderer_for("a.skp")
    with pytest.raises(ValueError, match="blender, max3ds, mitsuba, null, povray, specimen, vray"):
        renderer("maya")
