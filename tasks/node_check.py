"""A node checks itself: asked by a person, or when it joins."""

from __future__ import annotations

from typing import Any

from distributed import get_worker

from tasks import node
from tasks.checkup import Inquiry, checkup


def check_node(inquiry: Inquiry) -> dict[str, Any]:
    """Check this node, and offer from now on what passed; returns the readiness as plain values."""
    return check_as(str(get_worker().name), inquiry)


def check_as(name: str, inquiry: Inquiry) -> dict[str, Any]:
    """Do so under a name, outside any task."""
    found = checkup(inquiry, node=name, threads=node.threads(), logs=node.logs_of(name), busy=node.busy())
    node.heed(found.builds, inquiry.names)
    return found.document()
