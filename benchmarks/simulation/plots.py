"""Plots of the simulation's results, for ``docs/performance.md``."""

from __future__ import annotations

import json
from math import nan
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

    Rows = list[dict[str, Any]]

INK, OURS, OTHERS = "#333333", "#c2410c", ("#1d4ed8", "#0f766e", "#7e22ce", "#a16207")


def draw(folder: Path) -> None:
    """Plot the results in a folder."""
    table, grown = folder / "simulation.json", folder / "simulation_scale.json"
    if table.exists():
        rows: Rows = json.loads(table.read_text())
        _save(_stills(rows), folder / "simulation_stills.png")
        _save(_sequences(rows), folder / "simulation_sequences.png")
    if grown.exists():
        _save(_scale(json.loads(grown.read_text())), folder / "simulation_scale.png")


def _stills(rows: Rows) -> Figure:
    """Plot strategies by number of nodes, one panel per farm."""
    stills = [row for row in rows if row["job"] == "still"]
    farms = list(dict.fromkeys(row["farm"] for row in stills))
    figure = Figure(figsize=(3.1 * max(1, len(farms)), 3.6), layout="constrained")
    for panel, farm in enumerate(farms, 1):
        axes = figure.add_subplot(1, len(farms), panel)
        of_farm = [row for row in stills if row["farm"] == farm]
        counts = sorted({row["nodes"] for row in of_farm})
        lines = {
            "ours": [_ratio(of_farm, count, "ours") for count in counts],
            "best grid": [min(_grids(of_farm, count), default=nan) for count in counts],
            "worst grid": [max(_grids(of_farm, count), default=nan) for count in counts],
            "64 px buckets": [_ratio(of_farm, count, "buckets") for count in counts],
            "static equal cost": [_ratio(of_farm, count, "static-cost") for count in counts],
        }
        for (name, ratios), colour in zip(lines.items(), (OURS, *OTHERS), strict=True):
            axes.plot(counts, ratios, marker="o", ms=3, color=colour, label=name, lw=2 if name == "ours" else 1)
        axes.set(title=farm, xscale="log", yscale="log", xlabel="nodes", xticks=counts, ylim=(0.97, 12))
        axes.set_xticklabels([str(count) for count in counts])
        axes.set_yticks([1, 1.5, 2, 3, 5, 10], ["1", "1.5", "2", "3", "5", "10"])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
        if panel == 1:
            axes.set_ylabel("time ÷ lower bound")
            axes.legend(fontsize=7)
    return figure


def _sequences(rows: Rows) -> Figure:
    """Plot time by number of frames: whole frames zigzag, ours doesn't."""
    found = [row for row in rows if row["job"].startswith("sequence-")]
    panels = sorted({(row["nodes"], row["farm"]) for row in found})
    across = min(5, max(1, len(panels)))
    down = -(-max(1, len(panels)) // across)
    figure = Figure(figsize=(3.1 * across, 2.9 * down), layout="constrained")
    for panel, (nodes, farm) in enumerate(panels, 1):
        axes = figure.add_subplot(down, across, panel)
        for name, colour in (("ours", OURS), ("frames", OTHERS[0]), ("buckets", OTHERS[2])):
            points = sorted(
                (int(row["job"].split("-")[1]) / nodes, row["ratio_mean"])
                for row in found
                if (row["nodes"], row["farm"], row["strategy"]) == (nodes, farm, name)
            )
            axes.plot(*zip(*points, strict=True), marker="o", ms=3, color=colour, label=name) if points else None
        axes.set(title=f"{farm}, {nodes} nodes", xlabel="frames ÷ nodes", ylim=(0.97, 2.1))
        axes.grid(alpha=0.3)
        if panel == 1:
            axes.set_ylabel("time ÷ lower bound")
            axes.legend(fontsize=7)
    return figure


def _scale(rows: Rows) -> Figure:
    """Plot processor time and memory of planner and dispatcher by number of units."""
    figure = Figure(figsize=(7.5, 3.2), layout="constrained")
    cpu, memory = figure.subplots(1, 2)
    for nodes in sorted({row["nodes"] for row in rows}):
        points = sorted(
            (row["units"], row["cpu_ms_per_unit"], row["peak_memory_bytes"]) for row in rows if row["nodes"] == nodes
        )
        units = [row[0] for row in points]
        cpu.plot(units, [row[1] for row in points], marker="o", ms=3, label=f"{nodes} nodes")
        memory.plot(units, [row[2] / 2**20 for row in points], marker="o", ms=3, label=f"{nodes} nodes")
    cpu.axhline(1, color=INK, lw=1, ls="--")
    cpu.set(xscale="log", xlabel="units", ylabel="CPU ms per unit, planner and dispatcher", ylim=(0, 1.5))
    memory.set(xscale="log", yscale="log", xlabel="units", ylabel="peak memory, MiB")
    for axes in (cpu, memory):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7)
    return figure


def _ratio(rows: Rows, nodes: int, strategy: str) -> float:
    return next((row["ratio_mean"] for row in rows if (row["nodes"], row["strategy"]) == (nodes, strategy)), nan)


def _grids(rows: Rows, nodes: int) -> list[float]:
    return [row["ratio_mean"] for row in rows if row["nodes"] == nodes and row["strategy"].startswith("grid")]


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, dpi=110)
    print(f"drawn: {path.name}")
