"""Events, records of runs made of them, and a store that can be made unavailable."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from frontburner import events as ev
from frontburner.plan.block import Block
from frontburner.record.event_log import read_events
from frontburner.record.event_writer import EventWriter
from frontburner.record.job_status import JobStatus, fold
from tasks.spec import Region, SampleRange, UnitRecord

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path
    from typing import Any

    from storage.objects import ObjectStore

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BLOCK = Block(frame=3, samples=SampleRange(start=0, stop=8), region=Region(x0=0, y0=0, x1=4, y1=2))


def started(**fields: Any) -> ev.RunStarted:
    return ev.RunStarted(**{"at_s": 0, "job_id": "job-1", "job": {"scene": "a.xml"}, "host": "h", "pid": 1, **fields})


def planned(frames: int = 2) -> ev.JobPlanned:
    return ev.JobPlanned(at_s=0, job_id="job-1", frames=frames, pixel_samples=100, reused_frames=0)


def unit_record(**fields: Any) -> UnitRecord:
    defaults = {"unit": "u", "node": "n1", "build": "1", "isa": "x", "started_s": 0, "wall_s": 2.0, "cpu_s": 1.0,
                "load_s": 0.5, "peak_memory_bytes": 7}  # fmt: skip
    return UnitRecord(**{**defaults, **fields})


def finished(done: int, node: str = "n1", **fields: Any) -> ev.UnitFinished:
    values = {"seconds_left": float(100 - done), **fields}
    return ev.UnitFinished(
        at_s=1, node=node, block=BLOCK, record=unit_record(node=node), pixel_samples_done=done, **values
    )


def ended(state: ev.RunState, sentence: str = "") -> ev.RunEnded:
    return ev.RunEnded(at_s=9, state=state, sentence=sentence)


def record(store: ObjectStore, run: str, *events: ev.Event, job_id: str = "job-1", at: datetime = NOW) -> None:
    """Have a run record these events, from its beginning to its end."""
    with EventWriter(store=store, job_id=job_id, run=run, now=lambda: at) as writer:
        for event in events:
            writer.take(event)


def recorded_lines(store: ObjectStore) -> list[dict[str, Any]]:
    return [event for _, event in read_events(store, "job-1")]


def status_from(job_id: str, lines: Iterable[Mapping[str, Any]]) -> JobStatus:
    """Fold a record."""
    status = JobStatus(job_id=job_id)
    for line in lines:
        fold(status, line)
    return status


def event_names(store: ObjectStore) -> list[str]:
    return [event["what"] for event in recorded_lines(store)]


def detachable_folder(folder: Path) -> Path:
    """Make a folder that can be made unavailable, even to a process that is writing to it."""
    if sys.platform == "win32":
        pytest.skip("only administrators make symbolic links there")
    disk = folder.with_name("disk")
    disk.mkdir()
    folder.symlink_to(disk)
    return folder


@contextmanager
def detached(folder: Path) -> Iterator[None]:
    """Have every call of a store in this folder fail until the context ends."""
    disk = folder.readlink()
    _point(folder, folder)  # a symbolic link to itself: every access fails
    try:
        yield
    finally:
        _point(folder, disk)


def _point(folder: Path, target: Path) -> None:
    fresh = folder.with_name("fresh")
    fresh.symlink_to(target)
    fresh.replace(folder)
