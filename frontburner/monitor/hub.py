"""The heart of the monitor: looks at jobs and nodes, keeps what pages show, and sends each page what changed."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from frontburner.monitor import node_rows
from frontburner.monitor.job_watch import JobWatch, trouble
from frontburner.monitor.json_patch import patch, without_none
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from frontburner.monitor.farm_source import FarmSource

TICK_S = 1.0
FARM_EVERY_S = 2.0
ALIVE_EVERY_S = 5.0
LOADS_KEPT = 180
EXPECTED = 50
AT_ONCE = 4
"""Jobs that are looked at at once: one whose store hangs holds up no other."""
BEHIND = 16
"""Changes that wait for a page before it is sent everything anew."""

FARM, JOB, NODE = "farm", "job/", "node/"
"""Topics: the farm with all its jobs and nodes in rows; one job; one node."""


@dataclass(slots=True, eq=False)
class _Reader:
    """A page that follows a topic; ``behind`` once it takes changes more slowly than they come."""

    queue: asyncio.Queue[tuple[str, Mapping[str, Any]]] = field(default_factory=lambda: asyncio.Queue(BEHIND))
    behind: bool = False


@dataclass(slots=True, kw_only=True)
class Hub:
    """Keeps the documents that pages follow.

    Parameters
    ----------
    source
        The farm.
    """

    source: FarmSource
    jobs: dict[str, JobWatch] = field(init=False, default_factory=dict)
    snapshot: Mapping[str, Any] = field(init=False, default_factory=dict)
    expected: dict[str, str] = field(init=False, default_factory=dict)
    """Jobs that were asked for here, and what is said of them until they are there."""
    _farm: dict[str, Any] = field(init=False, default_factory=lambda: {"state": "asking"})
    _documents: dict[str, dict[str, Any]] = field(init=False, default_factory=dict)
    _readers: dict[str, set[_Reader]] = field(init=False, default_factory=dict)
    _loads: dict[str, deque[tuple[float, float, float]]] = field(init=False, default_factory=dict)
    _looking: dict[str, asyncio.Task[None]] = field(init=False, default_factory=dict)
    _asking: asyncio.Task[None] | None = field(init=False, default=None)
    _running: asyncio.Task[None] | None = field(init=False, default=None)
    _asked_s: float = field(init=False, default=0.0)
    _slots: asyncio.Semaphore = field(init=False, default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    _hurry: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def begin(self) -> None:
        """Look and tell from now on, unless it does: an app that is mounted in another isn't told that it starts."""
        if self._running is None or self._running.done():
            self._running = asyncio.create_task(self.run())

    async def end(self) -> None:
        """Look no more."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    async def run(self) -> None:
        """Look and tell, until cancelled."""
        try:
            while True:
                await self.turn()
                self._hurry.clear()
                try:
                    await asyncio.wait_for(self._hurry.wait(), TICK_S)
                except TimeoutError:
                    continue
        finally:
            for task in [*self._looking.values(), *filter(None, [self._asking])]:
                task.cancel()

    def hurry(self, job_id: str = "") -> None:
        """Look at once: somebody has just changed something."""
        if job_id in self.jobs:
            self.jobs[job_id].due_s = 0.0
        self._asked_s = 0.0
        self._hurry.set()

    def note(self, job_id: str, sentence: str) -> None:
        """Keep what went wrong with a job before its run could begin, until one does."""
        if job_id in self.jobs:
            self.jobs[job_id].note(sentence)
            self.hurry(job_id)

    def expect(self, job_id: str, sentence: str) -> None:
        """Say something of a job that is about to begin, or couldn't."""
        if job_id in self.jobs:
            self.note(job_id, sentence)
            return
        self.expected[job_id] = sentence
        for forgotten in list(self.expected)[:-EXPECTED]:
            del self.expected[forgotten]
        self.hurry()

    async def turn(self) -> None:
        """Look at everything that is due, for a moment at most, and tell what changed."""
        begun = [*self._look_at_jobs(await self._places()), *self._ask_farm()]
        if begun:
            await asyncio.wait(begun, timeout=TICK_S)
        for topic in [FARM, *(topic for topic in self._readers if topic != FARM)]:
            self._tell(topic, self._document(topic))

    async def _places(self) -> list[str]:
        try:
            places = await asyncio.to_thread(self.source.places)
        except FrontburnerError as error:
            self._farm = {**self._farm, "jobs_trouble": str(error)}
            return list(self.jobs)
        self._farm.pop("jobs_trouble", None)
        self.jobs = {
            place.job_id: kept
            if (kept := self.jobs.get(place.job_id)) and kept.place.store.url == place.store.url
            else JobWatch(place=place)
            for place in places
        }
        for place in places:  # its note tells of the last run
            if self.jobs[place.job_id].place.note != place.note:
                self.jobs[place.job_id].place = place
                self.jobs[place.job_id].due_s = 0.0
        return list(self.jobs)

    def _look_at_jobs(self, names: list[str]) -> list[asyncio.Task[None]]:
        now_s = time.monotonic()
        for job_id in names:
            watched, whole = self.jobs[job_id], f"{JOB}{job_id}" in self._readers
            due = watched.due_s <= now_s or (whole and not watched.details)
            if due and job_id not in self._looking:
                task = asyncio.create_task(self._look(watched, whole=whole))
                self._looking[job_id] = task
                task.add_done_callback(lambda _, job_id=job_id: self._looking.pop(job_id, None))  # type: ignore[misc]
        return list(self._looking.values())

    async def _look(self, watched: JobWatch, *, whole: bool) -> None:
        async with self._slots:
            try:
                await asyncio.to_thread(watched.look, datetime.now().astimezone(), whole=whole)
            except FrontburnerError as error:
                watched.row = watched.row or trouble(watched.place.job_id, error)
                watched.due_s = time.monotonic() + FARM_EVERY_S

    def _ask_farm(self) -> list[asyncio.Task[None]]:
        if self._asking is None and time.monotonic() - self._asked_s >= FARM_EVERY_S:
            self._asked_s = time.monotonic()
            self._asking = asyncio.create_task(self._ask())
        return [self._asking] if self._asking else []

    async def _ask(self) -> None:
        try:
            self.snapshot = await asyncio.to_thread(self.source.snapshot)
            self._farm = {"state": "there", "dashboard": self.snapshot.get("dashboard", ""),
                          "licences": dict(self.snapshot["licences"])}  # fmt: skip
            self._note_loads(time.time())
        except FrontburnerError as error:
            self.snapshot = {}
            state = "away" if error.retryable else "none"
            self._farm = {"state": state, "reason": error.reason, "remedy": error.remedy}
        finally:
            self._asking = None

    def _note_loads(self, now_s: float) -> None:
        for node in self.snapshot["nodes"]:
            used, whole = node.get("memory_used_bytes"), node.get("memory_bytes")
            if node.get("cpu_percent") is not None:
                loads = self._loads.setdefault(node["name"], deque(maxlen=LOADS_KEPT))
                share = used / whole if used and whole else 0.0
                loads.append((round(now_s, 1), round(node["cpu_percent"], 1), round(share, 4)))

    def _document(self, topic: str) -> dict[str, Any]:
        if topic.startswith(JOB):
            watched = self.jobs.get(topic.removeprefix(JOB))
            return watched.details if watched else {"unknown": True}
        lives = {job_id: job.doings for job_id, job in self.jobs.items() if job.doings}
        if topic.startswith(NODE):
            name = topic.removeprefix(NODE)
            return node_rows.details(name, lives, self._loads.get(name, ()))
        known = {each["job"]: each["priority"] for each in self.snapshot.get("jobs", ())}
        jobs = {
            job_id: {**job.row, "nth": nth} | ({"priority": known[job_id]} if job_id in known else {})
            for nth, (job_id, job) in enumerate(self.jobs.items())
            if job.row
        }
        expected = {job_id: said for job_id, said in self.expected.items() if job_id not in self.jobs}
        return {"farm": without_none(self._farm), "jobs": jobs, "nodes": node_rows.rows(self.snapshot, lives),
                "looked": len(jobs) == len(self.jobs), "expected": expected}  # fmt: skip

    def _tell(self, topic: str, document: dict[str, Any]) -> None:
        change = patch(self._documents.get(topic, {}), document)
        self._documents[topic] = document
        if not change:
            return
        for reader in self._readers.get(topic, ()):
            try:
                reader.queue.put_nowait(("patch", change))
            except asyncio.QueueFull:
                reader.behind = True

    def now(self, topic: str) -> dict[str, Any]:
        """Return a topic's document as it was last told."""
        return self._documents.get(topic) or self._document(topic)

    async def follow(self, topic: str) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """Follow a topic: all of it first, then what changes, and a sign of life in between."""
        reader = _Reader()
        self._readers.setdefault(topic, set()).add(reader)
        if topic.startswith(JOB):
            self.hurry(topic.removeprefix(JOB))
        try:
            yield "whole", self.now(topic)
            while True:
                try:
                    told = await asyncio.wait_for(reader.queue.get(), ALIVE_EVERY_S)
                except TimeoutError:
                    told = "alive", {}
                if reader.behind:
                    reader.behind, reader.queue = False, asyncio.Queue(BEHIND)
                    told = "whole", self.now(topic)
                yield told
        finally:
            self._readers[topic].discard(reader)
            if not self._readers[topic]:
                del self._readers[topic]
                self._documents.pop(topic, None)
