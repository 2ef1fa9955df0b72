"""How nodes stand, whatever jobs there are: paused, draining, their groups and hours; and how many licences there are.

All of it but what passes by itself goes into a document that is kept where a scheduler is started again.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from frontburner.cluster.working_hours import parse_hours

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSetting:
    """How a node stands.

    Parameters
    ----------
    paused, draining
        By whom; empty if it isn't.
    groups
        Groups of nodes it belongs to.
    hours
        When it takes work, as people write it; empty is always.
    excluded
        Jobs it takes nothing from, and by whom that was said.
    in_use
        What somebody does on the machine, who is not to be disturbed; it passes by itself.
    """

    paused: str = ""
    draining: str = ""
    groups: tuple[str, ...] = ()
    hours: str = ""
    excluded: Mapping[str, str] = field(default_factory=dict)
    in_use: str = ""

    def why_not(self, now: datetime) -> str:
        """Why it takes no work now; empty if it does."""
        if self.draining:
            return f"it drains, as {self.draining} wants it, and leaves then"
        if self.paused:
            return f"it is paused by {self.paused}"
        if self.in_use:
            return f"its machine is in use: {self.in_use}"
        hours = parse_hours(self.hours)
        if hours.open(now):
            return ""
        begins = hours.next_change(now)
        return f"its hours begin at {_moment(begins, now)}" if begins else "it has no hours"


@dataclass(slots=True)
class NodeSettings:
    """The standing of every node that has one, there or not, and the licences.

    Parameters
    ----------
    kept_in
        The file they are kept in; None keeps them no longer than this process.
    """

    kept_in: Path | None = None
    nodes: dict[str, NodeSetting] = field(default_factory=dict)
    licences: dict[str, int] = field(default_factory=dict)

    def load(self) -> None:
        """Read what was kept. What can't be read is put aside, for a person to look at, and nothing stands."""
        if self.kept_in is None or not self.kept_in.exists():
            return
        try:
            document = json.loads(self.kept_in.read_text(encoding="utf-8"))
            self.licences = {str(renderer): int(most) for renderer, most in document["licences"].items()}
            self.nodes = {node: _standing(fields) for node, fields in document["nodes"].items()}
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            aside = self.kept_in.with_suffix(".unreadable")
            self.kept_in.replace(aside)
            log.warning("How nodes stand couldn't be read (%s); the file is now %s.", error, aside)
            self.licences, self.nodes = {}, {}

    def of(self, node: str) -> NodeSetting:
        """Return how a node stands."""
        return self.nodes.get(node, NodeSetting())

    def change(self, node: str, **changes: Any) -> None:  # noqa: ANN401 - as the fields are
        """Change how a node stands."""
        standing = replace(self.of(node), **changes)
        if standing == NodeSetting():
            self.nodes.pop(node, None)
        else:
            self.nodes[node] = standing
        self._keep()

    def license(self, renderer: str, most: int | None) -> None:
        """Set how many nodes may render with a renderer at once; None is any number."""
        if most is None:
            self.licences.pop(renderer, None)
        else:
            self.licences[renderer] = most
        self._keep()

    def next_change(self, now: datetime) -> float | None:
        """Return the seconds until some node's hours begin or end."""
        changes = filter(None, (parse_hours(standing.hours).next_change(now) for standing in self.nodes.values()))
        return min(((change - now).total_seconds() for change in changes), default=None)

    def _keep(self) -> None:
        if self.kept_in is None:
            return
        self.kept_in.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"licences": self.licences, "nodes": dict(self._lasting())}, indent=1)
        passing = self.kept_in.with_name(f"{self.kept_in.name}.{os.getpid()}")
        passing.write_text(text, encoding="utf-8")
        passing.replace(self.kept_in)

    def _lasting(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for node, standing in sorted(self.nodes.items()):
            lasting = replace(standing, in_use="", draining="")
            if lasting != NodeSetting():
                yield node, asdict(lasting)


def _standing(fields: Mapping[str, Any]) -> NodeSetting:
    standing = NodeSetting(**{**fields, "groups": tuple(fields["groups"])})
    parse_hours(standing.hours)
    return standing


def _moment(at: datetime, now: datetime) -> str:
    return f"{at:%H:%M}" if at.date() == now.date() else f"{at:%a %H:%M}"
