"""A node checks itself: asked by a person, or when it joins."""

from __future__ import annotations

from typing import Any

from distributed import get_worker

from tasks.node import unit_task
from tasks.node.node_checks import NodeInquiry, checkup


def check_node(inquiry: NodeInquiry) -> dict[str, Any]:
    """Check this node, and offer from now on what passed; returns the readiness as plain values."""
    return check_as(str(get_worker().name), inquiry)


def check_as(name: str, inquiry: NodeInquiry) -> dict[str, Any]:
    """Do so under a name, outside any task."""
    found = checkup(
        inquiry, node=name, threads=unit_task.threads(), logs=unit_task.logs_of(name), busy=unit_task.busy()
    )
    unit_task.heed(found.builds, inquiry.names)
    return found.document()
