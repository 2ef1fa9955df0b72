"""The null renderer's gradient, costs and faults."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tasks.errors import SceneError
from tasks.renderers.null import BUILD, Null
from tasks.spec import Region
from tests.turnstile import Turnstile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.renderers.conftest import Bench


def scene(folder: Path, **fields: object) -> Path:
    path = folder / "scene.json"
    path.write_text(json.dumps(fields))
    return path


def test_sums_are_exact_over_samples(null: Bench) -> None:
    whole = null.render().sums
    np.testing.assert_array_equal(null.render(samples=(0, 3)).sums + null.render(samples=(3, 8)).sums, whole)


@pytest.mark.parametrize("fault", ["blank", "nan", "size"])
def test_a_bad_tile_comes_as_often_as_asked(null: Bench, tmp_path: Path, fault: str) -> None:
    bench = null.with_(scene(tmp_path, faults=[{"do": fault, "times": 2, "pixel": [3, 4]}]))
    good = bench.render(Region(x0=4, y0=0, x1=48, y1=40)).sums
    bad = [bench.render().sums for _ in range(3)]
    spoilt = [not s.any() or not np.isfinite(s).all() or s.shape != (40, 48, 4) for s in bad]
    assert spoilt == [True, True, False]
    np.testing.assert_array_equal(bad[2][:, 4:], good)


def test_faults_keep_to_their_node_and_frame(null: Bench, tmp_path: Path) -> None:
    bench = null.with_(scene(tmp_path, faults=[{"do": "error", "node": "other"}, {"do": "error", "frame": 7}]))
    assert bench.render().sums.any()


def test_cost_lies_where_it_is_told(null: Bench, tmp_path: Path) -> None:
    bench = null.with_(scene(tmp_path, cost_s=0.05, uneven=30, size="48x40"))
    rendered = null.process.render(bench.unit())
    assert rendered.pixels.costs is not None
    seconds = rendered.pixels.costs.seconds
    assert sum(seconds) == pytest.approx(0.05)
    assert seconds[-1] > 3 * seconds[0]
    assert rendered.wall_s >= 0.05


def test_held_units_wait_until_they_are_let_through(null: Bench, tmp_path: Path) -> None:
    path = scene(tmp_path, held=True)
    turnstile, bench = Turnstile(path), null.with_(path)
    with ThreadPoolExecutor(max_workers=1) as caller:
        for _ in range(2):
            held = caller.submit(bench.render)
            assert turnstile.holds(1)[0].pid == null.process.pid
            turnstile.let(1)
            assert held.result().sums.any()
    turnstile.open()
    assert all(bench.render().sums.any() for _ in range(3))


def test_a_wrong_scene_is_refused(tmp_path: Path) -> None:
    for fields in ({"size": "0x3"}, {"sizes": "3x3"}, {"faults": [{"do": "explode"}]}):
        with pytest.raises(SceneError, match="isn't a null scene"):
            Null().inspect(scene(tmp_path, **fields), build=BUILD, frame=1, parameters=())
