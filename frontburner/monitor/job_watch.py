"""A watched job: its record is read as it grows, and what the page shows of it is kept up to date."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from frontburner.control.desired_state import priority_of
from frontburner.events import RunState
from frontburner.monitor.job_rows import LiveJob, details, row, title
from frontburner.record.event_log import read_events
from frontburner.record.job_status import HEARTBEAT_TIMEOUT
from frontburner.record.snapshot import Snapshot, process_is_gone
from storage.errors import FrontburnerError, MissingObject
from storage.objects import INTERNAL_PREFIX
from tasks.scene.animation import frame_number

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from frontburner.monitor.nodes import NodeActivity
    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

IDLE_INTERVAL_S = 10.0
"""A job without a run is polled this often: another machine may resume it."""


@dataclass(slots=True, kw_only=True)
class JobWatch:
    """A job, and its last known state.

    Parameters
    ----------
    location
        Its identity, and the store of its record.
    """

    location: JobLocation
    row: dict[str, Any] = field(init=False, default_factory=dict)
    details: dict[str, Any] = field(init=False, default_factory=dict)
    live: LiveJob | None = field(init=False, default=None)
    activities: dict[str, NodeActivity] = field(init=False, default_factory=dict)
    """What its nodes do while a run goes on; a copy, as the fold goes on in another thread."""
    outputs: dict[int, tuple[str, ...]] = field(init=False, default_factory=dict)
    """Files of the frames that are in place."""
    due_s: float = field(init=False, default=0.0)
    _snapshot: Snapshot = field(init=False)
    _changed_s: float | None = field(init=False, default=None)
    _shown: tuple[object, ...] = field(init=False, default=())
    _note: tuple[int, str] = field(init=False, default=(0, ""))
    _last_position: str = field(init=False, default="")
    _position: str = field(init=False, default="")
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _report: tuple[str, dict[str, Any] | None, bool] = field(init=False, default=("", None, False))

    def __post_init__(self) -> None:
        self._snapshot = Snapshot(store=self.location.store, job_id=self.location.job_id)

    @property
    def running(self) -> bool:
        """Whether a run of it is going on."""
        return bool(self.row.get("running"))

    def note(self, message: str) -> None:
        """Show a message until another run starts."""
        self._note = self.row.get("runs", 0), message

    def stem(self, frame: int) -> str:
        """The names of a frame's files, without their suffixes."""
        job = self._snapshot.status.job if self._snapshot.status else {}
        name = title(self.location.job_id, job)
        return f"{name}.{frame_number(frame)}" if job.get("frames") else name

    def poll(self, now: datetime, *, detailed: bool) -> None:
        """Read what is new; with ``detailed``, or while a run goes on, the whole record."""
        with self._lock:
            status = self._snapshot.catch_up()
            state = self._state(status, now)
            running = state in (RunState.RUNNING, RunState.ENDING)
            if detailed or running:
                self._follow()
            elif self.live is not None:
                self.live, self._position = None, ""
            _, report, chart = self._report_of(status, running=running)
            priority = priority_of(self.location.store, self.location.job_id)
            self.row = row(status, state, now, live=self.live, report=report, priority=priority)
            if self._note[1] and self._note[0] == status.runs:
                self.row["noted"] = self._note[1]
            version = self._snapshot.position, self._position, state, detailed, self._report[0]
            if version != self._shown:
                self._shown = version
                live = self.live if detailed else None
                self.details = details(status, state, live, report=report, chart=chart) if live else {}
                activities = self.live.activities.nodes if self.live and running else {}
                self.activities = {name: activity.copy() for name, activity in activities.items()}
                self.outputs = dict(status.written)
            self.due_s = time.monotonic() + (0.0 if running else IDLE_INTERVAL_S)

    def _follow(self) -> None:
        self.live = self.live or LiveJob()
        for position, event in read_events(self.location.store, self.location.job_id, after=self._position):
            self.live.on_event(event)
            self._position = position

    def _state(self, status: JobStatus, now: datetime) -> RunState:
        """Return its state: a run whose process is gone, or whose heartbeats have stopped, is lost."""
        now_s = time.monotonic()
        if self._last_position != self._snapshot.position:
            self._changed_s = now_s if self._last_position else None  # at the first poll, the last event may be old
            self._last_position = self._snapshot.position
        if not status.open:
            return status.state
        recent = self._changed_s is not None and timedelta(seconds=now_s - self._changed_s) <= HEARTBEAT_TIMEOUT
        if process_is_gone(status.run) or (status.heartbeat_overdue(now) and not recent):
            return RunState.LOST
        return status.state

    def _report_of(self, status: JobStatus, *, running: bool) -> tuple[str, dict[str, Any] | None, bool]:
        """Read the report of the last run once it has ended."""
        version = "" if running else status.last
        if version != self._report[0]:
            folder, job_id = f"{INTERNAL_PREFIX}/jobs", self.location.job_id
            report = _document(self.location, f"{folder}/{job_id}.json") if version else None
            chart = bool(version) and self.location.store.exists(f"{folder}/{job_id}.png")
            self._report = version, report, chart
        return self._report


def _document(location: JobLocation, key: str) -> dict[str, Any] | None:
    try:
        found: Mapping[str, Any] = json.loads(location.store.read(key))
    except (MissingObject, ValueError):
        return None
    return dict(found)


def unknown_row(job_id: str, error: FrontburnerError) -> dict[str, Any]:
    """Return the row of a job whose store can't be read."""
    return {"id": job_id, "title": job_id.rpartition("-")[0] or job_id, "state": "unknown", "running": False,
            "kind": "still", "sentence": str(error), "advice": "", "fraction": 0.0, "frames": 0, "written": 0,
            "failed": 0, "nodes": 0, "started": "", "ended": "", "runs": 0}  # fmt: skip
