"""Events to record, the record of runs made of them, and a store that can be taken away."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

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
    told = {"unit": "u", "node": "n1", "build": "1", "isa": "x", "started_s": 0, "wall_s": 2.0, "cpu_s": 1.0,
            "load_s": 0.5, "peak_memory_bytes": 7}  # fmt: skip
    return UnitRecord(**{**told, **fields})


def finished(done: int, node: str = "n1", **fields: Any) -> ev.UnitFinished:
    told = {"seconds_left": float(100 - done), **fields}
    return ev.UnitFinished(
        at_s=1, node=node, block=BLOCK, record=unit_record(node=node), pixel_samples_done=done, **told
    )


def ended(state: ev.RunState, sentence: str = "") -> ev.RunEnded:
    return ev.RunEnded(at_s=9, state=state, sentence=sentence)


def record(store: ObjectStore, run: str, *events: ev.Event, job_id: str = "job-1", at: datetime = NOW) -> None:
    """Have a run record these events, from its beginning to its end."""
    with EventWriter(store=store, job_id=job_id, run=run, now=lambda: at) as recorder:
        for event in events:
            recorder.take(event)


def told(store: ObjectStore) -> list[dict[str, Any]]:
    return [event for _, event in read_events(store, "job-1")]


def status_from(job_id: str, lines: Iterable[Mapping[str, Any]]) -> JobStatus:
    """Fold a record."""
    status = JobStatus(job_id=job_id)
    for line in lines:
        fold(status, line)
    return status


def words(store: ObjectStore) -> list[str]:
    return [event["what"] for event in told(store)]


def drive(folder: Path) -> Path:
    """Make a folder that can be taken away, even from one that is just writing to it."""
    disk = folder.with_name("disk")
    disk.mkdir()
    folder.symlink_to(disk)
    return folder


@contextmanager
def away(folder: Path) -> Iterator[None]:
    """Have every call of the store on a drive fail until the context ends."""
    disk = folder.readlink()
    _point(folder, folder)  # a loop: whatever is asked of it is an error
    try:
        yield
    finally:
        _point(folder, disk)


def _point(folder: Path, target: Path) -> None:
    fresh = folder.with_name("fresh")
    fresh.symlink_to(target)
    fresh.replace(folder)
