"""What happened in a job, kept for good in its store: a record that only grows, written beside the work, read anywhere.

Object stores can't append. So each run has a row of objects of its own, written by it alone: the last one is replaced,
whole, by itself with more lines, until it is large enough. Trouble with the store is waited out; it never ends the job.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from frontburner import events as ev
from frontburner.record.event_codec import encode
from frontburner.record.event_log import part_key, position, read
from frontburner.record.snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from storage.objects import ObjectStore

__all__ = ["EventWriter", "read"]

FLUSH_EVERY_S = 2.0
HEARTBEAT_EVERY_S = 5.0
CLOSE_WITHIN_S = 15.0
"""How long a run that ended tries to write the rest of its record while the store is away."""
PART_BYTES = 128_000
"""From this size on, an object of the record is left as it is and the next one begun."""
MOST_WAITING = 100_000
"""Events that are kept while the store is away; more are dropped, and that is recorded."""


@dataclass(slots=True, kw_only=True)
class EventWriter:
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
    close_within_s: float = CLOSE_WITHIN_S
    _waiting: list[dict[str, Any]] = field(init=False, default_factory=list)
    _dropped: int = field(init=False, default=0)
    _part: list[str] = field(init=False, default_factory=list)
    _written: int = field(init=False, default=0)
    _parts: int = field(init=False, default=0)
    _standing: Snapshot = field(init=False)
    _lock: threading.Lock = field(init=False, default_factory=threading.Lock)
    _wake: threading.Event = field(init=False, default_factory=threading.Event)
    _ended: bool = field(init=False, default=False)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        """Begin to write."""
        self._standing = Snapshot(store=self.store, job_id=self.job_id)
        self._thread = threading.Thread(target=self._write_on, name="history", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Write what is left; a store that is away is waited for, but not for long."""
        self._ended = True
        self._wake.set()
        self._thread.join(self.close_within_s)

    def take(self, event: ev.Event) -> None:
        """Record an event. How the run stands is written at once: whoever asks a moment later is told that it began."""
        self._add(event)
        if isinstance(event, (ev.RunStarted, ev.JobSuspending)):
            self._wake.set()

    def _add(self, event: ev.Event) -> None:
        told = encode(event, self.now())
        with self._lock:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(told)
            else:
                self._dropped += 1

    def _write_on(self) -> None:
        quiet_s = 0.0
        while not self._ended:
            self._wake.wait(self.flush_every_s)
            self._wake.clear()
            quiet_s = 0.0 if self._waiting else quiet_s + self.flush_every_s
            if quiet_s >= HEARTBEAT_EVERY_S:
                self._add(ev.Heartbeat(at_s=0.0))
            self._flush()
        ends_s = time.monotonic() + self.close_within_s
        while not self._flush(closing=True) and time.monotonic() < ends_s:
            time.sleep(min(0.5, self.flush_every_s))

    def _flush(self, *, closing: bool = False) -> bool:
        """Write what is waiting. Returns whether nothing is left to write."""
        try:
            while self._fill():
                self._write_part()
            self._standing.keep(always=closing)
        except Exception:  # noqa: BLE001 - whatever a store does: the next flush writes the same part again, with more
            return False
        return True

    def _fill(self) -> bool:
        """Move what is waiting into the part, as far as it has room. Returns whether the part has news."""
        size = sum(map(len, self._part))
        with self._lock:
            if self._dropped:
                self._waiting.append(encode(ev.EventsDropped(at_s=0.0, count=self._dropped), self.now()))
                self._dropped = 0
            taken = 0
            for told in self._waiting:
                if size >= PART_BYTES:
                    break
                self._part.append(json.dumps(told))
                size += len(self._part[-1])
                taken += 1
            del self._waiting[:taken]
        return len(self._part) > self._written

    def _write_part(self) -> None:
        key = part_key(self.job_id, self.run, self._parts)
        self.store.write(key, "\n".join([*self._part, ""]).encode())
        for number in range(self._written, len(self._part)):
            self._standing.take(position(key, number), json.loads(self._part[number]))
        self._written = len(self._part)
        size = sum(map(len, self._part))
        if size >= PART_BYTES:
            self._part, self._written, self._parts = [], 0, self._parts + 1
            self._standing.grow(size)
