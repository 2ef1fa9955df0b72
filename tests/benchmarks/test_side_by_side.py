"""Statistics and tables of runs taken in turn, and the check that all rendered the same picture."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.modes import compare_modes
from benchmarks.modes import shown as shown_modes
from benchmarks.picture_check import ReferencePictures, WrongPicture
from benchmarks.ratios import fastest, noise, predicted, ratios_to, rotated, spread, table
from benchmarks.side_by_side import ALONE, BUCKETS, OURS, PLANS, STRATEGIES, WORKLOADS, Comparison, quick, shown
from frontburner.jobs.field_values import parse_size
from frontburner.plan.unit_sizer import Mode
from tasks.spec import SampleRange

WHOLE = (SampleRange(start=0, stop=8),)
PROBED = (SampleRange(start=0, stop=1), SampleRange(start=1, stop=8))
PICTURE = np.linspace(0.1, 4.0, 40 * 30 * 4, dtype=np.float32).reshape(30, 40, 4)


def test_every_strategy_runs_once_a_round_and_is_first_in_turn() -> None:
    rounds = [rotated(["a", "b", "c"], number) for number in range(4)]
    assert rounds == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"], ["a", "b", "c"]]


def test_ratios_are_within_a_round_so_drift_cancels_out() -> None:
    walls = {"ours": [11.0, 22.0, 44.0], "alone": [10.0, 20.0, 40.0]}
    assert ratios_to(walls, "alone")["ours"] == {"median": 1.1, "min": 1.1, "max": 1.1}
    assert spread(walls["alone"]) == {"median": 20.0, "min": 10.0, "max": 40.0}


def test_a_run_that_is_missing_is_an_error_not_a_shorter_list() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratios_to({"ours": [1.0], "alone": [1.0, 2.0]}, "alone")


def test_predictions_half_and_twice_as_long_are_equally_wrong() -> None:
    half_and_twice = predicted([(1.0, 2.0), (2.0, 1.0), (3.0, 3.0)])
    assert half_and_twice == {"units": 3, "median_error": 1.0, "p90_error": 1.0, "correlation": pytest.approx(0.5)}


def test_predictions_in_proportion_correlate_fully_and_none_say_nothing() -> None:
    assert predicted([(1.0, 1.1), (2.0, 2.2), (5.0, 5.5)])["correlation"] == 1.0
    assert predicted([]) == {"units": 0, "median_error": None, "p90_error": None, "correlation": None}
    assert predicted([(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)])["correlation"] is None


def test_the_better_mode_is_the_one_with_the_lower_median_and_noise_is_its_own() -> None:
    walls = {"tiles": [10.0, 11.0, 30.0], "frames": [9.0, 12.0, 12.5]}
    assert fastest(walls, ["tiles", "frames"]) == "tiles"
    assert noise([10.0, 11.0, 12.1]) == pytest.approx(2.1 / 11.0, abs=1e-4)


@pytest.mark.parametrize(("auto", "slower"), [([10.4, 10.4, 10.4], False), ([11.8, 12.0, 12.1], True)])
def test_auto_is_slower_when_it_is_by_more_than_noise(auto: list[float], *, slower: bool) -> None:
    found = compare_modes({Mode.AUTO: auto, Mode.TILES: [10.0, 10.2, 10.5], Mode.FRAMES: [20.0, 20.0, 20.0]})
    assert (found["better"], found["slower"]) == ("tiles", slower)
    assert found["auto_more_s"]["median"] == pytest.approx(1.8 if slower else 0.2)
    assert ("yes" if slower else " no ") in shown_modes({"small, 1": found})


def test_one_round_says_nothing_about_noise() -> None:
    found = compare_modes({Mode.AUTO: [12.0], Mode.TILES: [10.0], Mode.FRAMES: [20.0]})
    assert found["slower"] is None
    assert "one round can't tell" in shown_modes({"small, 1": found})


def test_tables_are_markdown_with_columns_in_line() -> None:
    assert table(["way", "s"], [["ours", "1.5"]]).splitlines() == ["| way  | s   |", "| ---- | --- |", "| ours | 1.5 |"]


def test_a_comparison_ends_in_json_and_a_table_of_all_strategies() -> None:
    comparison = Comparison(workload=WORKLOADS["still"], tiles=8)
    comparison.walls = {name: [10.0 + place, 20.0 + place] for place, name in enumerate(STRATEGIES)}
    comparison.pairs = [(1.0, 1.0), (2.0, 2.0), (3.0, 3.0)]
    document = json.loads(json.dumps(comparison.document()))
    assert document["strategies"][OURS]["to_alone"] == {"median": 1.075, "min": 1.05, "max": 1.1}
    assert document["strategies"][ALONE]["to_alone"]["max"] == 1.0
    assert document["strategies"][BUCKETS]["to_ours"]["min"] > 1.0
    lines = shown(document).splitlines()
    assert [line.split("|")[1].strip() for line in lines[2 : 2 + len(STRATEGIES)]] == list(STRATEGIES)
    assert "median 0.0, 90 % within 0.0, correlation 1.0" in lines[-1]


def test_every_strategy_on_the_farm_has_a_plan_and_quick_jobs_use_the_same_scenes() -> None:
    assert set(PLANS) < set(STRATEGIES)
    for work in WORKLOADS.values():
        assert (quick(work).scene, quick(work).size) == (work.scene, work.size)
        assert quick(work).samples < work.samples
        assert work.scene.is_file()
        assert parse_size(work.size).width % 16 == 0  # or buckets would lie across packets


def test_the_same_picture_passes_whatever_its_passes() -> None:
    reference = ReferencePictures()
    assert reference.check("a", WHOLE, {1: PICTURE}) == 0
    assert reference.check("b", WHOLE, {1: PICTURE.copy()}) == 0
    assert reference.check("ours", PROBED, {1: PICTURE * np.float32(1 + 2e-7)}) == 0


def test_one_bit_is_wrong_where_passes_are_the_same() -> None:
    reference, other = ReferencePictures(), PICTURE.copy()
    reference.check("a", WHOLE, {1: PICTURE})
    other[3, 4, 1] = np.nextafter(other[3, 4, 1], np.float32(9))
    with pytest.raises(WrongPicture, match="Frame 1 by b differs in 1 pixels"):
        reference.check("b", WHOLE, {1: other})


def test_other_passes_may_change_a_few_pixels_and_no_more() -> None:
    reference, few, many = ReferencePictures(), PICTURE.copy(), PICTURE.copy()
    reference.check("a", WHOLE, {1: PICTURE})
    few[3, 4] *= 1.01
    many[:, :2] *= 1.01
    assert reference.check("ours", PROBED, {1: few}) == 1
    with pytest.raises(WrongPicture, match=r"5\.0% of its pixels"):
        reference.check("ours", PROBED, {1: many})


@pytest.mark.parametrize(
    ("pictures", "complaint"),
    [
        ({}, "frames"),
        ({2: PICTURE}, "frames"),
        ({1: PICTURE[:20]}, "shape"),
        ({1: np.full_like(PICTURE, np.nan)}, "pixels"),
        ({1: np.zeros_like(PICTURE)}, "pixels"),
    ],
)
@pytest.mark.parametrize("passes", [WHOLE, PROBED])
def test_missing_and_different_pictures_are_reported(
    pictures: dict[int, np.ndarray], complaint: str, passes: tuple[SampleRange, ...]
) -> None:
    reference = ReferencePictures()
    reference.check("a", WHOLE, {1: PICTURE})
    with pytest.raises(WrongPicture, match=complaint):
        reference.check("b", passes, pictures)


def test_the_renderer_alone_must_be_as_bright_as_the_farms() -> None:
    reference = ReferencePictures()
    reference.check("a", WHOLE, {1: PICTURE})
    mean = float(PICTURE[..., :3].mean())
    reference.check_mean("alone", mean * 1.05)
    with pytest.raises(WrongPicture, match="bright"):
        reference.check_mean("alone", mean * 1.2)
    with pytest.raises(WrongPicture, match="bright"):
        reference.check_mean("alone", float("nan"))
