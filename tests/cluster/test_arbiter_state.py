"""The state of the arbiter: which job has which node, and for what reason it hasn't the others."""

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


def state_of(*nodes: str, **settings: NodeSettings) -> ArbiterState:
    state = ArbiterState(FarmSettings(nodes=dict(settings)))
    for node in nodes:
        state.nodes[node] = NodeInfo(address=f"tcp://{node}", host=f"host-{node}")
    return state


def enrol(state: ArbiterState, job: str, priority: int = 50, **terms: Any) -> None:
    state.enrol(
        topic=job, job=job, client="c", priority=priority, renderer="null", host="host-a", terms=ShareTerms(**terms)
    )


def test_a_node_is_handed_over_when_the_unit_of_the_previous_job_has_ended() -> None:
    state = state_of("a")
    enrol(state, "first")
    assert state.share(NOON)["first"] == {"a": {}}
    state.unit_started("a", "first")
    enrol(state, "urgent", 80)
    holds = state.share(NOON)
    assert holds["first"] == {"a": {Hold.SHARE: "urgent has it, priority 80"}}
    assert holds["urgent"] == {"a": {Hold.SHARE: "it still renders a unit of first"}}
    assert state.unit_ended("a", "first"), "that changes who has what"
    assert state.share(NOON)["urgent"] == {"a": {}}


def test_consecutive_units_of_a_job_change_nothing() -> None:
    state = state_of("a")
    enrol(state, "job")
    state.share(NOON)
    state.unit_started("a", "job")
    assert not state.unit_ended("a", "job")


def test_a_node_is_not_handed_over_while_one_of_two_units_is_in_flight() -> None:
    state = state_of("a")
    enrol(state, "first")
    state.share(NOON)
    state.unit_started("a", "first")
    state.unit_started("a", "first")
    enrol(state, "urgent", 80)
    state.share(NOON)
    assert not state.unit_ended("a", "first"), "one of the two is in flight"
    assert state.share(NOON)["urgent"]["a"] == {Hold.SHARE: "it still renders a unit of first"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        (NodeSettings(paused="ann"), "it is paused by ann"),
        (NodeSettings(draining="ann"), "it is being drained by ann"),
        (NodeSettings(in_use="a key"), "its machine is in use: a key"),
        (
            NodeSettings(in_use="a key", in_use_since=NOON.timestamp() - 600),
            "its machine is in use since 11:50: a key",
        ),
        (NodeSettings(paused="ann", paused_until=NOON.timestamp() + 3600), "it is paused by ann until 13:00"),
        (NodeSettings(hours="mon-fri 19:00-07:00"), "its hours begin at 19:00"),
        (NodeSettings(hours="sat-sun"), "its hours begin at Sat 00:00"),
    ],
)
def test_a_node_that_takes_no_work_belongs_to_no_job_and_has_a_reason(settings: NodeSettings, reason: str) -> None:
    state = state_of("a", "b", a=settings)
    enrol(state, "job")
    holds = state.share(NOON)["job"]
    assert holds["a"][Hold.UNAVAILABLE] == reason
    assert holds["b"] == {}
    assert state.shares["job"] == {"b"}


def test_a_job_is_held_from_excluded_nodes() -> None:
    state = state_of(
        "a", "b", "c", b=NodeSettings(excluded={"job": "ann"}, groups=("gpu",)), c=NodeSettings(groups=("gpu", "big"))
    )
    enrol(state, "job", groups=("gpu",))
    holds = state.share(NOON)["job"]
    assert holds["a"][Hold.EXCLUDED] == "it is in none of the job's groups: gpu"
    assert holds["b"][Hold.EXCLUDED] == "it is excluded from this job by ann"
    assert holds["c"] == {}
    enrol(state, "away", local=False)
    assert state.share(NOON)["away"]["a"][Hold.EXCLUDED].startswith("the job must not be rendered on the machine")


def test_a_licence_is_free_only_when_the_last_unit_that_used_it_has_ended() -> None:
    state = state_of("a", "b", b=NodeSettings(excluded={"urgent": "ann"}))
    state.settings.licences["null"] = 1
    enrol(state, "first")
    state.share(NOON)
    (node,) = state.shares["first"]
    state.unit_started(node, "first")
    state.settings.change(node, paused="ann")
    assert state.share(NOON)["first"][{"a": "b", "b": "a"}[node]] == {Hold.SHARE: "all licences of null are in use"}
    assert state.unit_ended(node, "first")
    assert state.share(NOON)["first"][{"a": "b", "b": "a"}[node]] == {}


