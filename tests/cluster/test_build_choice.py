"""A job uses the build with the most capacity, and keeps it; it says which nodes are left out, or why there is none."""

from __future__ import annotations

import itertools

import pytest

from frontburner.cluster.build_choice import BEFORE_PLATFORMS, NodeReport, choose_build, why_left_out
from tasks.errors import NodeNotReady

FAST, SLOW = "3.9.1 llvm_ad_rgb", "3.9.1 scalar_rgb"
WINDOWS, MACOS = f"{SLOW} windows-x86_64", f"{FAST} macos-arm64"


def report(node: str, *builds: str, cores: int = 1, takes_work: bool = True) -> NodeReport:
    return NodeReport(node=node, builds=builds, cores=cores, takes_work=takes_work)


def missing(node: str, library: str) -> NodeReport:
    error = NodeNotReady(reason=f"{library} is missing.", remedy="Install it.", node=node, renderer="mitsuba")
    return NodeReport(node=node, error=error)


MIXED = [report("lin", FAST, SLOW, cores=8), report("win-a", WINDOWS, cores=16), report("win-b", WINDOWS, cores=16)]


def chosen(*reports: NodeReport, asked: str = "", begun_with: str = "", renderer: str = "mitsuba") -> str:
    return choose_build(reports, renderer, asked=asked, begun_with=begun_with).build


def test_the_build_most_nodes_have_is_chosen() -> None:
    assert chosen(report("a", FAST, SLOW), report("b", SLOW), report("c", SLOW)) == SLOW


def test_cores_count_and_how_fast_the_build_is() -> None:
    assert chosen(report("a", FAST, SLOW, cores=16), report("b", SLOW), report("c", SLOW)) == FAST
    assert chosen(report("a", "6.2 vray", cores=8), report("b", "6.1 vray", cores=12), renderer="vray") == "6.1 vray"


@pytest.mark.parametrize("first", [0, 1])
def test_of_equally_frequent_builds_the_preferred_one_is_chosen(first: int) -> None:
    reports = [report("a", "5.0 optix", "5.0 cpu"), report("b", "5.0 optix", "5.0 cpu")]
    assert chosen(reports[first], reports[1 - first], renderer="blender") == "5.0 optix"
    assert chosen(report("a", "5.0 cpu", "5.0 optix"), renderer="blender") == "5.0 cpu"


def test_the_order_in_which_nodes_report_does_not_matter() -> None:
    equal = [report("a", FAST), report("b", MACOS), report("c", WINDOWS)]
    assert {chosen(*order) for order in itertools.permutations(equal)} == {FAST}


def test_nodes_that_take_work_now_count_before_all_others() -> None:
    in_use = [report("win-a", WINDOWS, cores=64, takes_work=False), report("lin", FAST, cores=2)]
    assert chosen(*in_use) == FAST
    assert chosen(in_use[0]) == WINDOWS


def test_nodes_that_have_none_do_not_count() -> None:
    assert chosen(missing("a", "libLLVM"), report("b", FAST)) == FAST


def test_a_mixed_farm_takes_the_side_with_the_most_capacity_and_says_whom_it_leaves_out() -> None:
    assert choose_build(MIXED, "mitsuba").sentence == (
        "It is rendered with mitsuba 3.9.1 scalar_rgb windows-x86_64, which can render the most now, and leaves out "
        "nodes whose builds give other pixels: lin with 3.9.1 llvm_ad_rgb linux-x86_64, 3.9.1 scalar_rgb linux-x86_64. "
        "Another build, or any, is chosen with --renderer-build."
    )
    several = choose_build([*MIXED, report("win-c", WINDOWS), report("win-d", WINDOWS)], "mitsuba", asked="linux")
    assert "win-a, win-b, win-c and 1 more with 3.9.1 scalar_rgb windows-x86_64" in several.sentence


def test_where_nobody_is_left_out_there_is_nothing_to_say() -> None:
    assert choose_build([report("a", FAST, SLOW), report("b", FAST), missing("c", "x")], "mitsuba").sentence == ""


