"""A node that is frozen doesn't answer: no job waits for it, and it comes back when it wakes or is started again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psutil
import pytest

from frontburner.cluster import arbiter
from frontburner.cluster.arbiter_calls import ask, connected
from frontburner.cluster.dask_farm import DaskFarm
from frontburner.cluster.farm_checks import farm_check
from frontburner.cluster.node_processes import local_nodes
from frontburner.cluster.silence import Silence
from tasks.node.node_checks import CheckRequest
from tests.end_to_end.conftest import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from distributed import Client, SpecCluster


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SpecCluster]:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))
    monkeypatch.setattr(arbiter, "SILENT_AFTER", 3)
    monkeypatch.setattr(arbiter, "LOST_AFTER", 10**9)
    with local_nodes(2) as running:
        yield running


@pytest.fixture
def client(cluster: SpecCluster) -> Iterator[Client]:
    with connected(cluster.scheduler_address) as found:
        found.wait_for_workers(2)
        yield found


def process_of(cluster: SpecCluster, node: str) -> psutil.Process:
    return psutil.Process(cluster.workers[node].pid)


def state_of(client: Client, node: str) -> dict[str, Any]:
    return next((each for each in ask(client, "snapshot")["nodes"] if each["name"] == node), {"state": "gone"})


def test_no_job_waits_for_a_frozen_node_and_it_is_back_when_it_wakes(
    cluster: SpecCluster, client: Client, tmp_path: Path
) -> None:
    frozen = process_of(cluster, "node-1")
    frozen.suspend()
    farm = DaskFarm(client=client, renderer="null", topic="job", store_url=str(tmp_path))
    try:
        with farm:
            assert [report.node for report in farm.wait_for_reports()] == ["node-2"]
            found = state_of(client, "node-1")
            assert found["state"] == "doesn't answer"
            assert found["why"] == "it doesn't answer; its work is given to others"
            ran_on = client.gather([client.submit(abs, n, pure=False) for n in range(-8, 0)])
            assert ran_on == [8, 7, 6, 5, 4, 3, 2, 1], "no task is given to it"
            with farm_check(cluster.scheduler_address) as check:
                (readiness,) = check.nodes(CheckRequest(measure=False), ["node-1"])
            assert readiness.problems[0].reason == "It doesn't answer."
            frozen.resume()
            until(lambda: farm.messages(0.1) or len(farm.admission.reports) == 2)
            until(lambda: state_of(client, "node-1")["state"] == "idle")
            until(lambda: farm.messages(0.1) or len(farm.wait_for_reports()) == 2)
    finally:
        frozen.resume()


def test_a_node_that_stays_frozen_is_started_again_and_others_have_its_work(
    cluster: SpecCluster, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen = process_of(cluster, "node-1")
    address = state_of(client, "node-1")["address"]
    frozen.suspend()
    work = client.submit(abs, -1, pure=False, workers=[address], allow_other_workers=True)
    monkeypatch.setattr(arbiter, "LOST_AFTER", 4)
    assert work.result(60) == 1
    until(lambda: state_of(client, "node-1")["state"] == "idle")
    assert process_of(cluster, "node-1").pid != frozen.pid
    assert not frozen.is_running()


def test_silence_is_counted_by_heartbeats_that_do_not_come() -> None:
    silence = Silence()
    assert silence.poll({"a": 1.0, "b": 1.0}) == {"a": 0, "b": 0}
    assert silence.poll({"a": 2.0, "b": 1.0}) == {"a": 0, "b": 1}
    assert silence.poll({"a": -3600.0, "b": 1.0, "c": 0.0}) == {"a": 0, "b": 2, "c": 0}, "a clock that was set is alive"
    assert silence.poll({"b": 9.0}) == {"b": 0}
