"""What of a store may go: by age and by size, oldest first; never what a job that runs needs. Pure."""

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

RUNS_S = 600.0
"""A job whose record grew within this time may be running: it says that it is alive every few seconds."""
FRESH_S = 3600.0
"""What is younger stays, however little room there is: it may belong to what is being rendered."""


class Kind(StrEnum):
    """What an object of a store is."""

    UNITS = "units"
    """Pixels of frames that aren't in place yet, or that were to be kept."""
    SCENES = "scenes"
    """Files of scenes that travelled, which a job that needs them again sends again; scenes that were dropped."""
    RECORDS = "records"
    """What happened in a job, event by event. How it ended, and its report, are kept."""
    PICTURES = "pictures"
    """Files that jobs wrote, with the records that say so."""
    SUMMARIES = "summaries"
    """How jobs ended, their reports and charts: small, and what `job list` shows."""
    OTHERS = "other files"
    """What Frontburner didn't write."""


_PATTERNS = (
    (Kind.UNITS, re.compile(rf"{INTERNAL_PREFIX}/units/([0-9a-f]+)/.*")),
    (Kind.SCENES, re.compile(rf"{INTERNAL_PREFIX}/(?:assets|scenes)/(.*)")),
    (Kind.RECORDS, re.compile(rf"{INTERNAL_PREFIX}/jobs/([^/]+)/.*")),
    (Kind.PICTURES, re.compile(rf"{INTERNAL_PREFIX}/files/(.*)\.json")),
    (Kind.SUMMARIES, re.compile(rf"{INTERNAL_PREFIX}/(.*)")),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Objects that stay or go together: the units of a frame, the record of a job, a picture with its own, a scene.

    Parameters
    ----------
    needed
        Whether it stays in any case.
    broken
        Whether it came only in part, so that it goes in any case.
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
    """What is to go.

    Parameters
    ----------
    older_than_s
        What hasn't changed for so long goes; None is nothing for its age.
    budget_bytes
        What the store may hold: of what may go, the oldest goes until it fits. None is any size.
    keep_pictures
        Whether pictures stay in any case.
    """

    older_than_s: float | None = None
    budget_bytes: int | None = None
    keep_pictures: bool = True


def groups(entries: Iterable[Entry]) -> list[Group]:
    """Sort the objects of a store into what belongs together."""
    listed = list(entries)
    pictures = {match[1] for entry in listed if (match := _PATTERNS[3][1].fullmatch(entry.key))}
    found: dict[tuple[Kind, str], list[Entry]] = defaultdict(list)
    for entry in listed:
        found[_place(entry.key, pictures)].append(entry)
    return [
        Group(
            kind=kind,
            name=name,
            keys=tuple(entry.key for entry in members),
            size_bytes=sum(entry.size_bytes for entry in members),
            newest_s=max(entry.modified_s for entry in members),
        )
        for (kind, name), members in found.items()
    ]


def removable(found: Sequence[Group], policy: Policy, *, now_s: float) -> list[Group]:
    """Choose what goes, the oldest first."""
    running = {group.name for group in found if group.kind is Kind.RECORDS and now_s - group.newest_s < RUNS_S}
    removable = sorted(
        (group for group in found if _may_go(group, running, keep_pictures=policy.keep_pictures)),
        key=lambda group: group.newest_s,
    )
    left_bytes = sum(group.size_bytes for group in found)
    chosen = []
    for group in removable:
        age_s = now_s - group.newest_s
        old = group.broken or (policy.older_than_s is not None and age_s >= policy.older_than_s)
        much = policy.budget_bytes is not None and left_bytes > policy.budget_bytes and age_s >= FRESH_S
        if old or much:
            chosen.append(group)
            left_bytes -= group.size_bytes
    return chosen


def sizes(found: Iterable[Group]) -> dict[Kind, int]:
    """Return the bytes of each kind."""
    totals = dict.fromkeys(Kind, 0)
    for group in found:
        totals[group.kind] += group.size_bytes
    return totals


def _may_go(group: Group, running: set[str], *, keep_pictures: bool) -> bool:
    if group.needed:
        return False
    match group.kind:
        case Kind.UNITS:
            return True
        case Kind.SCENES:
            return not running  # any of them may be fetched by a node in a moment
        case Kind.RECORDS:
            return group.name not in running
        case Kind.PICTURES:
            return not keep_pictures
        case Kind.SUMMARIES | Kind.OTHERS:
            return False


def _place(key: str, pictures: set[str]) -> tuple[Kind, str]:
    if key in pictures:
        return Kind.PICTURES, key
    for kind, pattern in _PATTERNS:
        if match := pattern.fullmatch(key):
            return kind, match[1]
    return Kind.OTHERS, key
