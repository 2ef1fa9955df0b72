"""Many objects of a store at once: a remote store takes a round trip for each, and none needs to wait for another."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from concurrent.futures import Future

    from storage.objects import ObjectStore

S = TypeVar("S")
T = TypeVar("T")

MAX_CONCURRENCY = 16
"""Calls in flight at a time. This many keep a processor busy even with a store on the same machine, and S3 has
connections for twice as many."""


def map_concurrently(function: Callable[[S], T], values: Iterable[S], *, limit: int = MAX_CONCURRENCY) -> Iterator[T]:
    """Map a function over values in threads; results come in order, and at most ``limit`` are buffered."""
    pending: deque[Future[T]] = deque()
    with ThreadPoolExecutor(limit) as pool:
        for value in values:
            pending.append(pool.submit(function, value))
            if len(pending) > limit:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def list_all(store: ObjectStore, prefixes: Iterable[str]) -> Iterator[str]:
    """Keys that start with one of these prefixes, none of which may start with another."""
    for keys in map_concurrently(lambda prefix: list(store.list(prefix)), prefixes):
        yield from keys


def delete_all(store: ObjectStore, keys: Iterable[str]) -> None:
    """Delete objects; missing ones are skipped. The first that can't be deleted raises and ends it."""
    deque(map_concurrently(store.delete, keys), maxlen=0)
