"""A cluster has as many nodes as finish the work in time, and none without work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from frontburner.cluster.cluster_file import read_cluster
from frontburner.cluster.scaling import nodes_for
from frontburner.jobs.job import JobRefused

if TYPE_CHECKING:
    from pathlib import Path

MINUTE_S = 60.0


def job(
    work_s: float | None = None, *, busy: int = 0, exhausted: bool = False, most: int | None = None
) -> dict[str, Any]:
    return {"work_s": work_s, "busy": busy, "exhausted": exhausted, "max_nodes": most}


@pytest.mark.parametrize(
    ("jobs", "current", "needed"),
    [
        ([], 3, 0),
        ([job()], 0, 1),  # nothing is known yet: start with one
        ([job()], 3, 3),  # and keep those that have joined
        ([job(600.0)], 1, 10),
        ([job(601.0)], 1, 11),
        ([job(600.0, most=4)], 1, 4),
        ([job(600.0), job(120.0)], 2, 12),
        ([job(30.0, busy=4)], 4, 4),  # nodes that render are kept
        ([job(1.0, busy=2, exhausted=True)], 8, 2),  # the last units need fewer
        ([job(0.0, exhausted=True)], 8, 1),  # pictures are still finished
    ],
)
def test_nodes_for(jobs: list[dict[str, Any]], current: int, needed: int) -> None:
    assert nodes_for(jobs, current=current, end_within_s=MINUTE_S) == needed


JOBS = some.lists(
    some.builds(
        job, some.none() | some.floats(0, 1e6), busy=some.integers(0, 50), exhausted=some.booleans(),
        most=some.none() | some.integers(1, 50),
    ),
    max_size=5,
)  # fmt: skip


@given(jobs=JOBS, current=some.integers(0, 100))
def test_nodes_that_render_are_always_needed(jobs: list[dict[str, Any]], current: int) -> None:
    busy = sum(min(each["busy"], each["max_nodes"] or each["busy"]) for each in jobs)
    assert nodes_for(jobs, current=current, end_within_s=MINUTE_S) >= busy


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("cluster: {kind: local, nods: 2}", "cluster.nods: is not a field"),
        ("cluster: {kind: slurm, memory: 1 GB}", "cluster.threads: is missing"),
        ("cluster: {kind: mainframe}", "cluster.kind: give one of"),
        ("cluster: {kind: local, end_within: soon}", "cluster.end_within: is not a span of time"),
        ("cluster: {kind: local, min_nodes: 3, max_nodes: 2}", "is more than max_nodes"),
        ("cluster: {kind: ssh, hosts: [a, b@a]}", "cluster.hosts: a is there twice"),
        ("cluster: {kind: ssh, hosts: ['-oProxyCommand=x']}", "is not a machine"),
        ("clusters: {}", "cluster: is missing"),
        ("{", "expected"),
    ],
)
def test_a_cluster_file_that_is_wrong_is_refused_with_its_field(text: str, says: str, tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(text)
    with pytest.raises(JobRefused) as refused:
        read_cluster(file)
    assert says in str(refused.value)


@pytest.mark.parametrize(
    "text",
    [
        "cluster: {kind: local, max_nodes: 4, end_within: 5m}",
        "cluster: {kind: address, scheduler: 'tcp://10.0.0.5:8786'}",
        "cluster: {kind: ssh, hosts: [render01, me@render02:2222]}",
        "cluster: {kind: slurm, threads: 16, memory: 32 GB, walltime: 04:00:00, options: {account: film}}",
        "cluster: {kind: kubernetes, image: registry/frontburner, nodes: 3}",
    ],
)
def test_cluster_files_that_read(text: str, tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text(text)
    assert read_cluster(file).kind in text
