"""``make simulate``: compares strategies on simulated farms, and measures how the planner's own cost grows."""

from __future__ import annotations

import argparse
import json
import os
import statistics
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, replace
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.simulation.scenario import Farm, scenario, simulate
from benchmarks.simulation.strategies import planner_of
from system.machine import peak_memory_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

OUT = Path(__file__).resolve().parents[2] / "build"
KEY = ("job", "farm", "nodes", "strategy")
"""Fields that identify a row."""
FRAME_S = 120.0
IDEAL_S = 300.0
STILL_NODES = (4, 16, 64, 256)
STILL_SEEDS = 20
FEWER_SEEDS = 3
SEQUENCE_SEEDS = 5
GRID_TILES_PER_NODE = (1, 2, 4, 8, 16, 32)
SEQUENCE_FRAMES = (
    1.0, 1.07, 1.25, 1.5, 1.75, 1.94, 2.0, 2.07, 2.5, 3.0, 3.13, 3.5, 4.0, 5.0, 5.25, 6.0, 7.5, 9.0, 10.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """Rows to compute."""

    farm: Farm
    nodes: int
    frames: int
    seeds: int
    strategies: tuple[str, ...]
    measured: bool = False

    @property
    def kind(self) -> str:
        """Kind of job."""
        return "still" if self.frames == 1 else "sequence"

    @property
    def job(self) -> str:
        """Name of the job in the table."""
        if self.measured:
            return "still-interior"
        return "still" if self.frames == 1 else f"sequence-{self.frames}"


def main() -> None:
    """Simulate all cases, print them, and write ``build/simulation.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="test with a few seeds and small farms")
    parser.add_argument("--only", choices=["still", "sequence", "scale"], help="only this part")
    parser.add_argument("--farm", choices=list(Farm), action="append", help="only this kind of farm; can be repeated")
    parser.add_argument("--ways", choices=["ours", "others"], help="only our rows, or all others")
    given = parser.parse_args()
    farms = given.farm or list(Farm)
    OUT.mkdir(exist_ok=True)
    if given.only != "scale":
        cases = [case for case in _cases(quick=given.quick) if given.only in (None, case.kind) and case.farm in farms]
        _compute_all([case for case in (_only(case, given.ways) for case in cases) if case.strategies])
    if given.only in (None, "scale"):
        # Each runs in its own process, to measure its memory.
        with ProcessPoolExecutor(1, get_context("spawn"), max_tasks_per_child=1) as pool:
            scale = list(pool.map(measure_scale, *zip(*scale_sizes(quick=given.quick), strict=True)))
        (OUT / "simulation_scale.json").write_text(json.dumps(scale, indent=1))
    from benchmarks.simulation.plots import draw

    draw(OUT)


def _only(case: Case, ways: str | None) -> Case:
    """Return the same case with only our strategy, or only the others."""
    names = tuple(name for name in case.strategies if (name == "ours") == (ways == "ours"))
    return replace(case, strategies=names) if ways else case


def _compute_all(cases: Sequence[Case]) -> None:
    """Compute cases, and replace their earlier rows in the file one by one, so that an interruption loses none."""
    path = OUT / "simulation.json"
    before = json.loads(path.read_text()) if path.exists() else []
    rows = {tuple(row[name] for name in KEY): row for row in before}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done in as_completed([pool.submit(compute, case) for case in cases]):
            for row in done.result():
                rows[tuple(row[name] for name in KEY)] = row
                print(
                    f"{row['job']:14} {row['nodes']:4} nodes  {row['farm']:10} {row['strategy']:12} "
                    f"mean {row['ratio_mean']:6.3f}  max {row['ratio_max']:6.3f}  seeds {row['seeds']}",
                    flush=True,
                )
            path.write_text(json.dumps([rows[key] for key in sorted(rows)], indent=1))


def _cases(*, quick: bool) -> Iterator[Case]:
    """Yield all cases, the longest last."""
    nodes = (4, 16) if quick else STILL_NODES
    for farm, count in product(Farm, nodes):
        fixed = tuple(f"grid-{count * tiles}" for tiles in GRID_TILES_PER_NODE)
        often = farm is Farm.LOGNORMAL or (farm is Farm.KILLED and count <= 16)  # these vary most
        seeds = 3 if quick else STILL_SEEDS if often else FEWER_SEEDS
        others = ("buckets", "static-cost", *fixed)  # thousands of tiles take long
        if count <= 16:  # a still on a single node takes long on large farms
            others += ("frames",)
        yield Case(farm=farm, nodes=count, frames=1, seeds=seeds, strategies=("ours",))
        yield Case(farm=farm, nodes=count, frames=1, seeds=FEWER_SEEDS, strategies=others)
        if farm in (Farm.EQUAL, Farm.LOGNORMAL):
            yield Case(farm=farm, nodes=count, frames=1, seeds=FEWER_SEEDS, strategies=("ours", *others), measured=True)
    for farm, count in product((Farm.EQUAL, Farm.LOGNORMAL, Farm.ONE_SLOW, Farm.KILLED, Farm.CHURN), (4, 16)):
        seeds = 2 if quick else SEQUENCE_SEEDS
        for frames in dict.fromkeys(round(times * count) for times in SEQUENCE_FRAMES[:: 4 if quick else 1]):
            yield Case(farm=farm, nodes=count, frames=frames, seeds=seeds, strategies=("ours", "frames"))
    for count, frames in () if quick else ((64, 64), (64, 96), (64, 200)):
        yield Case(farm=Farm.LOGNORMAL, nodes=count, frames=frames, seeds=3, strategies=("ours", "frames"))


def compute(case: Case) -> list[dict[str, Any]]:
    """Return the rows of a case: for each strategy makespan ÷ lower bound, on the same scenarios."""
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in case.strategies}
    for seed in range(case.seeds):
        drawn = scenario(
            case.farm, nodes=case.nodes, frames=case.frames, seed=seed,
            ideal_s=IDEAL_S if case.frames == 1 else None, frame_s=FRAME_S, measured=case.measured,
        )  # fmt: skip
        for name in case.strategies:
            outcome = simulate(drawn, planner_of(name, drawn))
            results[name].append((outcome.ratio, outcome.units / case.nodes, outcome.wasted))
    return [_row(case, name, found) for name, found in results.items()]


def _row(case: Case, strategy: str, results: Iterable[tuple[float, float, float]]) -> dict[str, Any]:
    ratios, units, wasted = zip(*results, strict=True)
    return {
        "job": case.job, "nodes": case.nodes, "farm": case.farm.value, "strategy": strategy,
        "ratio_mean": round(statistics.mean(ratios), 4), "ratio_max": round(max(ratios), 4), "seeds": len(ratios),
        "units_per_node": round(statistics.mean(units), 1), "wasted": round(statistics.mean(wasted), 4),
    }  # fmt: skip


def scale_sizes(*, quick: bool) -> list[tuple[int, int]]:
    """Return numbers of nodes and frames."""
    if quick:
        return [(10, 1000), (100, 1000)]
    return [(10, 1000), (100, 1000), (100, 10_000), (1000, 10_000), (1000, 30_000), (1000, 100_000)]


def measure_scale(nodes: int, frames: int) -> dict[str, float]:
    """Dispatch a long sequence on a large farm; returns processor time and memory it took."""
    drawn = scenario(Farm.LOGNORMAL, nodes=nodes, frames=frames, seed=1, ideal_s=None, frame_s=FRAME_S)
    outcome = simulate(drawn, planner_of("ours", drawn))
    cost = {
        "nodes": nodes, "frames": frames, "units": outcome.units, "ratio": round(outcome.ratio, 4),
        "cpu_ms_per_unit": round(outcome.cpu_ms_per_unit, 4), "farm_ms_per_unit": round(outcome.farm_ms_per_unit, 4),
        "peak_memory_bytes": peak_memory_bytes(os.getpid()),
    }  # fmt: skip
    print(cost, flush=True)
    return cost


if __name__ == "__main__":
    main()
