"""The farm's figures in the format of Prometheus, made of the records there are: nothing is counted for them alone."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily

from frontburner.cluster.arbiter_state import NodeState
from frontburner.events import RunState
from frontburner.record.registry import list_jobs
from frontburner.record.snapshot import status_of
from frontburner.retention.rules import Kind, sizes
from frontburner.retention.stores import holdings
from storage.bulk import map_concurrently
from storage.errors import FrontburnerError, StoreError
from storage.objects import INTERNAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
MOST_JOBS = 50
"""Jobs that have figures of their own, the last ones: every name costs Prometheus a row for ever."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobFigures:
    """A job: how it stands, and its efficiency where it has a report."""

    status: JobStatus
    efficiency: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What there is to tell of a farm at a moment.

    Parameters
    ----------
    snapshot
        The arbiter's nodes and jobs; None where no scheduler answers.
    stores
        Bytes of each kind, by store.
    """

    now: datetime
    snapshot: Mapping[str, Any] | None = None
    jobs: tuple[JobFigures, ...] = ()
    stores: Mapping[str, Mapping[Kind, int]] = field(default_factory=dict)


def read(snapshot: Mapping[str, Any] | None, *, now: datetime, stores: bool = False) -> Reading:
    """Read the records of this machine's jobs.

    Parameters
    ----------
    snapshot
        What the arbiter told.
    stores
        Whether to add up what stores hold, which lists all their objects.
    """
    known = list_jobs()[:MOST_JOBS]
    jobs = tuple(figures for figures in map_concurrently(_figures, known) if figures is not None)
    held = holdings(known) if stores else []
    return Reading(now=now, snapshot=snapshot, jobs=jobs, stores={
        holding.name: sizes(holding.groups(now.timestamp())) for holding in held
    })  # fmt: skip


def exposition(reading: Reading) -> bytes:
    """Write figures down as Prometheus reads them."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector(reading))
    return generate_latest(registry)


@dataclass(frozen=True, slots=True, eq=False)
class _Collector:
    reading: Reading

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Give all figures."""
        snapshot = self.reading.snapshot
        yield _one("frontburner_farm_up", "Whether the farm's scheduler answers.", snapshot is not None)
        if snapshot is not None:
            yield from _of_nodes(snapshot["nodes"])
            yield from _of_shares(snapshot["jobs"])
        yield from _of_jobs(self.reading)
        yield from _of_stores(self.reading.stores)


def _of_nodes(nodes: Iterable[Mapping[str, Any]]) -> Iterator[GaugeMetricFamily]:
    nodes = tuple(nodes)
    states = Counter(node["state"] for node in nodes)
    yield _many("frontburner_nodes", "Nodes of the farm by what they do.", ("state",),
                {(state.value,): states[state.value] for state in NodeState})  # fmt: skip
    each = {
        "frontburner_node_threads": ("Threads of a node's renderer.", "threads"),
        "frontburner_node_memory_bytes": ("Memory a node may use.", "memory_bytes"),
        "frontburner_node_memory_used_bytes": ("Memory a node's own process uses.", "memory_used_bytes"),
        "frontburner_node_cpu_percent": ("Processor a node's own process uses.", "cpu_percent"),
    }
    for name, (words, what) in each.items():
        told = {(node["name"],): node[what] for node in nodes if node.get(what) is not None}
        yield _many(name, words, ("node",), told)
    problems = {(node["name"],): len(node["problems"]) for node in nodes}
    yield _many("frontburner_node_problems", "What is wrong with a node.", ("node",), problems)


def _of_shares(jobs: Iterable[Mapping[str, Any]]) -> Iterator[GaugeMetricFamily]:
    jobs = tuple(jobs)
    yield _many("frontburner_job_nodes", "Nodes a running job has.", ("job",),
                {(job["job"],): len(job["nodes"]) for job in jobs})  # fmt: skip
    yield _many("frontburner_job_busy_nodes", "Nodes that render units of a job.", ("job",),
                {(job["job"],): len(job["busy"]) for job in jobs})  # fmt: skip


def _of_jobs(reading: Reading) -> Iterator[GaugeMetricFamily]:
    stand = Counter(job.status.state_at(reading.now) for job in reading.jobs)
    yield _many("frontburner_jobs", "Jobs of this machine, the last ones, by how they stand.", ("state",),
                {(state.value,): stand[state] for state in RunState})  # fmt: skip

    def each(name: str, words: str, of: Any) -> GaugeMetricFamily:  # noqa: ANN401 - any figure of a job
        told = {(job.status.job_id,): value for job in reading.jobs if (value := of(job)) is not None}
        return _many(f"frontburner_job_{name}", words, ("job",), told)

    yield each("progress_ratio", "How much of a job is rendered.", lambda job: job.status.fraction)
    yield each("frames", "Frames of a job.", lambda job: job.status.frames)
    yield each("frames_written", "Frames whose files are in place.", lambda job: len(job.status.written))
    yield each("frames_failed", "Frames that failed in the last run.", lambda job: len(job.status.failed))
    yield each("units", "Units that were rendered.", lambda job: sum(n.units for n in job.status.nodes.values()))
    yield each("failed_attempts", "Attempts at units that failed.",
               lambda job: sum(node.failures for node in job.status.nodes.values()))  # fmt: skip
    yield each("seconds_left", "Seconds until a running job should end.", lambda job: job.status.seconds_left)
    yield each("efficiency_ratio", "Least time these nodes could have needed ÷ the time they had.",
               lambda job: job.efficiency)  # fmt: skip


def _of_stores(stores: Mapping[str, Mapping[Kind, int]]) -> Iterator[GaugeMetricFamily]:
    told = {(url, kind.value): size for url, kinds in stores.items() for kind, size in kinds.items()}
    yield _many("frontburner_store_bytes", "What a store holds.", ("store", "kind"), told)


def _figures(place: JobLocation) -> JobFigures | None:
    """Return the figures of a job; None of one whose store is away."""
    try:
        status = status_of(place.store, place.job_id)
    except StoreError:
        return None
    try:
        report = json.loads(place.store.read(f"{INTERNAL_PREFIX}/jobs/{place.job_id}.json"))
        return JobFigures(status=status, efficiency=float(report["efficiency"]))
    except (FrontburnerError, ValueError, KeyError, TypeError):
        return JobFigures(status=status)


def _one(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=float(value))


def _many(name: str, words: str, labels: tuple[str, ...], values: Mapping[Any, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=labels)
    for label, value in values.items():
        family.add_metric(label, float(value))
    return family
