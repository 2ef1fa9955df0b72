"""The record of what happened in a job, as it lies in the store: lines of JSON, an object for a part of a run."""

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


def read(store: ObjectStore, job_id: str, *, after: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Read a job's record in the order it was written: a position, and what happened there.

    Parameters
    ----------
    after
        Only what was written after this position, as given with an earlier event.
    """
    last, _, number = after.partition("#")
    for key in store.list(_folder(job_id)):
        if key >= last:
            yield from _lines(store, key, int(number) + 1 if key == last else 0)


def read_last(
    store: ObjectStore, job_id: str, count: int, wanted: Callable[[dict[str, Any]], bool]
) -> list[tuple[str, dict[str, Any]]]:
    """Read the last events that are wanted, without reading all that came before."""
    found: list[tuple[str, dict[str, Any]]] = []
    for key in reversed(list(store.list(_folder(job_id)))):
        found = [(at, told) for at, told in _lines(store, key, 0) if wanted(told)] + found
        if len(found) >= count:
            break
    return found[max(0, len(found) - count) :]


def _lines(store: ObjectStore, key: str, first: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Events of one object from a line on. A torn line, the end of what a store lost, takes no other with it."""
    try:
        lines = store.read(key).decode(errors="replace").splitlines()
    except MissingObject:
        return
    for number, line in enumerate(lines[first:], start=first):
        try:
            told = json.loads(line)
        except ValueError:
            continue
        if isinstance(told, dict) and "what" in told and "at" in told:
            yield position(key, number), told


def position(key: str, line: int) -> str:
    """Name a line of a part; positions of a job sort as they were written only part by part."""
    return f"{key}#{line}"


def _folder(job_id: str) -> str:
    return f"{INTERNAL_PREFIX}/jobs/{job_id}/events/"


def new_run(store: ObjectStore, job_id: str, now: datetime, ending: str) -> str:
    """Name a run by its moment, or one after the last run's where clocks were set: it sorts after all before it.

    Parameters
    ----------
    ending
        What tells it from another one that begins in the same moment.
    """
    moment = now.astimezone(UTC)
    for key in store.list(_folder(job_id)):
        stamp = key.removeprefix(_folder(job_id)).partition("-")[0]
        with suppress(ValueError):
            before = datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)
            moment = max(moment, before + timedelta(microseconds=1))
    return f"{moment:{_STAMP}}-{ending}"


def part_key(job_id: str, run: str, number: int) -> str:
    """Key of one part of a run's record; keys of a job sort as they were written."""
    return f"{_folder(job_id)}{run}-{number:06d}.jsonl"
