"""The picture of a farm's memory over time, for ``docs/operations.md``."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from pathlib import Path

COLOURS = {
    "Prefect server": "#7e22ce", "scheduler": "#c2410c", "node": "#1d4ed8", "renderer": "#0f766e", "job": "#a16207",
    "nanny": "#64748b",
}  # fmt: skip


def draw(result: dict[str, Any], path: Path) -> None:
    """Draw memory of all processes, and how many units were done."""
    lives: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for sample in result["samples"]:
        for label, mib in sample["mib"].items():
            lives[label].append((sample["at_s"] / 60, mib))
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    told: set[str] = set()
    for label, life in lives.items():
        kind = label.rpartition(" ")[0]
        if kind not in COLOURS:
            continue
        minutes, mib = zip(*life, strict=True)
        axes.plot(minutes, mib, color=COLOURS[kind], lw=1.2, label=None if kind in told else kind)
        told.add(kind)
    leaves = sum(result["leaves"].values())
    axes.set(
        ylabel="memory, MiB",
        title=f"{result['units']:,} units in {result['minutes']:.0f} min; {result['joins']} joined, {leaves} left",
    )  # fmt: skip
    axes.set_ylim(0, axes.get_ylim()[1] * 1.15)  # room for the legend above all lines
    axes.legend(loc="upper center", ncols=6, fontsize=8)
    axes.grid(alpha=0.3)
    at = [sample["at_s"] / 60 for sample in result["samples"]]
    below.plot(at, [sample["units"] for sample in result["samples"]], color="#333333", lw=1.2)
    below.set(xlabel="minutes", ylabel="units")
    below.grid(alpha=0.3)
    figure.savefig(path, dpi=110)
