"""The roll of a farm: which job is kept from which node, and for what reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from frontburner.cluster.arbiter_state import ArbiterState, Hold, NodeInfo
from frontburner.cluster.node_settings import FarmSettings, NodeSettings
from frontburner.plan.fair_share import ShareTerms
from tasks.node.readiness import Check, Grade, Readiness

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)  # a Monday


def roll(*nodes: str, **standings: NodeSettings) -> ArbiterState:
    found = ArbiterState(FarmSettings(nodes=dict(standings)))
    for node in nodes:
        found.nodes[node] = NodeInfo(address=f"tcp://{node}", host=f"host-{node}")
    return found


def enrol(farm: ArbiterState, job: str, priority: int = 50, **terms: Any) -> None:
    farm.enrol(
        topic=job, job=job, client="c", priority=priority, renderer="null", host="host-a", terms=ShareTerms(**terms)
    )


def test_a_node_is_handed_over_when_the_unit_of_the_job_before_has_ended() -> None:
    farm = roll("a")
    enrol(farm, "first")
    assert farm.share(NOON)["first"] == {"a": {}}
    farm.unit_started("a", "first")
    enrol(farm, "urgent", 80)
    holds = farm.share(NOON)
    assert holds["first"] == {"a": {Hold.SHARE: "urgent has it, priority 80"}}
    assert holds["urgent"] == {"a": {Hold.SHARE: "it still renders a unit of first"}}
    assert farm.unit_ended("a", "first"), "that changes who has what"
    assert farm.share(NOON)["urgent"] == {"a": {}}


def test_units_that_follow_each_other_change_nothing() -> None:
    farm = roll("a")
    enrol(farm, "job")
    farm.share(NOON)
    farm.unit_started("a", "job")
    assert not farm.unit_ended("a", "job")


def test_a_node_between_two_units_of_a_job_is_not_given_to_another_by_their_number() -> None:
    farm = roll("a")
    enrol(farm, "first")
    farm.share(NOON)
    farm.unit_started("a", "first")
    farm.unit_started("a", "first")
    enrol(farm, "urgent", 80)
    farm.share(NOON)
    assert not farm.unit_ended("a", "first"), "one of the two goes on"
    assert farm.share(NOON)["urgent"]["a"] == {Hold.SHARE: "it still renders a unit of first"}


@pytest.mark.parametrize(
    ("standing", "why"),
    [
        (NodeSettings(paused="ann"), "it is paused by ann"),
        (NodeSettings(draining="ann"), "it is being drained by ann"),
        (NodeSettings(in_use="somebody types"), "its machine is in use: somebody types"),
        (NodeSettings(hours="mon-fri 19:00-07:00"), "its hours begin at 19:00"),
        (NodeSettings(hours="sat-sun"), "its hours begin at Sat 00:00"),
    ],
)
def test_a_node_that_takes_no_work_is_nobodys_and_says_why(standing: NodeSettings, why: str) -> None:
    farm = roll("a", "b", a=standing)
    enrol(farm, "job")
    holds = farm.share(NOON)["job"]
    assert holds["a"][Hold.UNAVAILABLE] == why
    assert holds["b"] == {}
    assert farm.shares["job"] == {"b"}


def test_a_job_is_kept_from_nodes_it_is_not_to_have() -> None:
    farm = roll(
        "a", "b", "c", b=NodeSettings(excluded={"job": "ann"}, groups=("gpu",)), c=NodeSettings(groups=("gpu", "big"))
    )
    enrol(farm, "job", groups=("gpu",))
    holds = farm.share(NOON)["job"]
    assert holds["a"][Hold.EXCLUDED] == "it is in none of the job's groups: gpu"
    assert holds["b"][Hold.EXCLUDED] == "it is excluded from this job by ann"
    assert holds["c"] == {}
    enrol(farm, "away", local=False)
    assert farm.share(NOON)["away"]["a"][Hold.EXCLUDED].startswith("the job must not be rendered on the machine")


def test_a_licence_is_free_only_when_the_last_unit_that_used_it_has_ended() -> None:
    farm = roll("a", "b", b=NodeSettings(excluded={"urgent": "ann"}))
    farm.settings.licences["null"] = 1
    enrol(farm, "first")
    farm.share(NOON)
    (node,) = farm.shares["first"]
    farm.unit_started(node, "first")
    farm.settings.change(node, paused="ann")
    assert farm.share(NOON)["first"][{"a": "b", "b": "a"}[node]] == {Hold.SHARE: "all licences of null are in use"}
    assert farm.unit_ended(node, "first")
    assert farm.share(NOON)["first"][{"a": "b", "b": "a"}[node]] == {}


def test_a_job_without_more_work_leaves_its_idle_nodes_to_others() -> None:
    farm = roll("a", "b")
    enrol(farm, "ending", 80)
    enrol(farm, "other", 20)
    farm.share(NOON)
    assert farm.shares == {"ending": {"a", "b"}, "other": frozenset()}
    farm.unit_started("b", "ending")
    farm.jobs["ending"].exhausted = True
    farm.share(NOON)
    assert farm.shares == {"ending": {"b"}, "other": {"a"}}


def test_how_nodes_stand_is_kept_but_for_what_passes(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "standings.json"
    first = FarmSettings(path=file)
    lasting = NodeSettings(paused="ann", groups=("gpu",), hours="sat-sun 00:00-24:00", excluded={"job": "bob"})
    first.change("a", paused="ann", groups=("gpu",), hours=lasting.hours, excluded={"job": "bob"}, draining="ann")
    first.change("b", in_use="somebody types")
    first.license("null", 2)
    second = FarmSettings(path=file)
    second.load()
    assert (second.nodes, second.licences) == ({"a": lasting}, {"null": 2})


@pytest.mark.parametrize("text", ["", "[]", '{"nodes": {"a": {}}}', '{"licences": {}, "nodes": {"a": {"groups": 5}}}'])
def test_what_cannot_be_read_is_put_aside(tmp_path: Path, text: str) -> None:
    file = tmp_path / "standings.json"
    file.write_text(text)
    standings = FarmSettings(path=file)
    standings.load()
    assert (standings.nodes, standings.licences) == ({}, {})
    assert file.with_suffix(".unreadable").read_text() == text
    standings.license("null", 1)
    assert file.exists()


def test_the_next_moment_to_look_again_is_when_hours_begin_or_end() -> None:
    standings = FarmSettings(
        nodes={"a": NodeSettings(hours="mon-fri 19:00-07:00"), "b": NodeSettings(hours="mon 00:00-13:00")}
    )
    assert standings.next_change(NOON) == timedelta(hours=1).total_seconds()
    assert FarmSettings().next_change(NOON) is None


def test_what_a_check_found_is_told_with_the_node_and_another_version_too() -> None:
    farm = roll("a")
    wrong = Check(name="mitsuba", grade=Grade.FAILS, reason="The library libx.so is missing.", remedy="Install it.")
    farm.report("a", Readiness(node="a", host="a", checks=(wrong, Check(name="null")), builds={"null": ("1 null",)}))
    farm.nodes["a"].versions = {"python": "2.7"}
    (told,) = farm.snapshot(NOON)["nodes"]
    assert told["renders"] == ["null"]
    assert told["problems"][0].startswith("versions: It has python 2.7 instead of ")
    assert told["problems"][1:] == ["mitsuba: The library libx.so is missing."]
    farm.report("gone", Readiness(node="gone", host="a", checks=()))


def test_a_job_that_has_just_left_takes_nothing_from_what_is_told() -> None:
    farm = roll("a")
    enrol(farm, "job")
    farm.share(NOON)
    del farm.jobs["job"]  # and nodes aren't shared out anew yet
    told = farm.snapshot(NOON)
    assert [node["job"] for node in told["nodes"]] == [""]
    assert told["jobs"] == []
