"""Rendering with a task queue: each tile is a task, and each task is a renderer process that opens the scene.

The queue itself costs nothing here: the next task starts at once, and frames are stitched outside of tasks.
"""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.real import Outcome, pictures, read_layout
from storage.objects import open_store
from system.machine import cores
from tasks.node.renderer_process import RendererProcess
from tasks.node.unit_ledger import UnitLedger
from tasks.picture.frame_output import finish
from tasks.scene.frame_scenes import builds
from tasks.spec import SampleRange, UnitSpec

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from frontburner.jobs.job import RenderJob
    from frontburner.jobs.layout import Layout
    from storage.objects import ObjectStore
    from tasks.spec import Region, Size

ROOT = Path(__file__).resolve().parents[1]
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


def render(job: RenderJob, *, slots: int, cut: Callable[[Size], Sequence[Region]]) -> Outcome:
    """Render a job with ``slots`` processes at a time that share this machine's cores.

    Parameters
    ----------
    cut
        Returns the tiles of a frame.
    """
    store = open_store(job.out)
    with RendererProcess(node="reader", threads=1) as process:
        build = process.call(builds, job.renderer_name)[0]
        layout = read_layout(job, build, process.call)
    began_s = time.monotonic()
    tasks = _run(layout, store, slots, cut)
    wall_s = time.monotonic() - began_s
    render_s, load_s = (sum(task[part] for task in tasks) for part in ("render_s", "load_s"))
    return Outcome(
        wall_s=wall_s,
        efficiency=render_s / (slots * wall_s),
        build=build,
        pictures=pictures(layout, store),
        passes=_passes(layout),
        figures={
            "units": len(tasks),
            "busy_s": round(render_s, 3),
            "load_s": round(load_s, 3),
            "process_s": round(sum(task["task_s"] for task in tasks) - render_s - load_s, 3),
        },
    )


def _run(
    layout: Layout, store: ObjectStore, slots: int, cut: Callable[[Size], Sequence[Region]]
) -> list[dict[str, float]]:
    """Render and finish every frame; returns the seconds of each task by kind."""
    (samples,) = _passes(layout)
    of_frame = {
        number: [UnitSpec(frame=frame, region=region, samples=samples) for region in cut(frame.size)]
        for number, frame in layout.frames.items()
    }
    left = {number: len(units) for number, units in of_frame.items()}
    done = []
    with ThreadPoolExecutor(max_workers=slots) as queue:
        tasks = {
            queue.submit(_task, unit, store.url, max(1, cores() // slots)): number
            for number, units in of_frame.items()
            for unit in units
        }
        for task in as_completed(tasks):
            done.append(task.result())
            number = tasks[task]
            left[number] -= 1
            if not left[number]:
                tiles = [UnitLedger(store=store).load(unit) for unit in of_frame[number]]
                finish(tiles, replace(layout.orders[number], passes=(samples,)), store, {})
    return done


def _task(unit: UnitSpec, store_url: str, threads: int) -> dict[str, float]:
    """Run a task."""
    began_s = time.monotonic()
    task = subprocess.run(
        [sys.executable, "-m", "benchmarks.tile"],
        input=pickle.dumps((unit, store_url, threads)),
        cwd=ROOT,
        env=os.environ | ONE_THREAD,
        capture_output=True,
        check=False,
    )
    if task.returncode:
        raise RuntimeError(f"a task failed:\n{task.stderr.decode()}")
    seconds: dict[str, float] = json.loads(task.stdout.splitlines()[-1])
    return seconds | {"task_s": time.monotonic() - began_s}


def _passes(layout: Layout) -> tuple[SampleRange, ...]:
    """Return one pass of all samples: task queues have no probe."""
    return (SampleRange(start=0, stop=layout.passes[-1].stop),)
