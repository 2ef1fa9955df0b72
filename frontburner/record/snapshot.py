"""How each job of a store stands, kept beside its record: a record of months is known after reading three objects.

It only saves reading: one that is lost, torn or of another version is made anew from the whole record.
"""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psutil
from pydantic import TypeAdapter, ValidationError

from frontburner.events import RunState
from frontburner.record.event_log import read
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
_FOLDER = f"{INTERNAL_PREFIX}/standing/"


@dataclass(slots=True, kw_only=True)
class Snapshot:
    """The fold over all runs of a job up to a position of its record.

    Parameters
    ----------
    store, job_id
        Whose.
    due
        Whether it should be kept at the next occasion.
    """

    store: ObjectStore
    job_id: str
    due: bool = True
    status: JobStatus | None = field(init=False, default=None)
    position: str = field(init=False, default="")
    _kept_bytes: int = field(init=False, default=0)
    _grown_bytes: int = field(init=False, default=0)
    """What the record has grown by since."""

    def catch_up(self) -> JobStatus:
        """Take in what was written since; the first time, begin with what was kept."""
        status, position = (self.status, self.position) if self.status is not None else self._kept()
        for at, told in read(self.store, self.job_id, after=position):
            fold(status, told)
            position = at
        self.status, self.position = status, position  # only now: a store that failed halfway leaves no gap
        return status

    def take(self, position: str, told: Mapping[str, Any]) -> None:
        """Take in one more event, unless nothing is known yet of those before it."""
        if self.status is not None:
            fold(self.status, told)
            self.position = position

    def grow(self, more_bytes: int) -> None:
        """Note that the record has a part more. What is kept of a long job is large: it is due once that pays."""
        self._grown_bytes += more_bytes
        self.due = self.due or self._grown_bytes >= self._kept_bytes

    def keep(self, *, always: bool = False) -> None:
        """Write it down, if it is due."""
        if not (self.due or always):
            return
        status = self.catch_up() if self.status is None else self.status
        kept = {"version": VERSION, "position": self.position, "status": _STATUS.dump_python(status, mode="json")}
        told = json.dumps(kept).encode()
        self.store.write(_key(self.job_id), told)
        self.due, self._kept_bytes, self._grown_bytes = False, len(told), 0

    def _kept(self) -> tuple[JobStatus, str]:
        try:
            kept = json.loads(self.store.read(_key(self.job_id)))
            if kept["version"] == VERSION:
                return _STATUS.validate_python(kept["status"]), str(kept["position"])
        except (MissingObject, ValidationError, ValueError, KeyError, TypeError):
            pass  # the whole record says the same, only later
        return JobStatus(job_id=self.job_id), ""


def status_of(store: ObjectStore, job_id: str) -> JobStatus:
    """Return how a job stands; where its process is gone from this machine, that it is lost."""
    status = Snapshot(store=store, job_id=job_id).catch_up()
    if status.open and is_gone(status.run):
        status.state = RunState.LOST
    return status


def is_gone(run: RunStarted | None) -> bool:
    """Whether a run, given as the event it began with, was a process of this machine that is no more."""
    if run is None or run.host != socket.gethostname():
        return False
    try:
        return bool(psutil.Process(run.pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (psutil.Error, ValueError, TypeError):
        return False


def jobs_in(store: ObjectStore) -> list[str]:
    """Identities of the jobs a store has a record of."""
    return [key.removeprefix(_FOLDER).removesuffix(".json") for key in store.list(_FOLDER)]


def _key(job_id: str) -> str:
    return f"{_FOLDER}{job_id}.json"
