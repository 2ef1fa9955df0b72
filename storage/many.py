"""Many objects of a store at once: a far store takes a round trip for each, and they needn't wait for one another."""

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

AT_ONCE = 16
"""Calls under way at a time. They keep a processor busy even with a store on the same machine, and S3 has connections
for twice as many."""


def at_once(act: Callable[[S], T], values: Iterable[S], *, most: int = AT_ONCE) -> Iterator[T]:
    """Do something to each value, some of them ahead of time; results come in order and are never piled up."""
    waiting: deque[Future[T]] = deque()
    with ThreadPoolExecutor(most) as pool:
        for value in values:
            waiting.append(pool.submit(act, value))
            if len(waiting) > most:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def listed(store: ObjectStore, prefixes: Iterable[str]) -> Iterator[str]:
    """Keys that start with one of these texts, of which none starts with another."""
    for keys in at_once(lambda prefix: list(store.list(prefix)), prefixes):
        yield from keys


def delete(store: ObjectStore, keys: Iterable[str]) -> None:
    """Remove objects; those that aren't there are passed over. The first that can't be removed ends it."""
    deque(at_once(store.delete, keys), maxlen=0)
