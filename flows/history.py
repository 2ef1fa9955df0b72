"""What happened in a job, kept for good in its store: an append-only record, written beside the work and read anywhere.

Object stores can't append, so each flush makes an object of its own, created exclusively. Trouble with the store
is waited out; it never ends the job.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from flows.plan.block import Block
from storage.errors import FrontburnerError, MissingObject
from storage.objects import HOUSE
from tasks.spec import UnitRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from flows import events as ev
    from storage.objects import ObjectStore

FLUSH_EVERY_S = 2.0
HEARTBEAT_EVERY_S = 5.0
HEARTBEAT = "alive"
MOST_WAITING = 100_000
"""Events that are kept while the store is away; more are dropped, and that is recorded."""
_TOLD_OF_UNITS = ("wall_s", "load_s", "cpu_s", "peak_memory_bytes", "reused")


def encode(event: ev.Event, at: datetime) -> dict[str, Any]:
    """Make an event plain JSON values: when, what, and its fields. Arrays are left out."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(event).__name__).lower()
    told: dict[str, Any] = {"at": at.isoformat(timespec="milliseconds"), "what": words}
    for each in fields(event):
        if each.name != "at_s":
            told |= _plain(each.name, getattr(event, each.name))
    return told


def _plain(name: str, value: object) -> dict[str, Any]:
    match value:
        case Block():
            r, s = value.region, value.samples
            return {"frame": value.frame, "samples": [s.start, s.stop], "region": [r.x0, r.y0, r.x1, r.y1]}
        case UnitRecord():
            return {told: getattr(value, told) for told in _TOLD_OF_UNITS}
        case np.ndarray():
            return {}
        case _ if is_dataclass(value):
            return {name: {each.name: getattr(value, each.name) for each in fields(value)}}
        case _:
            return {name: value}


@dataclass(slots=True, kw_only=True)
class Recorder:
    """Writes the record of one run; an observer of the job's events.

    Parameters
    ----------
    store, job_id, run
        Whose record; ``run`` sorts after all earlier runs of the job.
    now
        The time, with its zone.
    """

    store: ObjectStore
    job_id: str
    run: str
    now: Callable[[], datetime]
    flush_every_s: float = FLUSH_EVERY_S
    _waiting: list[str] = field(init=False, default_factory=list)
    _objects: int = field(init=False, default=0)
    _dropped: int = field(init=False, default=0)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _ended: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        """Begin to write."""
        self._thread = threading.Thread(target=self._write_on, name="history", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left, as far as the store is there."""
        self._ended.set()
        self._thread.join()

    def take(self, event: ev.Event) -> None:
        """Record an event."""
        self._add(encode(event, self.now()))

    def _add(self, told: dict[str, Any]) -> None:
        with self._lock:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(json.dumps(told, default=str))
            else:
                self._dropped += 1

    def _write_on(self) -> None:
        quiet_s = 0.0
        while not self._ended.wait(self.flush_every_s):
            quiet_s = 0.0 if self._waiting else quiet_s + self.flush_every_s
            if quiet_s >= HEARTBEAT_EVERY_S:
                self._add({"at": self.now().isoformat(timespec="milliseconds"), "what": HEARTBEAT})
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._lock:
            count, dropped = len(self._waiting), self._dropped
            lines = self._waiting[:count]
        if not lines:
            return
        if dropped:
            lines.append(json.dumps({"at": self.now().isoformat(), "what": "events dropped", "count": dropped}))
        try:
            self.store.create(_key(self.job_id, self.run, self._objects), "\n".join([*lines, ""]).encode())
        except FrontburnerError:
            return  # the next flush tries the same object again: a write that did arrive stays as it is
        with self._lock:
            del self._waiting[:count]
            self._objects, self._dropped = self._objects + 1, self._dropped - dropped


def read(store: ObjectStore, job_id: str, *, after: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Read a job's record in the order it was written: the key of the object, and what happened.

    Parameters
    ----------
    after
        Only objects after this key.
    """
    for key in store.list(_folder(job_id)):
        if key > after:
            try:
                lines = store.read(key).decode(errors="replace").splitlines()
            except MissingObject:
                continue
            yield from ((key, told) for line in lines if (told := _parsed(line)))


def jobs_in(store: ObjectStore) -> list[str]:
    """Identities of the jobs a store has a record of."""
    pattern = re.compile(rf"{HOUSE}/jobs/([^/]+)/events/")
    return sorted({match[1] for key in store.list(f"{HOUSE}/jobs/") if (match := pattern.match(key))})


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        told = json.loads(line)
    except ValueError:
        return None
    return told if isinstance(told, dict) and "what" in told else None


def _folder(job_id: str) -> str:
    return f"{HOUSE}/jobs/{job_id}/events/"


def _key(job_id: str, run: str, number: int) -> str:
    return f"{_folder(job_id)}{run}-{number:06d}.jsonl"
