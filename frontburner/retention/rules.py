"""Retention rules: what may be deleted of a store, by age and size, and never what a running job needs. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from storage.objects import INTERNAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from storage.objects import Entry

RUNNING_WITHIN_S = 600.0
"""A job whose record grew within this time may be running: it has a heartbeat every few seconds."""
MIN_AGE_S = 3600.0
"""Younger objects are kept even over the budget: they may belong to what is being rendered."""


class Kind(StrEnum):
    """Kind of an object in a store."""

    UNITS = "units"
    """Pixels of frames that aren't complete, or of jobs that keep their units."""
    SCENES = "scenes"
    """Transferred scene files, which a job sends again if it needs them; dropped scenes."""
    RECORDS = "records"
    """Event logs of jobs. Their status and reports are summaries."""
    PICTURES = "pictures"
    """Files that jobs wrote, with their records."""
    SUMMARIES = "summaries"
    """Status, report and chart of jobs: small, and shown by `job list`."""
    OTHERS = "other files"
    """Files that Frontburner didn't write."""


_PATTERNS = (
    (Kind.UNITS, re.compile(rf"{INTERNAL_PREFIX}/units/([0-9a-f]+)/.*")),
    (Kind.SCENES, re.compile(rf"{INTERNAL_PREFIX}/(?:assets|scenes|kept)/(.*)")),
    (Kind.RECORDS, re.compile(rf"{INTERNAL_PREFIX}/jobs/([^/]+)/.*")),
    (Kind.PICTURES, re.compile(rf"{INTERNAL_PREFIX}/files/(.*)\.json")),
    (Kind.SUMMARIES, re.compile(rf"{INTERNAL_PREFIX}/(.*)")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Objects that are kept or deleted together: units of a frame, record of a job, picture and its record, scene.

    Parameters
    ----------
    needed
        Whether it is kept in any case.
    broken
        Whether it is incomplete and abandoned, so that it is deleted in any case.
    """

    kind: Kind
    name: str
    keys: tuple[str, ...]
    size_bytes: int
    newest_s: float
    needed: bool = False
    broken: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What to delete.

    Parameters
    ----------
    older_than_s
        Delete what hasn't changed for this long; None deletes nothing by age.
    budget_bytes
        Delete the oldest until the store holds no more than this; None is unlimited.
    keep_pictures
        Whether pictures are kept in any case.
    """

    older_than_s: float | None = None
    budget_bytes: int | None = None
    keep_pictures: bool = True


def group_entries(entries: Iterable[Entry]) -> list[Group]:
    """Group the objects of a store."""
    listed = list(entries)
    pictures = {match[1] for entry in listed if (match := _PATTERNS[3][1].fullmatch(entry.key))}
    members: dict[tuple[Kind, str], list[Entry]] = defaultdict(list)
    for entry in listed:
        members[_classify(entry.key, pictures)].append(entry)
    return [
        Group(
            kind=kind,
            name=name,
            keys=tuple(entry.key for entry in group),
            size_bytes=sum(entry.size_bytes for entry in group),
            newest_s=max(entry.modified_s for entry in group),
        )
        for (kind, name), group in members.items()
    ]


def select_removable(groups: Sequence[Group], policy: Policy, *, now_s: float) -> list[Group]:
    """Select what to delete, the oldest first."""
    records = [group for group in groups if group.kind is Kind.RECORDS]
    running = {group.name for group in records if now_s - group.newest_s < RUNNING_WITHIN_S}
    removable = [group for group in groups if _is_removable(group, running, keep_pictures=policy.keep_pictures)]
    left_bytes = sum(group.size_bytes for group in groups)
    selected = []
    for group in sorted(removable, key=lambda group: group.newest_s):
        age_s = now_s - group.newest_s
        expired = group.broken or (policy.older_than_s is not None and age_s >= policy.older_than_s)
        over_budget = policy.budget_bytes is not None and left_bytes > policy.budget_bytes and age_s >= MIN_AGE_S
        if expired or over_budget:
            selected.append(group)
            left_bytes -= group.size_bytes
    return selected


def size_by_kind(groups: Iterable[Group]) -> dict[Kind, int]:
    """Return the bytes of each kind."""
    totals = dict.fromkeys(Kind, 0)
    for group in groups:
        totals[group.kind] += group.size_bytes
    return totals


def _is_removable(group: Group, running: set[str], *, keep_pictures: bool) -> bool:
    if group.needed:
        return False
    match group.kind:
        case Kind.UNITS:
            return True
        case Kind.SCENES:
            return not running  # a node may be about to fetch any of them
        case Kind.RECORDS:
            return group.name not in running
        case Kind.PICTURES:
            return not keep_pictures
        case Kind.SUMMARIES | Kind.OTHERS:
            return False


def _classify(key: str, pictures: set[str]) -> tuple[Kind, str]:
    if key in pictures:
        return Kind.PICTURES, key
    for kind, pattern in _PATTERNS:
        if match := pattern.fullmatch(key):
            return kind, match[1]
    return Kind.OTHERS, key
