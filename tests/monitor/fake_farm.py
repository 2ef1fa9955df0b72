"""A fake farm for the monitor: jobs whose records are written as runs write them, and nodes that tests set."""

from __future__ import annotations

import io
import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np
import uvicorn
from PIL import Image

from frontburner import events as ev
from frontburner.monitor.app import make_app
from frontburner.monitor.drop_handler import LocalDropHandler, SubmittedJob
from frontburner.monitor.requests import allow_all
from frontburner.plan.block import Block
from frontburner.record.event_codec import encode
from frontburner.record.event_log import part_key
from frontburner.record.registry import JobLocation
from storage.errors import FrontburnerError
from storage.objects import open_store
from tasks.picture.frame_output import preview_key
from tasks.picture.still_parts import part_key as key_of_part
from tasks.spec import Region, SampleRange, Size, UnitRecord, place_of
from tests.end_to_end.conftest import until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from frontburner.control.desired_state import DesiredState
    from frontburner.control.resume import RerunRequest
    from frontburner.monitor.requests import PermissionCheck
    from storage.objects import ObjectStore

SIZE = Size(width=640, height=360)
LINES_A_PART = 600


def now() -> datetime:
    return datetime.now().astimezone()


def block(frame: int = 1, region: Region = SIZE.whole, start: int = 0, stop: int = 4) -> Block:
    return Block(frame=frame, samples=SampleRange(start=start, stop=stop), region=region)


def node(name: str, state: str = "idle", **told: Any) -> dict[str, Any]:
    """What the arbiter's snapshot has of a node."""
    found = {
        "name": name, "state": state, "job": "", "renders": ["mitsuba"], "groups": [], "hours": "", "excluded": [],
        "why": "", "address": f"tcp://10.0.0.1:{name}", "host": f"host-{name}", "versions": {}, "problems": [],
        "remedies": [], "threads": 8, "memory_bytes": 64 << 30, "memory_used_bytes": 9 << 30, "cpu_percent": 640.0,
    }  # fmt: skip
    return found | told


@dataclass(slots=True, kw_only=True)
class RecordWriter:
    """Writes the record of one run of a job, event by event, each at its own moment."""

    store: ObjectStore
    job_id: str
    run: str = "20260101T000000000000-a"
    began: datetime = field(default_factory=now)
    lines: list[str] = field(default_factory=list)
    parts: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, *events: ev.Event, at_s: float | None = None) -> None:
        for event in events:
            at = self.began + timedelta(seconds=event.at_s if at_s is None else at_s)
            with self.lock:
                self.lines.append(json.dumps(encode(event, at)))

    def write(self) -> None:
        """Write what is new, with a sign of life at its end, in parts as a run writes them."""
        with self.lock:
            self.lines.append(json.dumps(encode(ev.Heartbeat(at_s=0.0), now())))
            while self.lines:
                part, self.lines = self.lines[:LINES_A_PART], self.lines[LINES_A_PART:]
                self.store.write(part_key(self.job_id, self.run, self.parts), "\n".join([*part, ""]).encode())
                self.parts += 1


def started(job_id: str, **job: Any) -> ev.RunStarted:
    document = {"scene": "/shots/room.xml", "renderer": "mitsuba", "out": "s3://pictures/room", "priority": 50, **job}
    return ev.RunStarted(
        at_s=0, job_id=job_id, job=document, host="elsewhere", pid=1, flow_run="0b0e", scheduler="tcp://10.0.0.1:8786",
        prefect_api="http://10.0.0.1:4200/api",
    )  # fmt: skip


def planned(job_id: str, numbers: str, frames: int, *, samples: int = 64) -> ev.JobPlanned:
    return ev.JobPlanned(
        at_s=0, job_id=job_id, frames=frames, pixel_samples=SIZE.whole.area * samples * frames, reused_frames=0,
        numbers=numbers, size=SIZE, region=SIZE.whole,
    )  # fmt: skip


