"""``make bench``: the farm compared with the renderer alone, the overhead of a unit, and shares of processor time."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from benchmarks.alone import render_alone
from benchmarks.memory import kind_of
from benchmarks.overhead import measure

ROOT = Path(__file__).resolve().parents[1]
COMMAND = Path(sys.executable).with_name("frontburner")
OUT = ROOT / "build" / "bench.json"
ROLES = {"Prefect server": "prefect_server", "node": "dask_nodes", "renderer": "renderer"}

STILL = {"scene": ROOT / "scenes" / "interior.xml", "size": "640x360", "samples": 576, "frames": 1}
SEQUENCE = {"scene": ROOT / "scenes" / "walk.xml", "size": "320x180", "samples": 32, "frames": 24}


def main() -> None:
    """Measure, print, and write ``build/bench.json``."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=3, help="runs of the farm and of the renderer alone, in turn")
    parser.add_argument("--quick", action="store_true", help="test with a tenth of the samples")
    given = parser.parse_args()
    shrink = 10 if given.quick else 1
    result: dict[str, Any] = {"cores": os.cpu_count(), "nodes": 2, "threads_per_node": 1}
    for name, job in (("still", STILL), ("sequence", SEQUENCE)):
        job["samples"] = max(8, job["samples"] // shrink)  # type: ignore[operator]
        result[name] = _compare(job, given.pairs)
        print(name, json.dumps(result[name], indent=1), flush=True)
    result["unit"] = measure(units=2000 // shrink, nodes=2)
    print("unit", json.dumps(result["unit"], indent=1))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(result, indent=1))
    print(f"written to {OUT.relative_to(ROOT)}")


def _compare(job: dict[str, Any], pairs: int) -> dict[str, Any]:
    """Run the farm and the renderer alone in turn. Ratios are within a pair, so drift of the machine cancels out."""
    rows = []
    for _ in range(pairs):
        alone = render_alone(**job)
        farm, cpu_shares = _farm(job)
        figures = {"alone_s": alone["render_s"], "farm_s": farm["render_s"], "efficiency": farm["efficiency"]}
        rows.append(figures | cpu_shares)
    ratios = [row["farm_s"] / row["alone_s"] for row in rows]
    return {
        "size": job["size"],
        "samples": job["samples"],
        "frames": job["frames"],
        "build": alone["build"],
        "ratio_median": round(statistics.median(ratios), 4),
        "ratio_min": round(min(ratios), 4),
        "ratio_max": round(max(ratios), 4),
        "runs": rows,
    }


def _farm(job: dict[str, Any]) -> tuple[dict[str, Any], dict[str, float]]:
    """Render on an embedded farm of two nodes with one thread each; returns its report and shares of processor time."""
    with tempfile.TemporaryDirectory() as out:
        command = [COMMAND, "render", job["scene"], "--size", job["size"], "--samples", str(job["samples"])]
        command += ["--nodes", "2", "--out", out, "--json", "--name", "bench"]
        if job["frames"] > 1:
            command += ["--frames", f"1-{job['frames']}"]
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        used = _cpu_by_role(process)
        printed, errors = process.communicate()
    if process.returncode:
        sys.exit(errors)
    total = sum(used.values())
    return json.loads(printed), {f"{role}_share": round(cpu_s / total, 4) for role, cpu_s in used.items()}


def _cpu_by_role(process: subprocess.Popen[str]) -> dict[str, float]:
    """Return processor seconds by role until the command ends, start-up included."""
    seen: dict[int, tuple[str, float]] = {}
    while process.poll() is None:
        for child in [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]:
            try:
                times = child.cpu_times()
                seen[child.pid] = (ROLES.get(kind_of(child), "command"), times.user + times.system)
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.5)
    used = {"renderer": 0.0, "prefect_server": 0.0, "dask_nodes": 0.0, "command": 0.0}
    for role, cpu_s in seen.values():
        used[role] += cpu_s
    return used


if __name__ == "__main__":
    main()
