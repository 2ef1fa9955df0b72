"""Read a job's record from its store: JSON lines, in one object for each part of a run."""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from storage.errors import MissingObject
from storage.objects import INTERNAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from storage.objects import ObjectStore

_STAMP = "%Y%m%dT%H%M%S%f"


def read_events(store: ObjectStore, job_id: str, *, after: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Read a job's record in the order it was written: pairs of a position and an encoded event.

    Parameters
    ----------
    after
        Read only what was written after this position, which came with an earlier event.
    """
    last, _, number = after.partition("#")
    for key in store.list(_folder(job_id)):
        if key >= last:
            yield from _lines(store, key, int(number) + 1 if key == last else 0)


def read_last_events(
    store: ObjectStore, job_id: str, count: int, matches: Callable[[dict[str, Any]], bool]
) -> list[tuple[str, dict[str, Any]]]:
    """Read the last ``count`` events that match, without reading the whole record."""
    found: list[tuple[str, dict[str, Any]]] = []
    for key in reversed(list(store.list(_folder(job_id)))):
        found = [(position, line) for position, line in _lines(store, key, 0) if matches(line)] + found
        if len(found) >= count:
            break
    return found[max(0, len(found) - count) :]


def _lines(store: ObjectStore, key: str, first: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Encoded events of one object from a line on. Incomplete lines are skipped."""
    try:
        lines = store.read(key).decode(errors="replace").splitlines()
    except MissingObject:
        return
    for number, line in enumerate(lines[first:], start=first):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict) and "what" in event and "at" in event:
            yield position_of(key, number), event


def position_of(key: str, line: int) -> str:
    """Return the position of a line. Positions of a job don't sort in the order they were written: their keys do."""
    return f"{key}#{line}"


def _folder(job_id: str) -> str:
    return f"{INTERNAL_PREFIX}/jobs/{job_id}/events/"


def new_run_name(store: ObjectStore, job_id: str, now: datetime, suffix: str) -> str:
    """Name a run by its time, or just after the last run's if the clock was set back, so that it sorts last.

    Parameters
    ----------
    suffix
        Distinguishes it from another run that begins at the same time.
    """
    started = now.astimezone(UTC)
    for key in store.list(_folder(job_id)):
        stamp = key.removeprefix(_folder(job_id)).partition("-")[0]
        with suppress(ValueError):
            earlier = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
            started = max(started, earlier + timedelta(microseconds=1))
    return f"{started:{_STAMP}}-{suffix}"


def part_key(job_id: str, run: str, number: int) -> str:
    """Key of one part of a run's record; keys of a job sort in the order they were written."""
    return f"{_folder(job_id)}{run}-{number:06d}.jsonl"
