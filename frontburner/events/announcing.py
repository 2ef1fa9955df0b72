"""An event, and who is told of it: whoever observes in the context it is announced in, and nobody else.

So jobs that run at once in threads of one process hear each their own events. A thread hears nothing of, and tells
nothing to, whoever started it, unless it runs in a copy of that context (`contextvars.copy_context`).
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened at ``at_s``, seconds on the job's own clock."""

    at_s: float


Observer = Callable[[Event], None]


@dataclass(frozen=True, slots=True, eq=False)
class Observing:
    """An observer that is told of events, until this is called or its context ends."""

    tell: Observer

    def __call__(self) -> None:
        """Tell it nothing more."""
        _observing.set(tuple(each for each in _observing.get() if each is not self))

    def __enter__(self) -> None:
        """It is told already."""

    def __exit__(self, *_: object) -> None:
        """Tell it nothing more."""
        self()


_observing: ContextVar[tuple[Observing, ...]] = ContextVar("observing", default=())


def observe(observer: Observer) -> Observing:
    """Have every event that is announced in this context handed to a function; returns what ends that."""
    observing = Observing(observer)
    _observing.set((*_observing.get(), observing))
    return observing


def announce(event: Event) -> None:
    """Hand an event to all who observe in this context."""
    for observing in _observing.get():
        observing.tell(event)