def test_an_exhausted_job_leaves_its_idle_nodes_to_others() -> None:
    state = state_of("a", "b")
    enrol(state, "ending", 80)
    enrol(state, "other", 20)
    state.share(NOON)
    assert state.shares == {"ending": {"a", "b"}, "other": frozenset()}
    state.unit_started("b", "ending")
    state.jobs["ending"].exhausted = True
    state.share(NOON)
    assert state.shares == {"ending": {"b"}, "other": {"a"}}


def test_settings_are_kept_except_those_that_end_by_themselves(tmp_path: Path) -> None:
    file = tmp_path / "kept" / "standings.json"
    first = FarmSettings(path=file)
    persistent = NodeSettings(paused="ann", groups=("gpu",), hours="sat-sun 00:00-24:00", excluded={"job": "bob"})
    first.change("a", paused="ann", groups=("gpu",), hours=persistent.hours, excluded={"job": "bob"}, draining="ann")
    first.change("b", in_use="somebody types")
    first.license("null", 2)
    second = FarmSettings(path=file)
    second.load()
    assert (second.nodes, second.licences) == ({"a": persistent}, {"null": 2})


@pytest.mark.parametrize("text", ["", "[]", '{"nodes": {"a": {}}}', '{"licences": {}, "nodes": {"a": {"groups": 5}}}'])
def test_an_unreadable_file_is_renamed_and_settings_are_defaults(tmp_path: Path, text: str) -> None:
    file = tmp_path / "standings.json"
    file.write_text(text)
    settings = FarmSettings(path=file)
    settings.load()
    assert (settings.nodes, settings.licences) == ({}, {})
    assert file.with_suffix(".unreadable").read_text() == text
    settings.license("null", 1)
    assert file.exists()


def test_the_next_change_is_when_hours_begin_or_end() -> None:
    settings = FarmSettings(
        nodes={"a": NodeSettings(hours="mon-fri 19:00-07:00"), "b": NodeSettings(hours="mon 00:00-13:00")}
    )
    assert settings.next_change(NOON) == timedelta(hours=1).total_seconds()
    assert FarmSettings().next_change(NOON) is None


def test_the_snapshot_has_the_problems_a_check_found_and_other_versions() -> None:
    state = state_of("a")
    wrong = Check(name="mitsuba", grade=Grade.FAILS, reason="The library libx.so is missing.", remedy="Install it.")
    state.report("a", Readiness(node="a", host="a", checks=(wrong, Check(name="null")), builds={"null": ("1 null",)}))
    state.nodes["a"].versions = {"python": "2.7"}
    (node,) = state.snapshot(NOON)["nodes"]
    assert node["renders"] == ["null"]
    assert node["problems"][0].startswith("versions: It has python 2.7 instead of ")
    assert node["problems"][1:] == ["mitsuba: The library libx.so is missing."]
    state.report("gone", Readiness(node="gone", host="a", checks=()))


def test_a_node_that_jobs_leave_out_says_which_and_why() -> None:
    state = state_of("a", "b")
    enrol(state, "job")
    state.jobs["job"].refused = {"a": "It has 2 null; the job needs 1 null.", "b": ""}
    state.share(NOON)
    assert {node["name"]: node["why"] for node in state.snapshot(NOON)["nodes"]} == {
        "a": "job leaves it out. It has 2 null; the job needs 1 null",
        "b": "",
    }
    enrol(state, "other")
    state.share(NOON)
    assert state.shares["other"] >= {"a"}
    assert state.snapshot(NOON)["nodes"][0]["why"] == ""


def test_a_job_that_was_just_withdrawn_is_not_in_the_snapshot() -> None:
    state = state_of("a")
    enrol(state, "job")
    state.share(NOON)
    del state.jobs["job"]  # and nodes aren't assigned anew yet
    snapshot = state.snapshot(NOON)
    assert [node["job"] for node in snapshot["nodes"]] == [""]
    assert snapshot["jobs"] == []
