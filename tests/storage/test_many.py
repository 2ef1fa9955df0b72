"""Many objects at once: in their order, few under way at a time, and no further after the first that fails."""

from __future__ import annotations

from threading import Barrier, Lock
from typing import TYPE_CHECKING

import pytest

from storage.errors import StoreError
from storage.many import AT_ONCE, at_once, delete, listed

if TYPE_CHECKING:
    from storage.objects import ObjectStore


def test_results_come_in_order_and_values_are_asked_for_as_they_are_needed() -> None:
    asked = []

    def values() -> object:
        for value in range(100):
            asked.append(value)
            yield value

    for value, result in enumerate(at_once(lambda n: n * n, values(), most=4)):  # type: ignore[arg-type]
        assert result == value * value
        assert len(asked) <= value + 6
    assert len(asked) == 100


def test_as_many_are_under_way_as_may_be_and_no_more() -> None:
    together, lock, under_way, most = Barrier(AT_ONCE), Lock(), 0, 0

    def act(_: int) -> None:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        together.wait(30)  # for all the others: one after the other would be none
        with lock:
            under_way -= 1

    list(at_once(act, range(4 * AT_ONCE)))
    assert most == AT_ONCE


def test_the_first_that_fails_ends_it() -> None:
    done = []

    def act(value: int) -> None:
        done.append(value)
        if value == 3:
            raise StoreError(reason="It is away.", remedy="Wait.", url="s3://farm")

    with pytest.raises(StoreError, match="away"):
        list(at_once(act, range(10_000)))
    assert len(done) < 100


def test_what_is_listed_is_deleted_and_nothing_else(store: ObjectStore) -> None:
    for key in ("a/1", "a/2", "b/1", "c/1", "d"):
        store.write(key, b"x")
    assert list(listed(store, ["c/", "a/", "nowhere/"])) == ["c/1", "a/1", "a/2"]
    delete(store, listed(store, ["a/", "c/"]))
    delete(store, ["not there", "d"])
    assert list(store.list()) == ["b/1"]
