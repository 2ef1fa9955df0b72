"""Pruning deletes what is old or over the budget, never what a running job needs or what others put there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from frontburner.retention.rules import (
    MIN_AGE_S,
    RUNNING_WITHIN_S,
    Kind,
    Policy,
    group_entries,
    select_removable,
    size_by_kind,
)
from storage.objects import INTERNAL_PREFIX, Entry
from tests.end_to_end.conftest import TIMEOUT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

    from frontburner.retention.rules import Group
    from storage.objects import ObjectStore

NOW_S = 1_000_000_000.0
DAY_S = 86_400.0
UNIT = f"{INTERNAL_PREFIX}/units/{'a' * 64}/s0-4_x0-8_y0-8.unit"
LATER_UNIT = f"{INTERNAL_PREFIX}/units/{'a' * 64}/s4-8_x0-8_y0-8.unit"
ASSET = f"{INTERNAL_PREFIX}/assets/ab/abcd"
RECORD = f"{INTERNAL_PREFIX}/jobs/room-1/events/20250101-1-000000.jsonl"
REPORT = f"{INTERNAL_PREFIX}/jobs/room-1.json"
PICTURE, PICTURE_RECORD = "room.0001.exr", f"{INTERNAL_PREFIX}/files/room.0001.exr.json"
STRANGER = "notes.txt"
ALL = (UNIT, ASSET, RECORD, REPORT, PICTURE, PICTURE_RECORD, STRANGER)


def entries(*keys: str, age_s: float = 40 * DAY_S, size_bytes: int = 10) -> list[Entry]:
    return [Entry(key=key, size_bytes=size_bytes, modified_s=NOW_S - age_s) for key in keys]


def gone(found: Sequence[Entry], policy: Policy) -> set[str]:
    return {key for group in select_removable(group_entries(found), policy, now_s=NOW_S) for key in group.keys}


def test_old_objects_are_deleted_except_pictures_summaries_and_other_files() -> None:
    assert gone(entries(*ALL), Policy(older_than_s=30 * DAY_S)) == {UNIT, ASSET, RECORD}
    assert not gone(entries(*ALL), Policy(older_than_s=50 * DAY_S))


def test_pictures_are_deleted_only_on_request_and_with_their_records() -> None:
    policy = Policy(older_than_s=30 * DAY_S, keep_pictures=False)
    assert gone(entries(*ALL), policy) == {UNIT, ASSET, RECORD, PICTURE, PICTURE_RECORD}


def test_units_of_a_frame_in_progress_stay() -> None:
    found = entries(UNIT) + entries(LATER_UNIT, age_s=DAY_S)
    assert not gone(found, Policy(older_than_s=30 * DAY_S))


def test_nothing_a_running_job_needs_is_deleted() -> None:
    found = entries(UNIT, ASSET) + entries(RECORD, age_s=RUNNING_WITHIN_S / 2)
    assert gone(found, Policy(older_than_s=30 * DAY_S)) == {UNIT}
    assert gone(found, Policy(budget_bytes=0)) == {UNIT}


def test_a_budget_deletes_the_oldest_first_and_no_more_than_needed() -> None:
    units = [f"{INTERNAL_PREFIX}/units/{digit * 64}/s0-4_x0-8_y0-8.unit" for digit in "123"]
    found = [entry for age, key in enumerate(units, 1) for entry in entries(key, age_s=age * DAY_S)]
    assert gone(found, Policy(budget_bytes=20)) == {units[2]}
    assert gone(found, Policy(budget_bytes=15)) == {units[2], units[1]}
    assert not gone(found, Policy(budget_bytes=30))


def test_a_budget_leaves_recent_objects() -> None:
    assert not gone(entries(UNIT, age_s=MIN_AGE_S / 2), Policy(budget_bytes=0))


def test_sizes_add_up() -> None:
    found: list[Group] = group_entries(entries(*ALL))
    held = size_by_kind(found)
    assert sum(held.values()) == 10 * len(ALL)
    assert held[Kind.PICTURES] == 20
    assert held[Kind.OTHERS] == 10


@pytest.mark.parametrize(("given", "says"), [([], "what to delete"), (["--older-than", "soon"], "is not an age")])
def test_the_command_names_missing_options(given: list[str], says: str, tmp_path: Path) -> None:
    command = [str(Path(sys.executable).with_name("frontburner")), "store", "prune", *given, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 2
    assert says in done.stderr


def test_the_command_deletes(store: ObjectStore, capsys: pytest.CaptureFixture[str]) -> None:
    from frontburner.cli.store_commands import prune

    for key in ALL:
        store.write(key, b"0123456789")
    assert prune(older_than="1h", out=store.url) == 0
    assert set(store.list()) == set(ALL)  # all of it is fresh
    assert prune(older_than="0.000001h", out=store.url, dry_run=True) == 0
    assert set(store.list()) == set(ALL)
    assert "would delete" in capsys.readouterr().out
