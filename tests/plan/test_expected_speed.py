"""A node that nothing is known of is expected to be as fast as others with as many cores."""

from __future__ import annotations

from tests.plan.planners import planner_of


def test_a_node_that_keeps_cores_for_its_owner_is_expected_to_be_slower() -> None:
    planner = planner_of(8)
    planner.expect("a", cores=16)
    planner.expect("b", cores=4)
    for node in ("a", "b", "unknown"):
        planner.add_node(node)
    assert planner.learning.speed("b") == planner.learning.speed("a") / 4


def test_nodes_with_as_many_cores_are_expected_to_be_equal() -> None:
    planner = planner_of(8)
    for node in ("a", "b"):
        planner.expect(node, cores=8)
        planner.add_node(node)
    assert planner.learning.speed("a") == planner.learning.speed("b") == 1.0
