"""Units are deleted when their picture is in place; a store that is away delays that and ends nothing."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING
from unittest.mock import patch

from frontburner.run.unit_cleanup import UnitCleanup
from storage.errors import StoreError
from storage.objects import open_store
from tasks.node.unit_ledger import UnitLedger
from tasks.spec import FrameSpec, SampleRange, Size, UnitSpec
from tests.node.test_unit_ledger import tile
from tests.storage.counting import count_calls

if TYPE_CHECKING:
    from pathlib import Path


def frame(number: int) -> FrameSpec:
    return FrameSpec(
        renderer="null", build="1 null", scene="s.json", scene_digest="d", frame=number, size=Size(width=4, height=4),
        samples=2,
    )  # fmt: skip


def units_of(*numbers: int) -> list[UnitSpec]:
    return [
        UnitSpec(frame=frame(number), region=frame(number).size.whole, samples=SampleRange(start=0, stop=2))
        for number in numbers
    ]


def test_what_a_store_that_is_away_keeps_is_deleted_the_next_time(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    ledger = UnitLedger(store=store)
    units = units_of(1, 2, 3)
    for unit in units:
        ledger.create(unit, tile(unit))
    cleanup = UnitCleanup(store=store)
    away = StoreError(reason="It is away.", remedy="Wait.", url=store.url, retryable=True)
    with patch.object(UnitLedger, "forget", side_effect=away):
        cleanup.add(units[0].frame)
        cleanup.finish()
    assert [ledger.has(unit) for unit in units] == [True, True, True]
    cleanup.add(units[1].frame)
    cleanup.finish()
    assert [ledger.has(unit) for unit in units] == [False, False, True]


def test_nobody_waits_for_a_store_that_takes_its_time(tmp_path: Path) -> None:
    answers, units = Event(), units_of(*range(1, 31))
    store = count_calls(open_store(str(tmp_path)), lambda name: name != "delete" or answers.wait(60))
    cleanup = UnitCleanup(store=store)
    for unit in units:
        UnitLedger(store=store).create(unit, tile(unit))
    for unit in units:
        cleanup.add(unit.frame)  # or the test would take half an hour
    assert all(UnitLedger(store=store).has(unit) for unit in units)
    answers.set()
    cleanup.finish()
    assert not any(UnitLedger(store=store).has(unit) for unit in units)
