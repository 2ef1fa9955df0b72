"""``make side-by-side``: Frontburner, network, distributed and task-queue rendering, and the renderer alone, compared.

All render the same picture with the same renderer on the same cores, in turn, and the pictures are compared. Every run
starts new processes, so each opens the scene once, except for task queues, which open it for every task.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import task_queue
from benchmarks.alone import render_alone
from benchmarks.picture_check import ReferencePictures
from benchmarks.ratios import format_spread, predicted, ratios_to, rotated, spread, table
from benchmarks.real import Outcome, Workload, fresh_nodes, our_planner, render
from benchmarks.simulation.strategies import buckets, fixed, grid
from system.machine import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from frontburner.jobs.layout import Layout
    from frontburner.plan.planner import Planner
    from tasks.spec import Region, Size

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "side_by_side.json"
NODES = 2
QUICK = 16
"""``--quick`` divides the number of samples by this."""

ALONE, OURS, BUCKETS, FRAMES, TASKS = "renderer alone", "ours", "64 px buckets", "frame per node", "process per tile"
STRATEGIES = (ALONE, OURS, BUCKETS, FRAMES, TASKS)

SHORT = {"alone": ALONE, "ours": OURS, "buckets": BUCKETS, "frames": FRAMES, "processes": TASKS}

WORKLOADS = {
    "still": Workload(scene=ROOT / "scenes" / "interior.xml", size="640x360", samples=400),
    "sequence": Workload(scene=ROOT / "scenes" / "walk.xml", size="320x180", samples=32, frames=24),
    "short": Workload(scene=ROOT / "scenes" / "walk.xml", size="640x360", samples=32, frames=3),
}
TILES = {"still": 8, "sequence": 1, "short": 1}
"""Tiles per frame of the task queue: a few for a still; one, the usual default, for a sequence."""


@dataclass(slots=True, kw_only=True)
class Comparison:
    """A job rendered with all strategies in turn, and the results so far."""

    workload: Workload
    tiles: int
    strategies: tuple[str, ...] = STRATEGIES
    reference: ReferencePictures = field(default_factory=ReferencePictures)
    walls: dict[str, list[float]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[tuple[float, float]] = field(default_factory=list)
    build: str = ""

    def round(self, number: int) -> None:
        """Render once with each strategy."""
        for strategy in rotated(self.strategies, number):
            wall_s, figures = self._alone() if strategy == ALONE else self._farm(strategy)
            self.walls.setdefault(strategy, []).append(wall_s)
            self.runs.append({"round": number, "who": strategy, "wall_s": round(wall_s, 3)} | figures)
            print(f"  round {number + 1}, {strategy}: {wall_s:.2f} s", file=sys.stderr, flush=True)

    def _alone(self) -> tuple[float, dict[str, Any]]:
        workload = self.workload
        result = render_alone(workload.scene, size=workload.size, samples=workload.samples, frames=workload.frames)
        self._check_build(ALONE, result["build"])
        self.reference.check_mean(ALONE, result["mean"])
        return result["render_s"], {}

    def _farm(self, strategy: str) -> tuple[float, dict[str, Any]]:
        with tempfile.TemporaryDirectory() as out:
            outcome = self._render(strategy, Path(out))
        self._check_build(strategy, outcome.build)
        off = self.reference.check(strategy, outcome.passes, outcome.pictures)
        if strategy == OURS:
            self.pairs.extend(outcome.predictions)
        figures = {"efficiency": round(outcome.efficiency, 4), "pixels_off": off, "figures": outcome.figures}
        return outcome.wall_s, figures

    def _render(self, strategy: str, out: Path) -> Outcome:
        job = self.workload.job(out)
        if strategy == TASKS:
            return task_queue.render(job, slots=NODES, cut=lambda size: grid(size, self.tiles))
        with fresh_nodes(NODES) as client:
            return render(client, job, PLANS[strategy])

    def _check_build(self, strategy: str, build: str) -> None:
        self.build = self.build or build
        if build != self.build:
            raise RuntimeError(f"{strategy} rendered with {build}, the others with {self.build}.")

    def document(self) -> dict[str, Any]:
        """Return the results as JSON values."""
        to_alone, to_ours = ratios_to(self.walls, ALONE), ratios_to(self.walls, OURS)
        return {
            "scene": self.workload.scene.name,
            "size": self.workload.size,
            "samples": self.workload.samples,
            "frames": self.workload.frames,
            "task_queue_tiles": self.tiles,
            "build": self.build,
            "strategies": {
                name: {"wall_s": spread(self.walls[name]), "to_alone": to_alone[name], "to_ours": to_ours[name]}
                for name in self.strategies
            },
            "predictions": predicted(self.pairs),
            "predicted_and_measured_s": [[round(seconds, 4) for seconds in pair] for pair in self.pairs],
            "runs": self.runs,
        }


def main() -> None:
    """Measure, print, and write ``build/side_by_side.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="times each job is rendered with each strategy")
    parser.add_argument("--only", choices=tuple(WORKLOADS), help="only this job")
    parser.add_argument("--tiles", type=int, help="tiles per frame of the task queue")
    parser.add_argument("--ways", nargs="+", choices=tuple(SHORT), default=list(SHORT), help="only these strategies")
    parser.add_argument("--quick", action="store_true", help="test with one round of few samples and frames")
    given = parser.parse_args()
    # The references are always included.
    strategies = tuple(SHORT[name] for name in dict.fromkeys(["alone", "ours", *given.ways]))
    result: dict[str, Any] = {"cores": cores(), "nodes": NODES, "works": {}}
    for name in [given.only] if given.only else WORKLOADS:
        workload = quick(WORKLOADS[name]) if given.quick else WORKLOADS[name]
        comparison = Comparison(workload=workload, tiles=given.tiles or TILES[name], strategies=strategies)
        print(f"{name}: {workload.scene.name}", file=sys.stderr, flush=True)
        for number in range(1 if given.quick else given.rounds):
            comparison.round(number)
        result["works"][name] = comparison.document()
        print(f"\n{name}\n\n{shown(result['works'][name])}\n", flush=True)
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(result, indent=1))
    print(f"written to {OUT.relative_to(ROOT)}")


def quick(workload: Workload) -> Workload:
    """Return a small version of a job, to test that everything works."""
    return replace(workload, samples=max(8, workload.samples // QUICK), frames=min(workload.frames, 4))


def shown(document: dict[str, Any]) -> str:
    """Return a job's results as a table, with a line about predictions."""
    rows = [
        [name, f"{row['wall_s']['median']:.1f}", format_spread(row["to_alone"]), format_spread(row["to_ours"])]
        for name, row in document["strategies"].items()
    ]
    head = ["way", "seconds", "÷ renderer alone, median (least–most)", "÷ ours"]
    of = document["predictions"]
    errors = f"median {of['median_error']}, 90 % within {of['p90_error']}, correlation {of['correlation']}"
    return f"{table(head, rows)}\n\nPredicted units of ours: {of['units']}; error: {errors}."


def _in_pieces(cut: Callable[[Size], Sequence[Region]]) -> Callable[[Layout], Planner]:
    """Return a planner of fixed pieces of every frame, handed out in order with all samples at once."""

    def plan(layout: Layout) -> Planner:
        frame = next(iter(layout.frames.values()))
        return fixed(frame.size, len(layout.frames), frame.samples, cut(frame.size))

    return plan


PLANS: dict[str, Callable[[Layout], Planner]] = {
    OURS: our_planner,
    BUCKETS: _in_pieces(buckets),
    FRAMES: _in_pieces(lambda size: [size.whole]),
}


if __name__ == "__main__":
    main()
