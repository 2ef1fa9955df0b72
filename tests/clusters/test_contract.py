"""The contract of every kind of cluster: nodes follow the work, lost ones are replaced, none is left behind."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import psutil
import pytest

from frontburner.cluster.arbiter_calls import call
from tests.end_to_end.conftest import ROOT, TIMEOUT_S, Studio, until
from tests.end_to_end.test_pictures import pixels

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.clusters.conftest import ClusterUnderTest

MOST = 2
TOPIC = "room-12345678-contract"
STILL = ("--size", "160x90", "--samples", "16", "--exr", "float", "--formats", "exr")


@contextmanager
def farm(studio: Studio, tested_cluster: ClusterUnderTest, **changes: Any) -> Iterator[str]:
    """Run the command's farm on the cluster; it must end cleanly."""
    file = tested_cluster.file(studio.folder, **changes)
    with studio.start("farm", "start", "--cluster", file, **tested_cluster.environment) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip().removeprefix("export FRONTBURNER_SCHEDULER=")
        finally:
            process.send_signal(signal.SIGTERM)
            _, output = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, output


def nodes(scheduler: str) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in call(scheduler, "snapshot")["nodes"]}


def enrol(scheduler: str) -> None:
    """Enrol a job that nobody renders, to control its demand."""
    terms = {"min_nodes": 0, "max_nodes": None, "groups": (), "local": None}
    call(scheduler, "enrol", topic=TOPIC, job="room-12345678", client="contract", priority=50, renderer="null",
         host="", terms=terms)  # fmt: skip


def update_job(scheduler: str, number: int, **what: Any) -> None:
    call(scheduler, "update_job", topic=TOPIC, number=number, renders={}, refused={}, **what)


def test_nodes_come_with_the_work_and_none_is_left(tested_cluster: ClusterUnderTest, studio: Studio) -> None:
    before = {process.pid for process in psutil.process_iter()}
    with farm(studio, tested_cluster, max_nodes=MOST, end_within="5m") as scheduler:
        assert not nodes(scheduler)
        there = _scaled_up(scheduler)
        assert all(node["versions"] and node["threads"] == 1 for node in there.values()), there
    until(lambda: not studio.processes())
    if tested_cluster.fields["kind"] != "local":  # nodes whose environment isn't the studio's
        until(lambda: not [p for p in psutil.process_iter() if p.pid not in before and _is_of_a_node(p)])
    if slurm := tested_cluster.slurm:
        until(lambda: not slurm.jobs())


@pytest.mark.slow
def test_nodes_go_when_there_is_nothing_more_for_them(tested_cluster: ClusterUnderTest, studio: Studio) -> None:
    with farm(studio, tested_cluster, max_nodes=MOST, end_within="5m") as scheduler:
        _scaled_up(scheduler)
        update_job(scheduler, 2, exhausted=True, work_s=0.0)
        until(lambda: len(nodes(scheduler)) == 1)  # something may still be finished
        call(scheduler, "withdraw", topic=TOPIC)
        until(lambda: not nodes(scheduler))
        if slurm := tested_cluster.slurm:
            until(lambda: not slurm.jobs())


@pytest.mark.slow
def test_a_node_that_is_lost_is_replaced(tested_cluster: ClusterUnderTest, studio: Studio) -> None:
    with farm(studio, tested_cluster, nodes=1) as scheduler:
        first = until(lambda: nodes(scheduler))
        (address,) = (node["address"] for node in first.values())
        _node_at(address).kill()
        until(lambda: (found := nodes(scheduler)) and all(node["address"] != address for node in found.values()))


@pytest.mark.slow
def test_a_still_is_what_it_is_on_this_machine(
    tested_cluster: ClusterUnderTest, studio: Studio, here: Path, prefect: dict[str, str]
) -> None:
    file = tested_cluster.file(studio.folder, nodes=MOST)
    report = studio.render(
        ROOT / "scenes" / "interior.xml", *STILL, "--out", studio.folder / "there", "--cluster", file,
        **tested_cluster.environment, **prefect,
    )  # fmt: skip
    assert report["units"] >= MOST
    ours, theirs = (pixels(folder / "interior.exr") for folder in (here, studio.folder / "there"))
    assert ours.std() > 0.05
    np.testing.assert_array_equal(theirs, ours)


def _scaled_up(scheduler: str) -> dict[str, dict[str, Any]]:
    """Have a job demand more nodes than allowed; returns those that joined."""
    enrol(scheduler)
    until(lambda: len(nodes(scheduler)) == 1)  # nothing is known of the job: it begins with one
    update_job(scheduler, 1, exhausted=False, work_s=50_000.0)
    return dict(until(lambda: len(found := nodes(scheduler)) == MOST and found))


def _is_of_a_node(process: psutil.Process) -> bool:
    try:
        return any(word in " ".join(process.cmdline()) for word in ("frontburner.cluster.remote_node", "dask_worker"))
    except psutil.Error:
        return False


def _node_at(address: str) -> psutil.Process:
    """Return what another machine started for a node, or its worker where the farm itself is its nanny."""
    port = int(address.rpartition(":")[2])
    pids = {
        connection.pid
        for connection in psutil.net_connections("tcp")
        if connection.status == psutil.CONN_LISTEN and connection.laddr[1:] == (port,) and connection.pid
    }
    worker = psutil.Process(min(pids))  # its children may hold its sockets, too
    nanny = worker.parent()
    assert nanny is not None
    return nanny if _is_of_a_node(nanny) else worker


@pytest.fixture(scope="session")
def here(tmp_path_factory: pytest.TempPathFactory, prefect: dict[str, str]) -> Path:
    """The same still, by one node of this machine."""
    folder = tmp_path_factory.mktemp("here")
    studio = Studio(home=folder / "home", folder=folder, settings=prefect)
    studio.render(ROOT / "scenes" / "interior.xml", *STILL, "--out", folder / "pictures", "--nodes", 1)
    return folder / "pictures"
