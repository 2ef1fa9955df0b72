"""A job uses the build most nodes have; without any, the reasons of the nodes are reported."""

from __future__ import annotations

import pytest

from frontburner.cluster.build_choice import NodeReport, choose_build
from tasks.errors import NodeNotReady

FAST, SLOW = "3.9.1 llvm_ad_rgb", "3.9.1 scalar_rgb"


def report(node: str, *builds: str) -> NodeReport:
    return NodeReport(node=node, builds=builds)


def missing(node: str, library: str) -> NodeReport:
    error = NodeNotReady(reason=f"{library} is missing.", remedy="Install it.", node=node, renderer="mitsuba")
    return NodeReport(node=node, error=error)


def test_the_build_most_nodes_have_is_chosen() -> None:
    assert choose_build([report("a", FAST, SLOW), report("b", SLOW), report("c", SLOW)], "mitsuba") == SLOW


@pytest.mark.parametrize("first", [0, 1])
def test_of_equally_frequent_builds_the_preferred_one_is_chosen(first: int) -> None:
    reports = [report("a", FAST, SLOW), report("b", FAST, SLOW)]
    assert choose_build([reports[first], reports[1 - first]], "mitsuba") == FAST
    assert choose_build([report("a", SLOW, FAST), report("b", SLOW, FAST)], "mitsuba") == SLOW


def test_nodes_that_have_none_do_not_count() -> None:
    assert choose_build([missing("a", "libLLVM"), report("b", FAST)], "mitsuba") == FAST


def test_when_no_node_has_any_the_true_cause_is_raised() -> None:
    with pytest.raises(NodeNotReady, match=r"^libLLVM is missing\. Install it\.") as error:
        choose_build([missing("a", "libLLVM")], "mitsuba")
    assert error.value.node == "a"
    with pytest.raises(NodeNotReady) as several:
        choose_build([report("idle"), missing("a", "libLLVM"), missing("b", "mitsuba")], "mitsuba")
    assert several.value.reason == (
        "None of the 3 nodes can render with mitsuba. a: libLLVM is missing. b: mitsuba is missing."
    )
    with pytest.raises(NodeNotReady, match=r"^None of the 2 nodes can render with mitsuba\. libLLVM is missing\. Inst"):
        choose_build([missing("a", "libLLVM"), missing("b", "libLLVM")], "mitsuba")


def test_when_no_node_said_why_all_are_named() -> None:
    with pytest.raises(NodeNotReady, match="No node can render with mitsuba") as error:
        choose_build([report("a"), report("b")], "mitsuba")
    assert error.value.node == "a, b"
