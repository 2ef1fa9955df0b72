"""One job under watch: its record is read as it grows, and what the page shows of it is kept ready."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from frontburner.control.desired_state import priority_of
from frontburner.events import RunState
from frontburner.monitor.job_rows import Live, details, row, title
from frontburner.record.event_log import read_events
from frontburner.record.job_status import HEARTBEAT_TIMEOUT
from frontburner.record.snapshot import Snapshot, process_is_gone
from storage.errors import FrontburnerError, MissingObject
from storage.objects import INTERNAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from frontburner.monitor.node_activity import NodeActivity
    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

REST_LOOK_S = 10.0
"""A job without a run is looked at this often: another machine may go on with it."""


@dataclass(slots=True, kw_only=True)
class JobWatch:
    """A job, and what was last known of it.

    Parameters
    ----------
    place
        Its identity, and the store of its record.
    """

    place: JobLocation
    row: dict[str, Any] = field(init=False, default_factory=dict)
    details: dict[str, Any] = field(init=False, default_factory=dict)
    live: Live | None = field(init=False, default=None)
    doings: dict[str, NodeActivity] = field(init=False, default_factory=dict)
    """What its nodes do, where a run is under way; a copy, as the fold goes on in another thread."""
    outputs: dict[int, tuple[str, ...]] = field(init=False, default_factory=dict)
    """Files of the frames that are in place."""
    due_s: float = field(init=False, default=0.0)
    _standing: Snapshot = field(init=False)
    _heard_s: float | None = field(init=False, default=None)
    _told: tuple[object, ...] = field(init=False, default=())
    _noted: tuple[int, str] = field(init=False, default=(0, ""))
    _heard_at: str = field(init=False, default="")
    _position: str = field(init=False, default="")
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _report: tuple[str, dict[str, Any] | None, bool] = field(init=False, default=("", None, False))

    def __post_init__(self) -> None:
        self._standing = Snapshot(store=self.place.store, job_id=self.place.job_id)

    @property
    def running(self) -> bool:
        """Whether a run of it is under way."""
        return bool(self.row.get("running"))

    def note(self, sentence: str) -> None:
        """Keep a sentence for as long as no other run begins."""
        self._noted = self.row.get("runs", 0), sentence

    def stem(self, frame: int) -> str:
        """What the files of a frame are called, but for their endings."""
        job = self._standing.status.job if self._standing.status else {}
        return f"{title(self.place.job_id, job)}.{frame:04d}" if job.get("frames") else title(self.place.job_id, job)

    def look(self, now: datetime, *, whole: bool) -> None:
        """Read what is new of it; all its record where it is to be told as a whole, or a run is under way."""
        with self._lock:
            status = self._standing.catch_up()
            state = self._state(status, now)
            running = state in (RunState.RUNNING, RunState.ENDING)
            if whole or running:
                self._follow()
            elif self.live is not None:
                self.live, self._position = None, ""
            _, report, chart = self._report_of(status, running=running)
            priority = priority_of(self.place.store, self.place.job_id)
            self.row = row(status, state, now, live=self.live, report=report, priority=priority)
            if self._noted[1] and self._noted[0] == status.runs:
                self.row["noted"] = self._noted[1]
            told = self._standing.position, self._position, state, whole, self._report[0]
            if told != self._told:  # where nothing is new, what was made of it holds
                self._told = told
                live = self.live if whole else None
                self.details = details(status, state, live, report=report, chart=chart) if live else {}
                doings = self.live.doings.nodes if self.live and running else {}
                self.doings = {name: doing.copy() for name, doing in doings.items()}
                self.outputs = dict(status.written)
            self.due_s = time.monotonic() + (0.0 if running else REST_LOOK_S)

    def _follow(self) -> None:
        self.live = self.live or Live()
        for position, told in read_events(self.place.store, self.place.job_id, after=self._position):
            self.live.take(told)
            self._position = position

    def _state(self, status: JobStatus, now: datetime) -> RunState:
        """How it stands: a run whose process is gone, or of which nothing is heard any more, is lost."""
        now_s = time.monotonic()
        if self._heard_at != self._standing.position:
            self._heard_s = now_s if self._heard_at else None  # what was there at the first look may be old
            self._heard_at = self._standing.position
        if not status.open:
            return status.state
        heard = self._heard_s is not None and timedelta(seconds=now_s - self._heard_s) <= HEARTBEAT_TIMEOUT
        if process_is_gone(status.run) or (status.heartbeat_overdue(now) and not heard):
            return RunState.LOST
        return status.state

    def _report_of(self, status: JobStatus, *, running: bool) -> tuple[str, dict[str, Any] | None, bool]:
        """Read the report of the last run once it has ended."""
        version = "" if running else status.last
        if version != self._report[0]:
            folder, job_id = f"{INTERNAL_PREFIX}/jobs", self.place.job_id
            report = _document(self.place, f"{folder}/{job_id}.json") if version else None
            chart = bool(version) and self.place.store.exists(f"{folder}/{job_id}.png")
            self._report = version, report, chart
        return self._report


def _document(place: JobLocation, key: str) -> dict[str, Any] | None:
    try:
        found: Mapping[str, Any] = json.loads(place.store.read(key))
    except (MissingObject, ValueError):
        return None
    return dict(found)


def trouble(job_id: str, error: FrontburnerError) -> dict[str, Any]:
    """Return the row of a job whose store can't be read."""
    return {"id": job_id, "title": job_id.rpartition("-")[0] or job_id, "state": "can't be told", "running": False,
            "kind": "still", "sentence": str(error), "advice": "", "fraction": 0.0, "frames": 0, "written": 0,
            "failed": 0, "nodes": 0, "started": "", "ended": "", "runs": 0}  # fmt: skip