@pytest.mark.parametrize(
    ("asked", "build"),
    [("win", WINDOWS), ("windows", WINDOWS), (WINDOWS, WINDOWS), ("3.9 WIN", WINDOWS), ("linux", FAST),
     ("3.9", WINDOWS), ("scalar linux", SLOW), (SLOW, SLOW), (FAST, FAST), (f"{FAST} linux-x86_64", FAST)],
)  # fmt: skip
def test_a_build_is_asked_for_by_its_name_or_the_beginning_of_its_words(asked: str, build: str) -> None:
    assert chosen(*MIXED, asked=asked) == build


def test_a_build_that_no_node_has_is_refused_with_those_there_are() -> None:
    with pytest.raises(NodeNotReady) as error:
        chosen(*MIXED, asked="macos")
    assert error.value.reason == (
        "No node has a build of mitsuba that fits 'macos': there are 3.9.1 llvm_ad_rgb linux-x86_64, "
        "3.9.1 scalar_rgb linux-x86_64, 3.9.1 scalar_rgb windows-x86_64."
    )


def test_any_mixes_platforms_of_one_version_and_variant_and_says_so() -> None:
    choice = choose_build(MIXED, "mitsuba", asked="any")
    assert choice.build == f"{SLOW} any"
    assert choice.sentence == (
        "Its pictures may be mixed of builds of mitsuba 3.9.1 scalar_rgb for several systems, as the job accepts: "
        "their pixels differ a little."
    )
    assert chosen(*MIXED, asked="any llvm") == f"{FAST} any"


def test_a_job_keeps_the_build_it_began_with() -> None:
    choice = choose_build(MIXED, "mitsuba", begun_with=SLOW)
    assert choice.build == SLOW
    assert "as in its earlier runs" in choice.sentence
    assert chosen(*MIXED, asked="any", begun_with=f"{SLOW} any") == f"{SLOW} any"


def test_a_build_that_is_gone_is_replaced_and_that_is_said() -> None:
    choice = choose_build([report("w", WINDOWS)], "mitsuba", begun_with=FAST)
    assert choice.build == WINDOWS
    assert choice.sentence == (
        "Its earlier runs used 3.9.1 llvm_ad_rgb linux-x86_64, which no node has now: their frames are rendered again."
    )


def test_a_job_of_a_version_without_platforms_continues_as_that_would() -> None:
    two = [report("a", FAST, SLOW, cores=4), report("b", SLOW), *MIXED[1:]]
    assert chosen(*two) == WINDOWS
    assert chosen(*two, begun_with=BEFORE_PLATFORMS) == SLOW  # the one most nodes have, of those there were
    assert choose_build(MIXED[1:], "mitsuba", begun_with=BEFORE_PLATFORMS).sentence == ""


def test_a_node_is_told_why_it_is_left_out() -> None:
    assert why_left_out([WINDOWS], FAST) == (
        "It has 3.9.1 scalar_rgb windows-x86_64; the job needs 3.9.1 llvm_ad_rgb linux-x86_64, as pixels of builds "
        "differ."
    )


def test_when_no_node_has_any_the_true_cause_is_raised() -> None:
    with pytest.raises(NodeNotReady, match=r"^libLLVM is missing\. Install it\.") as error:
        chosen(missing("a", "libLLVM"))
    assert error.value.node == "a"
    with pytest.raises(NodeNotReady) as several:
        chosen(report("idle"), missing("a", "libLLVM"), missing("b", "mitsuba"))
    assert several.value.reason == (
        "None of the 3 nodes can render with mitsuba. a: libLLVM is missing. b: mitsuba is missing."
    )
    with pytest.raises(NodeNotReady, match=r"^None of the 2 nodes can render with mitsuba\. libLLVM is missing\. Inst"):
        chosen(missing("a", "libLLVM"), missing("b", "libLLVM"))


def test_when_no_node_said_why_all_are_named() -> None:
    with pytest.raises(NodeNotReady, match="No node can render with mitsuba") as error:
        chosen(report("a"), report("b"))
    assert error.value.node == "a, b"
