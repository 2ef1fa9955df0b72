"""The farm's metrics for Prometheus, computed from its records; nothing is counted for them alone."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from starlette.responses import Response

from frontburner.cluster.arbiter_calls import call
from frontburner.cluster.arbiter_state import NodeState
from frontburner.events import RunState
from frontburner.record.registry import list_jobs
from frontburner.record.snapshot import status_of
from frontburner.retention.rules import Kind, size_by_kind
from frontburner.retention.stores import holdings
from storage.bulk import map_concurrently
from storage.errors import FrontburnerError, StoreError
from storage.objects import INTERNAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from starlette.types import Receive, Scope, Send

    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CACHE_S = 10.0
"""Seconds for which metrics are cached, however many clients request them."""
MAX_JOBS = 50
"""The latest jobs have metrics of their own; every label value costs Prometheus a time series for good."""
_NODE_GAUGES = {
    "threads": ("frontburner_node_threads", "Threads of a node's renderer."),
    "memory_bytes": ("frontburner_node_memory_bytes", "Memory a node may use."),
    "memory_used_bytes": ("frontburner_node_memory_used_bytes", "Memory a node's own process uses."),
    "cpu_percent": ("frontburner_node_cpu_percent", "Processor a node's own process uses."),
}
_JOB_GAUGES: dict[str, tuple[str, Callable[[JobMetrics], float | None]]] = {
    "progress_ratio": ("How much of a job is rendered.", lambda job: job.status.fraction),
    "frames": ("Frames of a job.", lambda job: job.status.frames),
    "frames_written": ("Frames whose files are in place.", lambda job: len(job.status.written)),
    "frames_failed": ("Frames that failed in the last run.", lambda job: len(job.status.failed)),
    "units": ("Units that were rendered.", lambda job: sum(node.units for node in job.status.nodes.values())),
    "failed_attempts": (
        "Attempts at units that failed.",
        lambda job: sum(node.failures for node in job.status.nodes.values()),
    ),
    "seconds_left": ("Seconds until a running job should end.", lambda job: job.status.seconds_left),
    "efficiency_ratio": (
        "Least time these nodes could have needed ÷ the time they had.",
        lambda job: job.efficiency,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobMetrics:
    """A job's status, and its efficiency if it has a report."""

    status: JobStatus
    efficiency: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What was read of a farm at one moment.

    Parameters
    ----------
    snapshot
        The arbiter's nodes and jobs; None if no scheduler answers.
    stores
        Bytes of each kind, by store.
    """

    now: datetime
    snapshot: Mapping[str, Any] | None = None
    jobs: tuple[JobMetrics, ...] = ()
    stores: Mapping[str, Mapping[Kind, int]] = field(default_factory=dict)


@dataclass(slots=True)
class MetricsApp:
    """An ASGI application that answers every GET with the metrics.

    Parameters
    ----------
    scheduler
        Its address; empty if there is none.
    """

    scheduler: str
    clock: Callable[[], float] = time.monotonic
    _read_s: float = field(init=False, default=float("-inf"))
    _body: bytes = field(init=False, default=b"")
    _lock: asyncio.Lock = field(init=False, default_factory=asyncio.Lock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            return
        if scope["method"] not in ("GET", "HEAD"):
            await Response(status_code=405)(scope, receive, send)
            return
        async with self._lock:  # concurrent requests share one reading
            if self.clock() - self._read_s >= CACHE_S:
                self._body = await asyncio.to_thread(current_metrics, self.scheduler, stores=False)
                self._read_s = self.clock()
        await Response(self._body, headers={"content-type": CONTENT_TYPE})(scope, receive, send)


def current_metrics(scheduler: str, *, stores: bool) -> bytes:
    """Return the metrics of now in Prometheus's text format.

    Parameters
    ----------
    scheduler
        Its address; empty if there is none.
    stores
        Whether to measure what stores hold, which lists all their objects.
    """
    now, jobs = datetime.now().astimezone(), list_jobs()[:MAX_JOBS]
    held = holdings(jobs) if stores else []
    reading = Reading(
        now=now,
        snapshot=_snapshot(scheduler),
        jobs=tuple(metrics for metrics in map_concurrently(_read_job, jobs) if metrics is not None),
        stores={holding.name: size_by_kind(holding.groups(now.timestamp())) for holding in held},
    )
    return exposition(reading)


def exposition(reading: Reading) -> bytes:
    """Return a reading in Prometheus's text format."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(reading))
    return generate_latest(registry)


