"""Typical states of a farm, each set up by a function."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from storage.errors import FrontburnerError
from tasks.spec import Region
from tests.monitor.fake_farm import (
    SIZE,
    FakeFarm,
    block,
    finished,
    gradient,
    node,
    now,
    outputs,
    planned,
    put_part,
    put_preview,
    started,
)

if TYPE_CHECKING:
    from frontburner.plan.block import Block
    from tests.monitor.fake_farm import RecordWriter

ROOM, WALK = "room-1a2b3c4d", "walk-0a1b2c3d"
WHOLE = SIZE.whole.area * 64


def no_farm(farm: FakeFarm) -> None:
    farm.trouble = FrontburnerError(
        reason="No farm runs on this machine.",
        remedy="Start one (`frontburner farm start`), or say where it is: --scheduler tcp://HOST:PORT.",
    )


def quarters() -> list[Block]:
    halves = [(0, 320), (320, 640)], [(0, 180), (180, 360)]
    regions = [Region(x0=x0, y0=y0, x1=x1, y1=y1) for y0, y1 in halves[1] for x0, x1 in halves[0]]
    return [replace(block(0), region=region) for region in regions]


def still(farm: FakeFarm, job_id: str = ROOM, *, parts: int = 3) -> RecordWriter:
    """A still of which some parts are there and one is being rendered."""
    record = farm.record_of(job_id, now() - timedelta(seconds=60))
    record.add(started(job_id, name="The room"), replace(planned(job_id, "0", 1), frames=1))
    record.add(ev.NodeJoined(at_s=1, node="n1"), ev.NodeJoined(at_s=1, node="n2"))
    for nth, one in enumerate(quarters()):
        record.add(ev.UnitStarted(at_s=2 + nth, node="n1", block=one))
        if nth < parts:
            put_part(farm, job_id, one, gradient(40 * nth, 320, 180))
            record.add(finished("n1", one, 10 + nth, done=one.pixel_samples * (nth + 1)))
    record.write()
    return record


def waiting(farm: FakeFarm) -> None:
    record = farm.record_of(ROOM, now() - timedelta(seconds=9))
    record.add(started(ROOM), planned(ROOM, "0", 1))
    record.add(ev.NodeWithheld(at_s=2, node="n1", why="walk-0a1b2c3d has it, priority 80"))
    record.write()


def sequence(farm: FakeFarm, *, failed: bool = False, ends: ev.RunState | None = None) -> RecordWriter:
    """A sequence of 24 frames, half of it in place."""
    record = farm.record_of(WALK, now() - timedelta(seconds=120))
    record.add(started(WALK, frames="1-24", finish_by="08:00"), planned(WALK, "1-24", 24))
    record.add(*(ev.NodeJoined(at_s=1, node=name) for name in ("n1", "n2")))
    in_place = 24 if ends is ev.RunState.COMPLETED else 12
    for frame in range(1, in_place + 1):
        what = block(frame, stop=64)
        record.add(ev.UnitStarted(at_s=4 * frame, node=f"n{1 + frame % 2}", block=what))
        record.add(finished(f"n{1 + frame % 2}", what, 4 * frame + 3.5, done=WHOLE * frame, wall_s=3.4))
        if failed and frame in (5, 6):
            reason = "The texture wood.exr is missing."
            record.add(ev.FrameFailed(at_s=4 * frame + 3, frame=frame, reason=reason, last_words="Error: no such file"))
            continue
        put_preview(farm, WALK, frame, gradient(9 * frame, 320, 180))
        record.add(ev.FrameWritten(at_s=4 * frame + 3.6, frame=frame, outputs=outputs(farm, WALK, frame)))
    if ends is None:
        record.add(ev.UnitStarted(at_s=99, node="n1", block=block(13, stop=64)))
    else:
        said = "2 of 24 frames failed; frame 5: The texture wood.exr is missing." if failed else ""
        record.add(ev.RunEnded(at_s=110, state=ends, sentence=said))
    record.write()
    return record


def two_nodes(farm: FakeFarm) -> None:
    farm.nodes = [node("n1", "rendering", job=WALK), node("n2")]


def broken_node(farm: FakeFarm) -> None:
    two_nodes(farm)
    farm.nodes.append(
        node("n3", problems=["mitsuba: libLLVM.so is missing."], remedies=["apt-get install libllvm19"], renders=[])
    )


def report(farm: FakeFarm, job_id: str = WALK) -> None:
    """Put the report of a job that has ended, and its chart, where its run puts them."""
    told: dict[str, Any] = {
        "job_id": job_id, "renderer": "mitsuba 3.9.1 llvm_ad_rgb", "outputs": [], "chart": None, "frames": 24,
        "failed_frames": {}, "last_words": {}, "units": 24, "reused_units": 0, "reused_frames": 0, "lost_units": 0,
        "taken_over": 0, "failed_attempts": 0, "damaged_units": 0, "set_aside": {}, "nodes": 2, "render_s": 100.0,
        "ideal_s": 97.0, "ideal_ratio": 1.031, "finish_s": 1.0, "tail_s": 1.0, "tail_idle_s": 1.0, "busy_s": 194.0,
        "load_s": 0.4, "wasted_s": 0.0, "wasted_share": 0.0, "cpu_s": 1500.0, "available_s": 200.0, "efficiency": 0.97,
        "node_time": dict.fromkeys(("rendering", "loading", "wasted", "tail", "finishing", "between"), 1.0),
        "scene": None, "probe": {"units": 0, "seconds": 0.0, "share": 0.0}, "notes": [], "per_node": {}, "reached": {},
        "prediction": {"units": 20, "median_error": 0.06, "p90_error": 0.2},
    }  # fmt: skip
    farm.store.write(f"_frontburner/jobs/{job_id}.json", json.dumps(told).encode())
    farm.store.write(f"_frontburner/jobs/{job_id}.png", gradient(1, 300, 120))
