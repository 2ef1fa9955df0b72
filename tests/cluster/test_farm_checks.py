"""Nodes of a real scheduler are checked and compared, and the arbiter keeps their problems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from distributed import Client, LocalCluster

from frontburner.cluster import farm_checks
from frontburner.cluster.arbiter_calls import ask, install
from frontburner.cluster.farm_checks import FarmCheck, compare_nodes, scheduler_checks, store_probe, waves
from storage.errors import FrontburnerError
from storage.objects import open_store
from tasks.node.node_checks import CheckRequest
from tasks.node.readiness import Check, Grade, Readiness
from tasks.node.versions import versions

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NULL = CheckRequest(renderers=("null",), measure=False)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("FRONTBURNER_LOGS", str(tmp_path))
    two_nodes = LocalCluster(n_workers=2, threads_per_worker=2, processes=False, dashboard_address="127.0.0.1:0")
    with two_nodes as cluster, Client(cluster) as client:
        install(client)
        yield client


def nodes_of(client: Client) -> dict[str, dict[str, Any]]:
    return {node["name"]: node for node in ask(client, "snapshot")["nodes"]}


def node(name: str, *, build: str = "", scene: str = "") -> Readiness:
    checks = (Check(name="blender", value=build), Check(name="scene", value=scene))
    return Readiness(node=name, host=name, checks=checks, builds={"blender": (build,)} if build else {}, scene=scene)


def test_every_node_is_checked_and_the_arbiter_learns_its_renderers(client: Client, tmp_path: Path) -> None:
    scene = tmp_path / "scene.json"
    scene.write_text("{}")
    found = FarmCheck(client=client).nodes(CheckRequest(renderers=("null",), measure=False, scene=str(scene)))
    assert [readiness.node for readiness in found] == ["0", "1"]
    for readiness in found:
        assert readiness.ok, readiness.problems
        names = [check.name for check in readiness.checks]
        assert {"memory", "null", "scene", "clock", "versions"} <= set(names)
        assert abs(float((readiness.of("clock") or readiness.checks[0]).value.split(" s")[0])) < 1
    assert {name: (one["renders"], one["problems"]) for name, one in nodes_of(client).items()} == {
        "0": (["null"], []),
        "1": (["null"], []),
    }


def test_the_arbiter_keeps_problems_of_a_node_but_not_those_of_a_job(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    inquiry = CheckRequest(renderers=("null",), measure=False, store_url=str(tmp_path / "store"), beacon="gone")
    (readiness,) = FarmCheck(client=client).nodes(inquiry, ["1"])
    assert [check.name for check in readiness.problems] == ["cache folder", "store"]
    reason = f"cache folder: The cache folder {tmp_path / 'file' / 'frontburner'} isn't a folder."
    assert nodes_of(client)["1"]["problems"] == [reason]
    assert nodes_of(client)["0"]["problems"] == []
    monkeypatch.delenv("XDG_CACHE_HOME")
    FarmCheck(client=client).nodes(NULL, ["1"])
    assert nodes_of(client)["1"]["problems"] == []


def test_a_node_that_cannot_be_checked_is_reported_and_the_others_are_checked(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_version(inquiry: CheckRequest) -> dict[str, Any]:
        from distributed import get_worker

        if str(get_worker().name) == "0":
            raise ModuleNotFoundError("No module named 'tasks.node.node_state'")
        return Readiness(node="1", host="h", checks=()).document()

    monkeypatch.setattr(farm_checks, "check_node", other_version)
    first, second = FarmCheck(client=client).nodes(NULL)
    assert "couldn't be checked: ModuleNotFoundError" in first.problems[0].reason
    assert "install the same on every machine" in first.problems[0].remedy
    assert second.ok


def test_an_unknown_node_is_an_error(client: Client) -> None:
    with pytest.raises(FrontburnerError, match=r"No node is called n9\. There are 0, 1\."):
        FarmCheck(client=client).nodes(NULL, ["n9"])


def test_a_machine_that_is_no_node_yet_is_compared_with_the_farm(client: Client) -> None:
    address = client.scheduler.address
    assert [check.grade for check in scheduler_checks(address, versions())] == [Grade.OK] * 3
    other = scheduler_checks(address, {**versions(), "python": "3.9"})
    (problem,) = [check for check in other if not check.ok]
    assert problem.reason.startswith("Its versions aren't those of the scheduler's machine: python 3.9 instead of ")


def test_a_scheduler_that_does_not_answer_is_reported() -> None:
    (check,) = scheduler_checks("tcp://127.0.0.1:1", versions())
    assert "The scheduler tcp://127.0.0.1:1 doesn't answer" in check.reason
    assert "frontburner farm start" in check.remedy


def test_the_probe_of_a_store_is_deleted_afterwards(tmp_path: Path) -> None:
    store = open_store(str(tmp_path / "store"))
    with store_probe(store.url) as key:
        assert store.exists(key)
    assert list(store.list()) == []


def test_a_machine_checks_one_of_its_nodes_at_a_time() -> None:
    nodes = [{"name": name, "host": name[0]} for name in ("a1", "a2", "b1", "a3", "b2")]
    assert [[one["name"] for one in wave] for wave in waves(nodes)] == [["a1", "b1"], ["a2", "b2"], ["a3"]]


def test_a_scene_that_differs_from_most_nodes_is_reported() -> None:
    found = compare_nodes([node("a", scene="1111111111"), node("b", scene="2222222222"), node("c", scene="1111111111")])
    assert [one.ok for one in found] == [True, False, True]
    assert found[1].problems[0].reason == "Its scene is another one: 22222222, and 11111111 on most machines."


def test_a_scene_that_differs_from_the_local_one_is_reported() -> None:
    found = compare_nodes([node("a", scene="1111111111"), node("b", scene="2222222222")], scene="2222222222")
    assert [one.ok for one in found] == [False, True]
    assert found[0].problems[0].reason == "Its scene is another one: 11111111, and 22222222 here."


def test_a_build_that_no_other_node_has_is_noted() -> None:
    found = compare_nodes([node("a", build="5.0.1 cpu"), node("b", build="4.2.0 cpu"), node("c", build="5.0.1 cpu")])
    notes = {one.node: check.reason for one in found for check in one.checks if check.grade is Grade.NOTE}
    assert notes == {"b": "It has 4.2.0 cpu, and the others have 5.0.1 cpu: it renders none of their jobs."}


def test_a_build_for_another_system_is_noted_with_the_way_to_use_it() -> None:
    found = compare_nodes([node("a", build="5.0.1 cpu"), node("w", build="5.0.1 cpu windows-x86_64")])
    remedies = {check.remedy for one in found for check in one.checks if check.grade is Grade.NOTE}
    assert remedies == {"Pixels of systems differ: a job takes one, or accepts both with --renderer-build any."}
