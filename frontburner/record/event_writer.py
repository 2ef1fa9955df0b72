"""Write the record of a run to the job's store, from a thread: an append-only log that can be read anywhere.

Object stores can't append, so each run writes a sequence of objects: the last one is replaced by itself with more
lines until it is large enough. While the store is unavailable, events are kept in memory; that never ends the job.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from frontburner import events as ev
from frontburner.record.event_codec import encode
from frontburner.record.event_log import part_key, position_of
from frontburner.record.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from storage.objects import ObjectStore

FLUSH_INTERVAL_S = 2.0
HEARTBEAT_INTERVAL_S = 5.0
CLOSE_TIMEOUT_S = 15.0
"""How long a run that ended retries to write the rest of its record."""
PART_BYTES = 128_000
"""An object of the record that has this size is complete, and the next one begins."""
MAX_PENDING = 100_000
"""Events kept in memory while the store is unavailable; more are dropped, and their count is recorded."""


@dataclass(slots=True, kw_only=True)
class EventWriter:
    """Writes the record of one run; an observer of its events.

    Parameters
    ----------
    store, job_id, run
        The run to record; ``run`` sorts after all earlier runs of the job.
    now
        Returns the time, with its zone.
    """

    store: ObjectStore
    job_id: str
    run: str
    now: Callable[[], datetime]
    flush_interval_s: float = FLUSH_INTERVAL_S
    close_timeout_s: float = CLOSE_TIMEOUT_S
    _pending: list[dict[str, Any]] = field(init=False, default_factory=list)
    _dropped: int = field(init=False, default=0)
    _part: list[str] = field(init=False, default_factory=list)
    _written: int = field(init=False, default=0)
    _parts: int = field(init=False, default=0)
    _snapshot: Snapshot = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _wake: threading.Event = field(init=False, default_factory=threading.Event)
    _ended: bool = field(init=False, default=False)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        """Start writing."""
        self._snapshot = Snapshot(store=self.store, job_id=self.job_id)
        self._thread = threading.Thread(target=self._run, name="record", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write the rest, within the close timeout."""
        self._ended = True
        self._wake.set()
        self._thread.join(self.close_timeout_s)

    def take(self, event: ev.Event) -> None:
        """Record an event. Changes of the run's state are written at once: they are what others wait for."""
        self._add(event)
        if isinstance(event, (ev.RunStarted, ev.JobSuspending)):
            self._wake.set()

    def _add(self, event: ev.Event) -> None:
        line = encode(event, self.now())
        with self._lock:
            if len(self._pending) < MAX_PENDING:
                self._pending.append(line)
            else:
                self._dropped += 1

    def _run(self) -> None:
        quiet_s = 0.0
        while not self._ended:
            self._wake.wait(self.flush_interval_s)
            self._wake.clear()
            quiet_s = 0.0 if self._pending else quiet_s + self.flush_interval_s
            if quiet_s >= HEARTBEAT_INTERVAL_S:
                self._add(ev.Heartbeat(at_s=0.0))
            self._flush()
        ends_s = time.monotonic() + self.close_timeout_s
        while not self._flush(closing=True) and time.monotonic() < ends_s:
            time.sleep(min(0.5, self.flush_interval_s))

    def _flush(self, *, closing: bool = False) -> bool:
        """Write pending events. Returns whether all are written."""
        try:
            while self._fill_part():
                self._write_part()
            self._snapshot.save(always=closing)
        except Exception:  # noqa: BLE001 - whatever the store raises: the next flush writes the part again
            return False
        return True

    def _fill_part(self) -> bool:
        """Move pending events into the part while it has room. Returns whether it has unwritten lines."""
        size = sum(map(len, self._part))
        with self._lock:
            if self._dropped:
                self._pending.append(encode(ev.EventsDropped(at_s=0.0, count=self._dropped), self.now()))
                self._dropped = 0
            moved = 0
            for line in self._pending:
                if size >= PART_BYTES:
                    break
                self._part.append(json.dumps(line))
                size += len(self._part[-1])
                moved += 1
            del self._pending[:moved]
        return len(self._part) > self._written

    def _write_part(self) -> None:
        key = part_key(self.job_id, self.run, self._parts)
        self.store.write(key, "\n".join([*self._part, ""]).encode())
        for number in range(self._written, len(self._part)):
            self._snapshot.take(position_of(key, number), json.loads(self._part[number]))
        self._written = len(self._part)
        size = sum(map(len, self._part))
        if size >= PART_BYTES:
            self._part, self._written, self._parts = [], 0, self._parts + 1
            self._snapshot.note_growth(size)
