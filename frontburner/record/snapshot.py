"""Snapshot of each job's status, kept beside its record, so that a record of months needs only a few reads.

A snapshot is a cache: if it is missing, damaged or of another version, the whole record is read instead.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
from pydantic import TypeAdapter, ValidationError

from frontburner.events import RunState
from frontburner.record.event_log import read_events
from frontburner.record.job_status import JobStatus, fold
from storage.errors import MissingObject
from storage.objects import INTERNAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from frontburner.events import RunStarted
    from storage.objects import ObjectStore

VERSION = 1
_STATUS: TypeAdapter[JobStatus] = TypeAdapter(JobStatus)
# Named "standing" since the first version: keys in stores don't change.
_FOLDER = f"{INTERNAL_PREFIX}/standing/"


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """Status of a job up to a position of its record.

    Parameters
    ----------
    store, job_id
        The job, and the store of its record.
    due
        Whether `save` writes it.
    """

    store: ObjectStore
    job_id: str
    due: bool = True
    status: JobStatus | None = field(init=False, default=None)
    position: str = field(init=False, default="")
    _saved_bytes: int = field(init=False, default=0)
    _growth_bytes: int = field(init=False, default=0)
    """Growth of the record since the last save."""

    def catch_up(self) -> JobStatus:
        """Read and fold in what was written since; the first time, start from the saved snapshot."""
        status, position = (self.status, self.position) if self.status is not None else self._load()
        for read_position, line in read_events(self.store, self.job_id, after=position):
            fold(status, line)
            position = read_position
        self.status, self.position = status, position  # only now: a read that fails halfway leaves no gap
        return status

    def take(self, position: str, line: Mapping[str, Any]) -> None:
        """Fold in the next event, unless those before it haven't been read yet."""
        if self.status is not None:
            fold(self.status, line)
            self.position = position

    def note_growth(self, more_bytes: int) -> None:
        """Count a new part of the record. The snapshot is due again when the record has grown by its size."""
        self._growth_bytes += more_bytes
        self.due = self.due or self._growth_bytes >= self._saved_bytes

    def save(self, *, always: bool = False) -> None:
        """Write it to the store, if it is due."""
        if not (self.due or always):
            return
        status = self.catch_up() if self.status is None else self.status
        document = {"version": VERSION, "position": self.position, "status": _STATUS.dump_python(status, mode="json")}
        data = json.dumps(document).encode()
        self.store.write(_key(self.job_id), data)
        self.due, self._saved_bytes, self._growth_bytes = False, len(data), 0

    def _load(self) -> tuple[JobStatus, str]:
        try:
            document = json.loads(self.store.read(_key(self.job_id)))
            if document["version"] == VERSION:
                return _STATUS.validate_python(document["status"]), str(document["position"])
        except (MissingObject, ValidationError, ValueError, KeyError, TypeError):
            pass  # read the whole record instead
        return JobStatus(job_id=self.job_id), ""


def status_of(store: ObjectStore, job_id: str) -> JobStatus:
    """Return the status of a job; lost if its run was a process of this machine that is gone."""
    status = Snapshot(store=store, job_id=job_id).catch_up()
    if status.open and process_is_gone(status.run):
        status.state = RunState.LOST
    return status


def process_is_gone(run: RunStarted | None) -> bool:
    """Whether a run, given by its first event, was a process of this machine that is gone."""
    if run is None or run.host != socket.gethostname():
        return False
    try:
        return bool(psutil.Process(run.pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, ValueError, TypeError):
        return False


def job_ids(store: ObjectStore) -> list[str]:
    """Ids of the jobs a store has records of."""
    return [key.removeprefix(_FOLDER).removesuffix(".json") for key in store.list(_FOLDER)]


def _key(job_id: str) -> str:
    return f"{_FOLDER}{job_id}.json"
