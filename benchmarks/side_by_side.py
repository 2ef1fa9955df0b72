"""``make side-by-side``: ours, what network, distributed and task-queue rendering do, and the renderer alone, in turn.

All render the same picture with the same renderer on the same cores, and it is compared. Every run begins with
processes of its own, so each opens the scene once, but for task queues, which do for every task.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import task_queue
from benchmarks.alike import Album
from benchmarks.ratios import against, predicted, said, spread, table, turn
from benchmarks.real import Outcome, Work, fresh_nodes, ours, render
from benchmarks.simulation.strategies import buckets, fixed, grid
from frontburner.cluster.node_processes import cores

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from frontburner.jobs.layout import Layout
    from frontburner.plan.planner import Planner
    from tasks.spec import Region, Size

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "side_by_side.json"
NODES = 2
QUICK = 16
"""Part of the samples that ``--quick`` takes."""

ALONE, OURS, BUCKETS, FRAMES, TASKS = "renderer alone", "ours", "64 px buckets", "frame per node", "process per tile"
EVERYONE = (ALONE, OURS, BUCKETS, FRAMES, TASKS)

SHORT = {"alone": ALONE, "ours": OURS, "buckets": BUCKETS, "frames": FRAMES, "processes": TASKS}

WORKS = {
    "still": Work(scene=ROOT / "scenes" / "interior.xml", size="640x360", samples=400),
    "sequence": Work(scene=ROOT / "scenes" / "walk.xml", size="320x180", samples=32, frames=24),
    "short": Work(scene=ROOT / "scenes" / "walk.xml", size="640x360", samples=32, frames=3),
}
TILES = {"still": 8, "sequence": 1, "short": 1}
"""Tiles a frame a task queue is given: a handful for a still; a frame a task, as is their default, for a sequence."""


@dataclass(slots=True, kw_only=True)
class Contest:
    """One job, rendered by everyone in turn, as far as it has come."""

    work: Work
    tiles: int
    ways: tuple[str, ...] = EVERYONE
    album: Album = field(default_factory=Album)
    walls: dict[str, list[float]] = field(default_factory=dict)
    runs: list[dict[str, Any]] = field(default_factory=list)
    pairs: list[tuple[float, float]] = field(default_factory=list)
    build: str = ""

    def round(self, number: int) -> None:
        """Let everyone render once."""
        for who in turn(self.ways, number):
            wall_s, figures = self._alone() if who == ALONE else self._farm(who)
            self.walls.setdefault(who, []).append(wall_s)
            self.runs.append({"round": number, "who": who, "wall_s": round(wall_s, 3)} | figures)
            print(f"  round {number + 1}, {who}: {wall_s:.2f} s", file=sys.stderr, flush=True)

    def _alone(self) -> tuple[float, dict[str, Any]]:
        work = self.work
        command = [sys.executable, "-m", "benchmarks.alone", str(work.scene), "--size", work.size]
        command += ["--samples", str(work.samples), "--frames", str(work.frames)]
        done = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        told = json.loads(done.stdout.splitlines()[-1])
        self._same_build(ALONE, told["build"])
        self.album.check_mean(ALONE, told["mean"])
        return told["render_s"], {}

    def _farm(self, who: str) -> tuple[float, dict[str, Any]]:
        with tempfile.TemporaryDirectory() as out:
            outcome = self._rendered(who, Path(out))
        self._same_build(who, outcome.build)
        off = self.album.check(who, outcome.passes, outcome.pictures)
        if who == OURS:
            self.pairs.extend(outcome.predictions)
        figures = {"efficiency": round(outcome.efficiency, 4), "pixels_off": off, "figures": outcome.figures}
        return outcome.wall_s, figures

    def _rendered(self, who: str, out: Path) -> Outcome:
        job = self.work.job(out)
        if who == TASKS:
            return task_queue.render(job, slots=NODES, cut=lambda size: grid(size, self.tiles))
        with fresh_nodes(NODES) as client:
            return render(client, job, PLANS[who])

    def _same_build(self, who: str, build: str) -> None:
        self.build = self.build or build
        if build != self.build:
            raise RuntimeError(f"{who} rendered with {build}, the others with {self.build}.")

    def document(self) -> dict[str, Any]:
        """Return what came of it, as plain JSON values."""
        to_alone, to_ours = against(self.walls, ALONE), against(self.walls, OURS)
        return {
            "scene": self.work.scene.name,
            "size": self.work.size,
            "samples": self.work.samples,
            "frames": self.work.frames,
            "task_queue_tiles": self.tiles,
            "build": self.build,
            "strategies": {
                who: {"wall_s": spread(self.walls[who]), "to_alone": to_alone[who], "to_ours": to_ours[who]}
                for who in self.ways
            },
            "predictions": predicted(self.pairs),
            "predicted_and_measured_s": [[round(seconds, 4) for seconds in pair] for pair in self.pairs],
            "runs": self.runs,
        }


def main() -> None:
    """Measure, print, and write ``build/side_by_side.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="times everyone renders each job, in turn")
    parser.add_argument("--only", choices=tuple(WORKS), help="this job alone")
    parser.add_argument("--tiles", type=int, help="tiles a frame a task queue is given, instead of its usual ones")
    parser.add_argument("--ways", nargs="+", choices=tuple(SHORT), default=list(SHORT), help="these ways alone")
    parser.add_argument("--quick", action="store_true", help="one round, few samples and frames: to see that it works")
    given = parser.parse_args()
    ways = tuple(SHORT[way] for way in dict.fromkeys(["alone", "ours", *given.ways]))  # the yardsticks are always there
    result: dict[str, Any] = {"cores": cores(), "nodes": NODES, "works": {}}
    for name in [given.only] if given.only else WORKS:
        work = quick(WORKS[name]) if given.quick else WORKS[name]
        contest = Contest(work=work, tiles=given.tiles or TILES[name], ways=ways)
        print(f"{name}: {contest.work.scene.name}", file=sys.stderr, flush=True)
        for number in range(1 if given.quick else given.rounds):
            contest.round(number)
        result["works"][name] = contest.document()
        print(f"\n{name}\n\n{shown(result['works'][name])}\n", flush=True)
        OUT.parent.mkdir(exist_ok=True)
        OUT.write_text(json.dumps(result, indent=1))
    print(f"written to {OUT.relative_to(ROOT)}")


