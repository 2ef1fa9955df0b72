"""Which build of a renderer a job is rendered with: one that works on as many nodes as possible."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks.errors import NodeNotReady

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from storage.errors import FrontburnerError


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """What a node said when it was asked for a renderer: the builds that work there, best first, or why none does."""

    node: str
    builds: tuple[str, ...] = ()
    error: FrontburnerError | None = None


def choose_build(reports: Sequence[NodeReport], renderer: str) -> str:
    """Choose the build most nodes have; among equals the one they like best.

    Raises
    ------
    NodeNotReady
        When no node has any, with the cause the first one gave.
    """
    votes = Counter(build for report in reports for build in report.builds)
    if not votes:
        error = next((report.error for report in reports if report.error), None)
        if error is not None:
            raise error
        raise NodeNotReady(
            reason=f"No node can render with {renderer}.",
            remedy="Start a node that has it.",
            node=", ".join(report.node for report in reports),
            renderer=renderer,
        )
    likes = _likes(reports)
    return max(votes, key=lambda build: (votes[build], likes[build]))


def _likes(reports: Sequence[NodeReport]) -> Mapping[str, int]:
    """How early builds come in the nodes' own order of preference; more is earlier."""
    likes: Counter[str] = Counter()
    for report in reports:
        for place, build in enumerate(report.builds):
            likes[build] += len(report.builds) - place
    return likes
