"""``python -m benchmarks.simulation.tables`` lays out what ``make simulate`` wrote, for ``docs/performance.md``."""

from __future__ import annotations

import json
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.ratios import table

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Rows = Sequence[dict[str, Any]]

BUILD = Path(__file__).resolve().parents[2] / "build"
STRATEGIES = {"64 px buckets": "buckets", "frame per node": "frames", "static equal cost": "static-cost"}
PICTURES = {"still": "synthetic", "still-interior": "sample still"}
FEW = 2.0
"""Frames a node above which balance hardly matters any more."""


def stills(rows: Rows) -> str:
    """Return a row per picture, farm and number of nodes. The best grid is the one with the lowest mean of its row."""
    lines = []
    for job, farm, nodes in _cases(row for row in rows if row["job"] in PICTURES):
        strategies = {
            row["strategy"]: row for row in rows if (row["job"], row["farm"], row["nodes"]) == (job, farm, nodes)
        }
        grids = (row for name, row in strategies.items() if name.startswith("grid"))
        best = min(grids, key=lambda row: row["ratio_mean"], default=None)
        ours = strategies["ours"]
        others = [f"{strategies[name]['ratio_mean']:.3f}" if name in strategies else "" for name in STRATEGIES.values()]
        grid = f"{best['ratio_mean']:.3f} ({best['strategy'].removeprefix('grid-')} tiles)" if best else ""
        shown = [f"**{ours['ratio_mean']:.3f}**", f"{ours['ratio_max']:.3f}", f"{ours['wasted']:.1%}"]
        lines.append([PICTURES[job], farm, str(nodes), str(ours["seeds"]), *shown, grid, *others])
    head = ["picture", "farm", "nodes", "seeds", "ours", "max", "rendered twice", "best grid", *STRATEGIES]
    return table(head, lines)


def sequences(rows: Rows) -> str:
    """Return a row per farm and number of nodes, over all numbers of frames: the worst mean, and the worst run."""
    lines = []
    found = [row for row in rows if row["job"].startswith("sequence-")]
    for farm, nodes in dict.fromkeys((row["farm"], row["nodes"]) for row in found):
        of_farm = [row for row in found if (row["farm"], row["nodes"]) == (farm, nodes)]
        ours, frames = ([row for row in of_farm if row["strategy"] == name] for name in ("ours", "frames"))
        lines.append([
            farm, str(nodes), str(len(ours)), *(_ends(ours, nodes)), f"{max(row['ratio_max'] for row in ours):.3f}",
            *(_ends(frames, nodes)),
        ])  # fmt: skip
    head = ["farm", "nodes", "numbers of frames", "ours, worst mean", "at", "from 2 per node", "worst of all runs"]
    return table([*head, "frame per node, worst mean", "at", "from 2 per node"], lines)


def sizes(grown: Rows) -> str:
    """Return a row per number of nodes and frames."""
    lines = [
        [
            f"{row['nodes']:,}", f"{row['frames']:,}", f"{row['units']:,}", f"{row['cpu_ms_per_unit']:.2f}",
            f"{row['farm_ms_per_unit']:.2f}", f"{row['peak_memory_bytes'] / 2**20:.0f}", f"{row['ratio']:.3f}",
        ]
        for row in grown
    ]  # fmt: skip
    head = [
        "nodes",
        "frames",
        "units",
        "CPU ms per unit",
        "of it the simulation itself",
        "peak memory, MiB",
        "÷ lower bound",
    ]
    return table(head, lines)


def _ends(rows: Rows, nodes: int) -> list[str]:
    worst = max(rows, key=lambda row: row["ratio_mean"])
    many = [row["ratio_mean"] for row in rows if _frames(row) >= FEW * nodes]
    return [f"{worst['ratio_mean']:.3f}", f"{_frames(worst)} frames", f"{max(many):.3f}" if many else ""]


def _frames(row: dict[str, Any]) -> int:
    return int(row["job"].removeprefix("sequence-"))


def _cases(rows: Iterable[dict[str, Any]]) -> list[tuple[str, str, int]]:
    """Return the jobs, farms and numbers of nodes of rows, in this order."""
    found = {(row["job"], row["farm"], row["nodes"]): None for row in rows}
    jobs, farms, nodes = (list(dict.fromkeys(column)) for column in zip(*found, strict=True))
    return [case for case in product(jobs, farms, sorted(nodes)) if case in found]


def main() -> None:
    """Print the tables."""
    written = BUILD / "simulation.json"
    if written.exists():
        rows = json.loads(written.read_text())
        for kind in (stills, sequences):
            print(f"{kind(rows)}\n")
    written = BUILD / "simulation_scale.json"
    if written.exists():
        print(sizes(json.loads(written.read_text())))


if __name__ == "__main__":
    main()
