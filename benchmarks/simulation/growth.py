"""Planner and dispatcher on ever larger farms. A module of its own: a process that is spawned imports what it runs."""

from __future__ import annotations

import resource

from benchmarks.simulation.scenario import Farm, play, scenario
from benchmarks.simulation.strategies import maker

FRAME_S = 120.0


def sizes(*, quick: bool) -> list[tuple[int, int]]:
    """Return numbers of nodes and frames."""
    if quick:
        return [(10, 1000), (100, 1000)]
    return [(10, 1000), (100, 1000), (100, 10_000), (1000, 10_000), (1000, 30_000), (1000, 100_000)]


def grown(nodes: int, frames: int) -> dict[str, float]:
    """Dispatch a long sequence on a large farm, and say what it cost: planner and dispatcher apart from the farm."""
    scene = scenario(Farm.LOGNORMAL, nodes=nodes, frames=frames, seed=1, ideal_s=None, frame_s=FRAME_S)
    outcome = play(scene, maker("ours", scene)())
    memory_bytes = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    cost = {
        "nodes": nodes, "frames": frames, "units": outcome.units, "ratio": round(outcome.ratio, 4),
        "cpu_ms_per_unit": round(outcome.cpu_ms_per_unit, 4), "farm_ms_per_unit": round(outcome.farm_ms_per_unit, 4),
        "peak_memory_bytes": memory_bytes,
    }  # fmt: skip
    print(cost, flush=True)
    return cost
