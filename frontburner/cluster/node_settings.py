"""Settings that hold for all jobs: of nodes (paused, draining, groups, hours), licences, and mappings of folders.

A scheduler that restarts reads them from a file, except those that end by themselves.
"""

from __future__ import annotations

import json
import logging
import os
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from frontburner.cluster.working_hours import parse_hours
from system import files

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from system.paths import Table

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSettings:
    """The settings of a node.

    Parameters
    ----------
    paused, draining
        Who paused or drains it; empty if nobody.
    groups
        Groups of nodes it belongs to.
    hours
        When it takes work, see `frontburner.cluster.working_hours`; empty is always.
    excluded
        Jobs it takes no units of, and who excluded them.
    in_use, in_use_since
        How somebody uses the machine, who must not be disturbed, and since when; it ends by itself.
    unseen
        Why somebody may use it unseen; empty if all keys are seen, or it needn't be given back.
    paused_until
        When a pause ends by itself; 0 if it doesn't. Moments are in seconds since 1970.
    """

    paused: str = ""
    draining: str = ""
    groups: tuple[str, ...] = ()
    hours: str = ""
    excluded: Mapping[str, str] = field(default_factory=dict)
    in_use: str = ""
    in_use_since: float = 0.0
    unseen: str = ""
    paused_until: float = 0.0

    def is_paused(self, now: datetime) -> bool:
        """Whether it is paused now."""
        return bool(self.paused) and not 0 < self.paused_until <= now.timestamp()

    def unavailable_reason(self, now: datetime) -> str:
        """Return why it takes no work now; empty if it does."""
        if self.draining:
            return f"it is being drained by {self.draining}"
        if self.is_paused(now):
            until = f" until {_format_moment(self.paused_until, now)}" if self.paused_until else ""
            return f"it is paused by {self.paused}{until}"
        if self.in_use:
            since = f" since {_format_moment(self.in_use_since, now)}" if self.in_use_since else ""
            return f"its machine is in use{since}: {self.in_use}"
        hours = parse_hours(self.hours)
        if hours.contain(now):
            return ""
        opening = hours.next_change(now)
        return f"its hours begin at {_format_time(opening, now)}" if opening else "it has no hours"


@dataclass(slots=True)
class FarmSettings:
    """The settings of all nodes, joined or not, the licences, and the folders that have several names.

    Parameters
    ----------
    path
        File they are kept in; None keeps them in memory.
    paths
        The names of folders on different systems.
    """

    path: Path | None = None
    nodes: dict[str, NodeSettings] = field(default_factory=dict)
    licences: dict[str, int] = field(default_factory=dict)
    paths: Table = ()

    def load(self) -> None:
        """Read the file. One that can't be read is renamed, for a person to look at, and all settings are defaults."""
        if self.path is None or not self.path.exists():
            return
        try:
            document = json.loads(self.path.read_text(encoding="utf-8"))
            self.licences = {str(renderer): int(most) for renderer, most in document["licences"].items()}
            self.nodes = {node: _node_settings(fields) for node, fields in document["nodes"].items()}
            self.paths = tuple(tuple(map(str, names)) for names in document.get("paths", ()))
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            backup = self.path.with_suffix(".unreadable")
            self.path.replace(backup)
            log.warning("The settings of nodes could not be read (%s); the file is now %s.", error, backup)
            self.licences, self.nodes, self.paths = {}, {}, ()

    def of(self, node: str) -> NodeSettings:
        """Return the settings of a node."""
        return self.nodes.get(node, NodeSettings())

    def change(self, node: str, **changes: Any) -> None:  # noqa: ANN401 - fields of NodeSettings
        """Change settings of a node."""
        settings = replace(self.of(node), **changes)
        if settings == NodeSettings():
            self.nodes.pop(node, None)
        else:
            self.nodes[node] = settings
        self._save()

    def license(self, renderer: str, most: int | None) -> None:
        """Limit how many nodes may use a renderer at once; None removes the limit."""
        if most is None:
            self.licences.pop(renderer, None)
        else:
            self.licences[renderer] = most
        self._save()

    def map_paths(self, table: Table) -> None:
        """Replace the table of folders that have several names."""
        self.paths = table
        self._save()

    def next_change(self, now: datetime) -> float | None:
        """Return the seconds until the hours of a node begin or end, or a pause ends; None if there are none."""
        changes = filter(None, (parse_hours(settings.hours).next_change(now) for settings in self.nodes.values()))
        pauses = [each.paused_until - now.timestamp() for each in self.nodes.values() if each.paused_until]
        return min([*((change - now).total_seconds() for change in changes), *pauses], default=None)

    def end_pauses(self, now: datetime) -> None:
        """End the pauses whose time is over."""
        for node, settings in list(self.nodes.items()):
            if settings.paused and not settings.is_paused(now):
                self.change(node, paused="", paused_until=0.0)

    def _save(self) -> None:
        if self.path is None:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        document = {"licences": self.licences, "nodes": dict(self._persistent()), "paths": self.paths}
        text = json.dumps({name: value for name, value in document.items() if value or name != "paths"}, indent=1)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        temporary.write_text(text, encoding="utf-8")
        files.replace(temporary, self.path)

    def _persistent(self) -> Iterator[tuple[str, dict[str, Any]]]:
        for node, settings in sorted(self.nodes.items()):
            persistent = replace(settings, in_use="", in_use_since=0.0, unseen="", draining="")
            if persistent != NodeSettings():
                fields = asdict(persistent)
                for name in ("in_use_since", "unseen", *([] if settings.paused_until else ["paused_until"])):
                    del fields[name]  # earlier versions, which may read it, don't know them
                yield node, fields


def _node_settings(fields: Mapping[str, Any]) -> NodeSettings:
    settings = NodeSettings(**{**fields, "groups": tuple(fields["groups"])})
    parse_hours(settings.hours)
    return settings


def _format_moment(moment_s: float, now: datetime) -> str:
    return _format_time(datetime.fromtimestamp(moment_s, tz=now.tzinfo), now)


def _format_time(time: datetime, now: datetime) -> str:
    return f"{time:%H:%M}" if time.date() == now.date() else f"{time:%a %H:%M}"
