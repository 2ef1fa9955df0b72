"""The core of the monitor: polls jobs and nodes, keeps the documents that pages show, and sends them changes."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from frontburner.monitor import nodes
from frontburner.monitor.job_watch import JobWatch, unknown_row
from frontburner.monitor.json_patch import patch, without_none
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from frontburner.monitor.farm_source import FarmSource

POLL_INTERVAL_S = 1.0
FARM_INTERVAL_S = 2.0
KEEPALIVE_INTERVAL_S = 5.0
LOADS_KEPT = 180
MAX_EXPECTED = 50
MAX_CONCURRENT = 4
"""Jobs that are polled at once: one whose store hangs doesn't delay the others."""
QUEUE_SIZE = 16
"""Changes that may wait for a page before it is sent the whole document again."""

FARM, JOB, NODE = "farm", "job/", "node/"
"""Topics: the farm with rows for all its jobs and nodes; one job; one node."""


@dataclass(slots=True, eq=False)
class _Subscriber:
    """A page that follows a topic; ``behind`` once its queue is full."""

    queue: asyncio.Queue[tuple[str, Mapping[str, Any]]] = field(default_factory=lambda: asyncio.Queue(QUEUE_SIZE))
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
    """Messages for jobs that were submitted here and have no record yet."""
    _farm: dict[str, Any] = field(init=False, default_factory=lambda: {"state": "asking"})
    _documents: dict[str, dict[str, Any]] = field(init=False, default_factory=dict)
    _subscribers: dict[str, set[_Subscriber]] = field(init=False, default_factory=dict)
    _loads: dict[str, deque[tuple[float, float, float]]] = field(init=False, default_factory=dict)
    _polling: dict[str, asyncio.Task[None]] = field(init=False, default_factory=dict)
    _farm_request: asyncio.Task[None] | None = field(init=False, default=None)
    _task: asyncio.Task[None] | None = field(init=False, default=None)
    _requested_s: float = field(init=False, default=0.0)
    _slots: asyncio.Semaphore = field(init=False, default_factory=lambda: asyncio.Semaphore(MAX_CONCURRENT))
    _refresh: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def start(self) -> None:
        """Start, unless it runs: an app that is mounted in another gets no lifespan events."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self.run())

    async def stop(self) -> None:
        """Stop polling."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def run(self) -> None:
        """Poll and publish, until cancelled."""
        try:
            while True:
                await self.update()
                self._refresh.clear()
                try:
                    await asyncio.wait_for(self._refresh.wait(), POLL_INTERVAL_S)
                except TimeoutError:
                    continue
        finally:
            for task in [*self._polling.values(), *filter(None, [self._farm_request])]:
                task.cancel()

    def refresh(self, job_id: str = "") -> None:
        """Poll at once: something has just been changed."""
        if job_id in self.jobs:
            self.jobs[job_id].due_s = 0.0
        self._requested_s = 0.0
        self._refresh.set()

    def note(self, job_id: str, message: str) -> None:
        """Show why a job's run couldn't start, until one does."""
        if job_id in self.jobs:
            self.jobs[job_id].note(message)
            self.refresh(job_id)

    def expect(self, job_id: str, message: str) -> None:
        """Show a message for a job that is about to start, or couldn't."""
        if job_id in self.jobs:
            self.note(job_id, message)
            return
        self.expected[job_id] = message
        for oldest in list(self.expected)[:-MAX_EXPECTED]:
            del self.expected[oldest]
        self.refresh()

    async def update(self) -> None:
        """Poll everything that is due, waiting for a moment at most, and publish what changed."""
        tasks = [*self._poll_jobs(await self._list_jobs()), *self._poll_farm()]
        if tasks:
            await asyncio.wait(tasks, timeout=POLL_INTERVAL_S)
        for topic in [FARM, *(topic for topic in self._subscribers if topic != FARM)]:
            self._publish(topic, self._build(topic))

    async def _list_jobs(self) -> list[str]:
        try:
            locations = await asyncio.to_thread(self.source.list_jobs)
        except FrontburnerError as error:
            self._farm = {**self._farm, "jobs_trouble": str(error)}
            return list(self.jobs)
        self._farm.pop("jobs_trouble", None)
        self.jobs = {
            location.job_id: known
            if (known := self.jobs.get(location.job_id)) and known.location.store.url == location.store.url
            else JobWatch(location=location)
            for location in locations
        }
        for location in locations:
            watched = self.jobs[location.job_id]
            if watched.location.note != location.note:  # there is another run
                watched.location, watched.due_s = location, 0.0
        return list(self.jobs)

    def _poll_jobs(self, names: list[str]) -> list[asyncio.Task[None]]:
        now_s = time.monotonic()
        for job_id in names:
            watched, detailed = self.jobs[job_id], f"{JOB}{job_id}" in self._subscribers
            due = watched.due_s <= now_s or (detailed and not watched.details)
            if due and job_id not in self._polling:
                task = asyncio.create_task(self._poll(watched, detailed=detailed))
                self._polling[job_id] = task
                task.add_done_callback(lambda _, job_id=job_id: self._polling.pop(job_id, None))  # type: ignore[misc]
        return list(self._polling.values())

    async def _poll(self, watched: JobWatch, *, detailed: bool) -> None:
        async with self._slots:
            try:
                await asyncio.to_thread(watched.poll, datetime.now().astimezone(), detailed=detailed)
            except FrontburnerError as error:
                watched.row = watched.row or unknown_row(watched.location.job_id, error)
                watched.due_s = time.monotonic() + FARM_INTERVAL_S

    def _poll_farm(self) -> list[asyncio.Task[None]]:
        if self._farm_request is None and time.monotonic() - self._requested_s >= FARM_INTERVAL_S:
            self._requested_s = time.monotonic()
            self._farm_request = asyncio.create_task(self._request_snapshot())
        return [self._farm_request] if self._farm_request else []

    async def _request_snapshot(self) -> None:
        try:
            self.snapshot = await asyncio.to_thread(self.source.snapshot)
            self._farm = {"state": "there", "dashboard": self.snapshot.get("dashboard", ""),
                          "licences": dict(self.snapshot["licences"])}  # fmt: skip
            self._add_loads(time.time())
        except FrontburnerError as error:
            self.snapshot = {}
            state = "away" if error.retryable else "none"
            self._farm = {"state": state, "reason": error.reason, "remedy": error.remedy}
        finally:
            self._farm_request = None

    def _add_loads(self, now_s: float) -> None:
        for node in self.snapshot["nodes"]:
            used, total = node.get("memory_used_bytes"), node.get("memory_bytes")
            if node.get("cpu_percent") is not None:
                loads = self._loads.setdefault(node["name"], deque(maxlen=LOADS_KEPT))
                fraction = used / total if used and total else 0.0
                loads.append((round(now_s, 1), round(node["cpu_percent"], 1), round(fraction, 4)))

    def _build(self, topic: str) -> dict[str, Any]:
        if topic.startswith(JOB):
            watched = self.jobs.get(topic.removeprefix(JOB))
            return watched.details if watched else {"unknown": True}
        activities = {job_id: job.activities for job_id, job in self.jobs.items() if job.activities}
        if topic.startswith(NODE):
            name = topic.removeprefix(NODE)
            return nodes.details(name, activities, self._loads.get(name, ()))
        priorities = {each["job"]: each["priority"] for each in self.snapshot.get("jobs", ())}
        jobs = {
            job_id: {**job.row, "nth": nth} | ({"priority": priorities[job_id]} if job_id in priorities else {})
            for nth, (job_id, job) in enumerate(self.jobs.items())
            if job.row
        }
        expected = {job_id: message for job_id, message in self.expected.items() if job_id not in self.jobs}
        return {"farm": without_none(self._farm), "jobs": jobs, "nodes": nodes.rows(self.snapshot, activities),
                "looked": len(jobs) == len(self.jobs), "expected": expected}  # fmt: skip

    def _publish(self, topic: str, document: dict[str, Any]) -> None:
        change = patch(self._documents.get(topic, {}), document)
        self._documents[topic] = document
        if not change:
            return
        for subscriber in self._subscribers.get(topic, ()):
            try:
                subscriber.queue.put_nowait(("patch", change))
            except asyncio.QueueFull:
                subscriber.behind = True

    def document(self, topic: str) -> dict[str, Any]:
        """Return a topic's document as it was last published."""
        return self._documents.get(topic) or self._build(topic)

    async def follow(self, topic: str) -> AsyncIterator[tuple[str, Mapping[str, Any]]]:
        """Follow a topic: first the whole document, then changes, and keep-alives in between."""
        subscriber = _Subscriber()
        self._subscribers.setdefault(topic, set()).add(subscriber)
        if topic.startswith(JOB):
            self.refresh(topic.removeprefix(JOB))
        try:
            yield "whole", self.document(topic)
            while True:
                try:
                    message = await asyncio.wait_for(subscriber.queue.get(), KEEPALIVE_INTERVAL_S)
                except TimeoutError:
                    message = "alive", {}
                if subscriber.behind:
                    subscriber.behind, subscriber.queue = False, asyncio.Queue(QUEUE_SIZE)
                    message = "whole", self.document(topic)
                yield message
        finally:
            self._subscribers[topic].discard(subscriber)
            if not self._subscribers[topic]:
                del self._subscribers[topic]
                self._documents.pop(topic, None)
