"""Memory of every process of a farm over time: sampled, summarised and plotted, for ``docs/operations.md``."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
from matplotlib.figure import Figure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from threading import Event

SAMPLE_EVERY_S = 5.0
WARM_UP_PART = 0.2
"""Part of a process' lifetime that is ignored for its slope: it still loads what it needs."""
MIN_SAMPLES = 24
"""A process with fewer samples is left out."""
MIB = 2**20
COLOURS = {
    "Prefect server": "#7e22ce", "scheduler": "#c2410c", "node": "#1d4ed8", "renderer": "#0f766e", "job": "#a16207",
    "nanny": "#64748b",
}  # fmt: skip


@dataclass(slots=True)
class Sampler:
    """Samples all processes whose home is in a folder.

    Parameters
    ----------
    units_done
        Returns the number of units done so far.
    """

    folder: Path
    units_done: Callable[[], int]
    samples: list[dict[str, Any]] = field(default_factory=list)
    _labels: dict[tuple[int, float], str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def run(self, stop: Event) -> None:
        """Sample every few seconds until an event."""
        began_s = time.monotonic()
        while not stop.wait(SAMPLE_EVERY_S):
            memory = dict(self._sample())
            self.samples.append(
                {"at_s": round(time.monotonic() - began_s, 1), "units": self.units_done(), "mib": memory}
            )

    def _sample(self) -> list[tuple[str, float]]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("FRONTBURNER_HOME") != str(self.folder / "home") and not _serves(
                    process, self.folder
                ):
                    continue
                found.append((self._label(process), round(process.memory_info().rss / MIB, 1)))
            except psutil.Error:
                continue
        return found

    def _label(self, process: psutil.Process) -> str:
        """Return a process' kind and its number among those of this kind."""
        key = process.pid, process.create_time()
        if key not in self._labels:
            kind = kind_of(process)
            self._counts[kind] += 1
            self._labels[key] = f"{kind} {self._counts[kind]}"
        return self._labels[key]


def kind_of(process: psutil.Process) -> str:
    """Return the kind of a process of the farm."""
    line = process.cmdline()
    words = " ".join(line)
    if "prefect" in words and "server" in words:
        return "Prefect server"
    if "resource_tracker" in words:
        return "tracker"
    if "spawn_main" not in words:
        command = next((word for word in ("render", "farm", "drain", "node") if word in line), "other")
        return {"render": "job", "farm": "scheduler", "node": "nanny"}.get(command, command)
    parent = process.parent()
    return "renderer" if parent is not None and "spawn_main" in " ".join(parent.cmdline()) else "node"


def figures(samples: Sequence[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Return first, last and peak memory of each process in MiB, and its growth per 1,000 units."""
    series: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for sample in samples:
        for label, mib in sample["mib"].items():
            series[label].append((sample["units"], mib))
    return {label: _figures(points) for label, points in sorted(series.items()) if len(points) >= MIN_SAMPLES}


def _figures(points: Sequence[tuple[int, float]]) -> dict[str, float]:
    units, mib = np.array(points, float).T
    warm = slice(int(len(points) * WARM_UP_PART), None)
    progressed = np.ptp(units[warm]) > 0
    slope = float(np.polyfit(units[warm], mib[warm], 1)[0]) * 1000 if progressed else 0.0
    return {
        "first_mib": float(mib[0]),
        "last_mib": float(mib[-1]),
        "most_mib": float(mib.max()),
        "slope_mib_per_1000_units": round(slope, 2),
        "units": int(units[-1] - units[0]),
    }


def plot(result: dict[str, Any], path: Path) -> None:
    """Plot the memory of all processes, and the number of units done."""
    series: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for sample in result["samples"]:
        for label, mib in sample["mib"].items():
            series[label].append((sample["at_s"] / 60, mib))
    figure = Figure(figsize=(9, 5.2), layout="constrained")
    axes, below = figure.subplots(2, 1, sharex=True, height_ratios=(4, 1))
    labelled: set[str] = set()
    for label, points in series.items():
        kind = label.rpartition(" ")[0]
        if kind not in COLOURS:
            continue
        minutes, mib = zip(*points, strict=True)
        axes.plot(minutes, mib, color=COLOURS[kind], lw=1.2, label=None if kind in labelled else kind)
        labelled.add(kind)
    left = sum(result["leaves"].values())
    axes.set(
        ylabel="memory, MiB",
        title=f"{result['units']:,} units in {result['minutes']:.0f} min; {result['joins']} joined, {left} left",
    )  # fmt: skip
    axes.set_ylim(0, axes.get_ylim()[1] * 1.15)  # room for the legend above all lines
    axes.legend(loc="upper center", ncols=6, fontsize=8)
    axes.grid(alpha=0.3)
    at = [sample["at_s"] / 60 for sample in result["samples"]]
    below.plot(at, [sample["units"] for sample in result["samples"]], color="#333333", lw=1.2)
    below.set(xlabel="minutes", ylabel="units")
    below.grid(alpha=0.3)
    figure.savefig(path, dpi=110)


def _serves(process: psutil.Process, folder: Path) -> bool:
    return process.environ().get("PREFECT_HOME", "").startswith(str(folder))
