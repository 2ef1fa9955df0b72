"""A store that counts its calls."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from storage.objects import ObjectStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any


class CountedStore(ObjectStore, Protocol):
    """A store, and how often each of its methods was called; ``keys`` is how many a listing gave."""

    calls: Counter[str]


def count_calls(store: ObjectStore, meet: Callable[[str], object] = lambda _: None) -> CountedStore:
    """Count a store's calls; ``meet`` is called with the name of each, before it."""
    counted: Any = _Counting(store, meet)
    return counted  # type: ignore[no-any-return]


@dataclass(slots=True)
class _Counting:
    _store: ObjectStore
    _meet: Callable[[str], object]
    calls: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._store, name)
        if not callable(method):
            return method

        def call(*arguments: Any) -> Any:
            self.calls[name] += 1
            self._meet(name)
            return self._counted(method(*arguments)) if name in ("list", "entries") else method(*arguments)

        return call

    def _counted(self, keys: Iterator[str]) -> Iterator[str]:
        for key in keys:
            self.calls["keys"] += 1
            yield key
