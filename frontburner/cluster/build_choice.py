"""Chooses the build of a renderer that a job uses: one that works on as many nodes as possible."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tasks.errors import NodeNotReady

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.errors import FrontburnerError


_NAMED = 3
"""Reasons, and nodes for each, that are named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeReport:
    """The builds of a renderer that work on a node, in its order of preference, or why none does."""

    node: str
    builds: tuple[str, ...] = ()
    error: FrontburnerError | None = None


def _why(reports: Sequence[NodeReport]) -> str:
    """Return the reasons of the nodes, each once."""
    nodes: dict[str, list[str]] = {}
    for report in reports:
        if report.error:
            nodes.setdefault(report.error.reason, []).append(report.node)
    if len(nodes) == 1:
        return next(iter(nodes))
    told = [f"{', '.join(names[:_NAMED])}: {reason}" for reason, names in list(nodes.items())[:_NAMED]]
    return " ".join(told)


def choose_build(reports: Sequence[NodeReport], renderer: str) -> str:
    """Choose the build most nodes have; of equally frequent ones, the one that ranks highest on the nodes.

    Raises
    ------
    NodeNotReady
        When no node has any, with the reasons of the nodes.
    """
    counts: Counter[str] = Counter()
    ranks: Counter[str] = Counter()
    for report in reports:
        counts.update(report.builds)
        ranks.update({build: len(report.builds) - index for index, build in enumerate(report.builds)})
    if counts:
        return max(counts, key=lambda build: (counts[build], ranks[build]))
    errors = [report.error for report in reports if report.error]
    if len(reports) > 1 and errors:
        raise replace(errors[0], reason=f"None of the {len(reports)} nodes can render with {renderer}. {_why(reports)}")
    raise (
        errors[0]
        if errors
        else NodeNotReady(
            reason=f"No node can render with {renderer}.",
            remedy="Start a node that has it.",
            node=", ".join(report.node for report in reports),
            renderer=renderer,
        )
    )