def finished(
    name: str, what: Block, at_s: float, *, done: int, wall_s: float = 9.0, left_s: float | None = 600.0
) -> ev.UnitFinished:
    record = UnitRecord(
        unit="u", node=name, build="b", isa="x", started_s=0, wall_s=wall_s, cpu_s=8 * wall_s, load_s=0.2,
        peak_memory_bytes=1 << 30,
    )  # fmt: skip
    return ev.UnitFinished(
        at_s=at_s, node=name, block=what, record=record, seconds_left=left_s, pixel_samples_done=done
    )


@dataclass
class FakeFarm:
    """A `frontburner.monitor.farm_source.FarmSource` whose jobs and nodes are set, and whose controls are noted."""

    folder: Path
    nodes: list[dict[str, Any]] = field(default_factory=list)
    jobs: list[str] = field(default_factory=list)
    trouble: FrontburnerError | None = None
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    licences: dict[str, int] = field(default_factory=dict)
    refuses: str = ""

    @property
    def store(self) -> ObjectStore:
        return open_store(str(self.folder / "store"))

    def list_jobs(self) -> Sequence[JobLocation]:
        return [JobLocation(job_id=job_id, store=self.store) for job_id in self.jobs]

    def snapshot(self) -> Mapping[str, Any]:
        if self.trouble is not None:
            raise self.trouble
        return {"nodes": [dict(each) for each in self.nodes], "jobs": [], "licences": dict(self.licences)}

    def call_arbiter(self, call: str, **what: Any) -> None:
        if self.refuses:
            raise FrontburnerError(reason=self.refuses, remedy="")
        self.calls.append((call, what))

    def request_stop(self, job: JobLocation, state: DesiredState, report: Callable[[str], None]) -> None:
        self.calls.append((state.value, {"job": job.job_id}))
        report(f"{job.job_id}: {state.value}")

    def resume(self, job: JobLocation, request: RerunRequest | None, report: Callable[[str], None]) -> None:
        self.calls.append(("resume", {"job": job.job_id, "request": request}))
        report(f"{job.job_id} goes on.")

    def check(self, node: str) -> Mapping[str, Any]:
        self.calls.append(("check", {"node": node}))
        failed = {
            "name": "memory",
            "grade": "fails",
            "value": "",
            "reason": "1 GiB is left.",
            "remedy": "Close something.",
        }
        return {"node": node, "ok": False, "checks": [failed]}

    def record_of(self, job_id: str, began: datetime | None = None) -> RecordWriter:
        if job_id not in self.jobs:
            self.jobs.append(job_id)
        return RecordWriter(store=self.store, job_id=job_id, began=began or now())


@dataclass(slots=True, kw_only=True)
class FakeDropHandler(LocalDropHandler):
    """Takes and reads scenes as the monitor of one's own does; what it would have rendered is noted."""

    asked: list[dict[str, Any]] = field(default_factory=list)
    by: list[str] = field(default_factory=list)
    fails: str = ""

    async def submit(self, document: dict[str, Any], by: str) -> SubmittedJob:
        self.asked.append(document)
        self.by.append(by)

        async def why() -> str:
            return self.fails

        return SubmittedJob(job_id=f"ball-{len(self.asked):08x}", message="Its process starts.", failure=why)


def jpeg(picture: Any) -> bytes:
    made = io.BytesIO()
    Image.fromarray(np.asarray(picture, np.uint8)).save(made, "JPEG", quality=80)
    return made.getvalue()


def gradient(frame: int, width: int = 160, height: int = 90) -> bytes:
    y, x = np.mgrid[0:height, 0:width]
    return jpeg(np.stack([(x + 3 * frame) % 256, (2 * y + frame) % 256, np.full_like(x, frame * 7 % 256)], axis=-1))


