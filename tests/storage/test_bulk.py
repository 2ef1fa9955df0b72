"""Many objects at once: results in order, few calls in flight, and no more after the first that fails."""

from __future__ import annotations

from threading import Barrier, Lock
from typing import TYPE_CHECKING

import pytest

from storage.bulk import MAX_CONCURRENCY, delete_all, list_all, map_concurrently
from storage.errors import StoreError

if TYPE_CHECKING:
    from storage.objects import ObjectStore


def test_results_come_in_order_and_values_are_drawn_as_they_are_needed() -> None:
    asked = []

    def values() -> object:
        for value in range(100):
            asked.append(value)
            yield value

    for value, result in enumerate(map_concurrently(lambda n: n * n, values(), limit=4)):  # type: ignore[arg-type]
        assert result == value * value
        assert len(asked) <= value + 6
    assert len(asked) == 100


def test_as_many_are_in_flight_as_may_be_and_no_more() -> None:
    barrier, lock, in_flight, peak = Barrier(MAX_CONCURRENCY), Lock(), 0, 0

    def act(_: int) -> None:
        nonlocal in_flight, peak
        with lock:
            in_flight += 1
            peak = max(peak, in_flight)
        barrier.wait(30)  # for all the others: one after the other would be none
        with lock:
            in_flight -= 1

    list(map_concurrently(act, range(4 * MAX_CONCURRENCY)))
    assert peak == MAX_CONCURRENCY


def test_the_first_that_fails_ends_it() -> None:
    done = []

    def act(value: int) -> None:
        done.append(value)
        if value == 3:
            raise StoreError(reason="It is away.", remedy="Wait.", url="s3://farm")

    with pytest.raises(StoreError, match="away"):
        list(map_concurrently(act, range(10_000)))
    assert len(done) < 100


def test_what_is_listed_is_deleted_and_nothing_else(store: ObjectStore) -> None:
    for key in ("a/1", "a/2", "b/1", "c/1", "d"):
        store.write(key, b"x")
    assert list(list_all(store, ["c/", "a/", "nowhere/"])) == ["c/1", "a/1", "a/2"]
    delete_all(store, list_all(store, ["a/", "c/"]))
    delete_all(store, ["not there", "d"])
    assert list(store.list()) == ["b/1"]
