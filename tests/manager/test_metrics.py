"""The metrics for Prometheus match the farm's records."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import httpx
from prometheus_client.parser import text_string_to_metric_families

from frontburner.events import RunState
from frontburner.manager import metrics
from frontburner.manager.metrics import JobMetrics, MetricsApp, Reading, exposition
from frontburner.record.job_status import JobStatus, NodeStatus
from frontburner.retention.rules import Kind

if TYPE_CHECKING:
    import pytest

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SNAPSHOT: dict[str, Any] = {
    "nodes": [
        {"name": "n1", "state": "rendering", "threads": 8, "memory_bytes": 100, "memory_used_bytes": 40,
         "cpu_percent": 2.5, "problems": []},
        {"name": 'n"2\n', "state": "paused", "threads": None, "memory_bytes": None, "memory_used_bytes": None,
         "cpu_percent": None, "problems": ["disk: it is full"]},
    ],
    "jobs": [{"job": "room-1", "nodes": ["n1"], "busy": ["n1"]}],
}  # fmt: skip


def samples(text: bytes) -> dict[tuple[str, tuple[str, ...]], float]:
    families = text_string_to_metric_families(text.decode())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def test_metrics_match_the_records() -> None:
    status = JobStatus(
        job_id="room-1", state=RunState.RUNNING, last=NOW.isoformat(), frames=48, written={1: ("a.exr",)},
        failed={2: ("no light", "")}, pixel_samples=100, pixel_samples_done=25, seconds_left=90.0,
        nodes={"n1": NodeStatus(units=7, failures=1), "n2": NodeStatus(units=5)},
    )  # fmt: skip
    reading = Reading(
        now=NOW, snapshot=SNAPSHOT, jobs=(JobMetrics(status=status, efficiency=0.97),),
        stores={"s3://farm": {Kind.UNITS: 1234}},
    )  # fmt: skip
    metrics_read = samples(exposition(reading))
    assert metrics_read["frontburner_farm_up", ()] == 1
    assert metrics_read["frontburner_nodes", ("rendering",)] == 1
    assert metrics_read["frontburner_nodes", ("idle",)] == 0
    assert metrics_read["frontburner_node_threads", ("n1",)] == 8
    assert metrics_read["frontburner_node_problems", ('n"2\n',)] == 1
    assert metrics_read["frontburner_job_busy_nodes", ("room-1",)] == 1
    assert metrics_read["frontburner_jobs", ("running",)] == 1
    assert metrics_read["frontburner_job_progress_ratio", ("room-1",)] == 0.25
    assert metrics_read["frontburner_job_units", ("room-1",)] == 12
    assert metrics_read["frontburner_job_failed_attempts", ("room-1",)] == 1
    assert metrics_read["frontburner_job_frames_failed", ("room-1",)] == 1
    assert metrics_read["frontburner_job_efficiency_ratio", ("room-1",)] == 0.97
    assert metrics_read["frontburner_store_bytes", ("units", "s3://farm")] == 1234


def test_an_unreachable_farm_is_reported_as_down() -> None:
    metrics_read = samples(exposition(Reading(now=NOW)))
    assert metrics_read["frontburner_farm_up", ()] == 0
    assert not [name for name, _ in metrics_read if name == "frontburner_nodes"]


def test_metrics_are_cached_and_read_only(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s: list[float] = [0.0]
    reads: list[tuple[str, bool]] = []

    def current_metrics(scheduler: str, *, stores: bool) -> bytes:
        reads.append((scheduler, stores))
        return b"frontburner_farm_up 1.0\n"

    monkeypatch.setattr(metrics, "current_metrics", current_metrics)

    async def ask() -> list[httpx.Response]:
        app = MetricsApp(scheduler="tcp://127.0.0.1:1", clock=lambda: now_s[0])
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://farm") as client:
            first = [await client.get("/metrics"), await client.get("/metrics")]
            now_s[0] += metrics.CACHE_S
            return [*first, await client.get("/metrics"), await client.post("/metrics")]

    first, second, third, written = asyncio.run(ask())
    assert first.text == second.text == third.text == "frontburner_farm_up 1.0\n"
    assert first.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert len(reads) == 2
    assert written.status_code == 405
