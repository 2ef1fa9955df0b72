"""Results of the simulation: rows for plots and tables, and processor time of planner and farm."""

from __future__ import annotations

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TYPE_CHECKING

import pytest

from benchmarks.simulation import plots, tables
from benchmarks.simulation.__main__ import Case, compute, measure_scale
from benchmarks.simulation.scenario import Farm, scenario, simulate
from benchmarks.simulation.strategies import planner_of

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

FIELDS = {"job", "nodes", "farm", "strategy", "ratio_mean", "ratio_max", "seeds"}


@pytest.fixture(scope="module")
def rows() -> list[dict[str, Any]]:
    tried = ("ours", "buckets", "static-cost", "grid-4", "grid-8", "frames")
    cases = [
        Case(farm=Farm.EQUAL, nodes=4, frames=1, seeds=1, strategies=tried),
        Case(farm=Farm.EQUAL, nodes=4, frames=1, seeds=1, strategies=tried, measured=True),
        Case(farm=Farm.ONE_SLOW, nodes=4, frames=6, seeds=2, strategies=("ours", "frames")),
        Case(farm=Farm.ONE_SLOW, nodes=4, frames=8, seeds=1, strategies=("ours", "frames")),
    ]
    return [json.loads(json.dumps(row)) for case in cases for row in compute(case)]


def test_rows_name_job_farm_and_strategy(rows: list[dict[str, Any]]) -> None:
    assert all(row.keys() >= FIELDS for row in rows)
    assert {row["job"] for row in rows} == {"still", "still-interior", "sequence-6", "sequence-8"}
    assert all(1 <= row["ratio_mean"] <= row["ratio_max"] for row in rows)
    assert {row["seeds"] for row in rows if row["job"] == "sequence-6"} == {2}


def test_plots_and_tables_take_all_kinds_of_rows(rows: list[dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "simulation.json").write_text(json.dumps(rows))
    plots.draw(tmp_path)
    assert {path.name for path in tmp_path.glob("*.png")} == {"simulation_stills.png", "simulation_sequences.png"}
    assert "| synthetic " in tables.stills(rows)
    assert "| sample still " in tables.stills(rows)
    (line,) = (line for line in tables.sequences(rows).splitlines() if line.startswith("| one-slow"))
    worst = max(row["ratio_mean"] for row in rows if row["strategy"] == "frames" and row["job"].startswith("sequence"))
    assert f"{worst:.3f}" in line


def test_the_best_grid_is_the_best_one(rows: list[dict[str, Any]]) -> None:
    grids = [row["ratio_mean"] for row in rows if row["job"] == "still" and row["strategy"].startswith("grid")]
    (line,) = (line for line in tables.stills(rows).splitlines() if line.startswith("| synthetic"))
    assert f"{min(grids):.3f}" in line
    assert f"{max(grids):.3f}" not in line


def test_the_time_of_the_simulated_farm_is_measured_apart() -> None:
    drawn = scenario(Farm.EQUAL, nodes=4, frames=1, seed=1, ideal_s=60.0, frame_s=0.0)
    outcome = simulate(drawn, planner_of("ours", drawn))
    assert outcome.cpu_ms_per_unit > 0
    assert outcome.farm_ms_per_unit > 0


def test_scale_is_measured_in_spawned_processes() -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        (row,) = pool.map(measure_scale, [3], [6])
    assert (row["nodes"], row["frames"]) == (3, 6)
    assert row["peak_memory_bytes"] > 0