def outputs(farm: FakeFarm, job_id: str, frame: int) -> tuple[str, ...]:
    title = job_id.rpartition("-")[0]
    return tuple(farm.store.locate(f"{title}.{frame:04d}.{kind}") for kind in ("exr", "png"))


def put_preview(farm: FakeFarm, job_id: str, frame: int, data: bytes) -> None:
    key = f"{job_id.rpartition('-')[0]}.{frame:04d}.exr"
    farm.store.write(preview_key(key), data)


def put_part(farm: FakeFarm, job_id: str, what: Block, data: bytes) -> None:
    place = place_of(what.region, what.samples)
    farm.store.write(key_of_part(f"_frontburner/jobs/{job_id}/parts", place), data)


def large_farm(farm: FakeFarm, *, nodes: int = 1000, frames: int = 10_000, in_place: int = 6_000) -> RecordWriter:
    """A sequence of many frames under way on many nodes, some of which are in trouble."""
    job_id, names = "walk-0a1b2c3d", [f"node-{nth}" for nth in range(1, nodes + 1)]
    record = farm.record_of(job_id, now() - timedelta(seconds=3600))
    record.add(started(job_id, frames=f"1-{frames}", finish_by="08:00"), planned(job_id, f"1-{frames}", frames))
    record.add(*(ev.NodeJoined(at_s=1, node=name) for name in names))
    each = SIZE.whole.area * 64
    for frame in range(1, in_place + 1):
        name, at_s = names[frame % nodes], 2 + 3500 * frame / in_place
        what = block(frame, start=0, stop=64)
        record.add(ev.UnitStarted(at_s=at_s, node=name, block=what))
        record.add(finished(name, what, at_s, done=each * frame, left_s=3600 * (frames - frame) / frame))
        if frame % 997 == 0:
            record.add(
                ev.FrameFailed(
                    at_s=at_s, frame=frame, reason="The texture wood.exr is missing.", last_words="no such file"
                )
            )
        else:
            record.add(ev.FrameWritten(at_s=at_s, frame=frame, outputs=outputs(farm, job_id, frame)))
    for nth, name in enumerate(names):
        if in_place + nth + 1 <= frames:
            record.add(ev.UnitStarted(at_s=3590, node=name, block=block(in_place + nth + 1, stop=64)))
    farm.nodes = [_node_of_many(nth, name, job_id) for nth, name in enumerate(names)]
    record.add(ev.UnitReused(at_s=3599, block=block(1, stop=1), pixel_samples_done=each * in_place))
    record.write()
    return record


def _node_of_many(nth: int, name: str, job_id: str) -> dict[str, Any]:
    if nth % 250 == 17:
        return node(name, "idle", problems=["mitsuba: libLLVM.so is missing."], remedies=["apt-get install libllvm19"])
    if nth % 100 == 40:
        return node(name, "paused", why="it is paused by anna on desk")
    return node(name, "rendering", job=job_id, cpu_percent=500.0 + nth % 300, memory_used_bytes=(8 + nth % 40) << 30)


@contextmanager
def alive(record: RecordWriter, every_s: float = 4.0) -> Iterator[None]:
    """Have a run say that it lives, as one does, for as long as the context lasts."""
    over = threading.Event()

    def go_on() -> None:
        while not over.wait(every_s):
            record.write()

    thread = threading.Thread(target=go_on, name="heartbeat", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@contextmanager
def serving(
    farm: Any, allowed: PermissionCheck = allow_all, *, port: int = 0, drops: LocalDropHandler | None = None
) -> Iterator[str]:
    """Serve the monitor of a source on loopback; gives its address."""
    config = uvicorn.Config(
        make_app(farm, allowed=allowed, drops=drops),
        host="127.0.0.1",
        port=port,
        log_level="critical",
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="monitor", daemon=True)
    thread.start()
    until(lambda: server.started or not thread.is_alive())
    assert server.started, "the monitor ended while it started"
    found = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{found}/"
    finally:
        server.should_exit = True
        thread.join()