def quick(work: Work) -> Work:
    """The same job, with just enough of it to see that all works."""
    return replace(work, samples=max(8, work.samples // QUICK), frames=min(work.frames, 4))


def shown(document: dict[str, Any]) -> str:
    """Return a job's figures as a table, with a line on predictions."""
    rows = [
        [who, f"{row['wall_s']['median']:.1f}", said(row["to_alone"]), said(row["to_ours"])]
        for who, row in document["strategies"].items()
    ]
    head = ["way", "seconds", "÷ renderer alone, median (least–most)", "÷ ours"]
    told = document["predictions"]
    errors = f"median {told['median_error']}, 90 % within {told['p90_error']}, correlation {told['correlation']}"
    return f"{table(head, rows)}\n\nPredicted units of ours: {told['units']}; error: {errors}."


def _in_pieces(cut: Callable[[Size], Sequence[Region]]) -> Callable[[Layout], Planner]:
    """Plan fixed pieces of every frame, handed out in order to whoever asks, all samples at once."""

    def plan(layout: Layout) -> Planner:
        frame = next(iter(layout.frames.values()))
        return fixed(frame.size, len(layout.frames), frame.samples, cut(frame.size))

    return plan


PLANS: dict[str, Callable[[Layout], Planner]] = {
    OURS: ours,
    BUCKETS: _in_pieces(buckets),
    FRAMES: _in_pieces(lambda size: [size.whole]),
}


if __name__ == "__main__":
    main()