@dataclass(frozen=True, slots=True, eq=False)
class _Collector:
    reading: Reading

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield all metrics."""
        snapshot = self.reading.snapshot
        up = float(snapshot is not None)
        yield GaugeMetricFamily("frontburner_farm_up", "Whether the farm's scheduler answers.", value=up)
        if snapshot is not None:
            yield from _node_metrics(snapshot["nodes"])
            yield from _share_metrics(snapshot["jobs"])
        yield from _job_metrics(self.reading)
        sizes_by_kind = {
            (url, kind.value): size for url, kinds in self.reading.stores.items() for kind, size in kinds.items()
        }
        yield _gauge("frontburner_store_bytes", "What a store holds.", ("store", "kind"), sizes_by_kind)


def _node_metrics(nodes: Iterable[Mapping[str, Any]]) -> Iterator[GaugeMetricFamily]:
    nodes = tuple(nodes)
    states = Counter(node["state"] for node in nodes)
    yield _gauge("frontburner_nodes", "Nodes of the farm by what they do.", ("state",),
                 {(state.value,): states[state.value] for state in NodeState})  # fmt: skip
    for key, (name, text) in _NODE_GAUGES.items():
        values = {(node["name"],): node[key] for node in nodes if node.get(key) is not None}
        yield _gauge(name, text, ("node",), values)
    problems = {(node["name"],): len(node["problems"]) for node in nodes}
    yield _gauge("frontburner_node_problems", "What is wrong with a node.", ("node",), problems)


def _share_metrics(jobs: Iterable[Mapping[str, Any]]) -> Iterator[GaugeMetricFamily]:
    jobs = tuple(jobs)
    yield _gauge("frontburner_job_nodes", "Nodes a running job has.", ("job",),
                 {(job["job"],): len(job["nodes"]) for job in jobs})  # fmt: skip
    yield _gauge("frontburner_job_busy_nodes", "Nodes that render units of a job.", ("job",),
                 {(job["job"],): len(job["busy"]) for job in jobs})  # fmt: skip


def _job_metrics(reading: Reading) -> Iterator[GaugeMetricFamily]:
    states = Counter(job.status.state_at(reading.now) for job in reading.jobs)
    yield _gauge("frontburner_jobs", "Latest jobs of this machine by state.", ("state",),
                 {(state.value,): states[state] for state in RunState})  # fmt: skip
    for name, (text, value_of) in _JOB_GAUGES.items():
        values = {(job.status.job_id,): value for job in reading.jobs if (value := value_of(job)) is not None}
        yield _gauge(f"frontburner_job_{name}", text, ("job",), values)


def _gauge(name: str, text: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, text, labels=labels)
    for label, value in values.items():
        family.add_metric(label, float(value))
    return family


def _snapshot(scheduler: str) -> Mapping[str, Any] | None:
    """Return the arbiter's snapshot; None if none answers."""
    if not scheduler:
        return None
    try:
        snapshot: Mapping[str, Any] = call(scheduler, "snapshot")
    except FrontburnerError:
        return None
    return snapshot


def _read_job(job: JobLocation) -> JobMetrics | None:
    """Return the metrics of a job; None if its store is unreachable."""
    try:
        status = status_of(job.store, job.job_id)
    except StoreError:
        return None
    try:
        report = json.loads(job.store.read(f"{INTERNAL_PREFIX}/jobs/{job.job_id}.json"))
        return JobMetrics(status=status, efficiency=float(report["efficiency"]))
    except (FrontburnerError, ValueError, KeyError, TypeError):
        return JobMetrics(status=status)
