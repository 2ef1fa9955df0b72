"""The memory of every process of a farm over time: sampled, and told as first, last and slope."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from threading import Event

EVERY_S = 5.0
WARM_UP_PART = 0.2
"""The first part of a process' life says nothing of its slope: it still loads what it needs."""
LEAST_SAMPLES = 24
"""A process that lived for fewer has no slope worth telling."""
MIB = 2**20


@dataclass(slots=True)
class Sampler:
    """Looks at all processes whose home is in a folder.

    Parameters
    ----------
    units_done
        How many units the farm has done.
    """

    folder: Path
    units_done: Callable[[], int]
    samples: list[dict[str, Any]] = field(default_factory=list)
    _labels: dict[tuple[int, float], str] = field(default_factory=dict)
    _counts: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def run(self, over: Event) -> None:
        """Look every few seconds until it is over."""
        began_s = time.monotonic()
        while not over.wait(EVERY_S):
            memory = dict(self._look())
            self.samples.append(
                {"at_s": round(time.monotonic() - began_s, 1), "units": self.units_done(), "mib": memory}
            )

    def _look(self) -> list[tuple[str, float]]:
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
        """Name a process by its kind and how many of that kind were before it."""
        key = process.pid, process.create_time()
        if key not in self._labels:
            kind = kind_of(process)
            self._counts[kind] += 1
            self._labels[key] = f"{kind} {self._counts[kind]}"
        return self._labels[key]


def kind_of(process: psutil.Process) -> str:
    """Say what a process of the farm is."""
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
    """Return first, last and most memory in MiB of each process that lived long, and MiB it grew per 1,000 units."""
    lives: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for sample in samples:
        for label, mib in sample["mib"].items():
            lives[label].append((sample["units"], mib))
    return {label: _figures(life) for label, life in sorted(lives.items()) if len(life) >= LEAST_SAMPLES}


def _figures(life: Sequence[tuple[int, float]]) -> dict[str, float]:
    units, mib = np.array(life, float).T
    warm = slice(int(len(life) * WARM_UP_PART), None)
    moved = np.ptp(units[warm]) > 0
    slope = float(np.polyfit(units[warm], mib[warm], 1)[0]) * 1000 if moved else 0.0
    return {
        "first_mib": float(mib[0]),
        "last_mib": float(mib[-1]),
        "most_mib": float(mib.max()),
        "slope_mib_per_1000_units": round(slope, 2),
        "units": int(units[-1] - units[0]),
    }


def _serves(process: psutil.Process, folder: Path) -> bool:
    return process.environ().get("PREFECT_HOME", "").startswith(str(folder))
