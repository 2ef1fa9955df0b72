"""Events, who observes them, and the stage of a chain they happen in: all of it belongs to a context (`contextvars`).

So jobs that run at once in threads of one process each get their own events. A thread neither hears the events of the
thread that started it nor announces any to it, unless it runs in a copy of its context (`contextvars.copy_context`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened at ``at_s``, in seconds of the job's clock."""

    at_s: float


Observer = Callable[[Event], None]


@dataclass(frozen=True, slots=True, eq=False)
class Subscription:
    """Hands events to an observer until it is called, its ``with`` block ends, or its context does."""

    observer: Observer

    def __call__(self) -> None:
        """End the subscription."""
        _subscriptions.set(tuple(each for each in _subscriptions.get() if each is not self))

    def __enter__(self) -> None:
        """Do nothing: the subscription began when it was made."""

    def __exit__(self, *_: object) -> None:
        """End the subscription."""
        self()


_subscriptions: ContextVar[tuple[Subscription, ...]] = ContextVar("subscriptions", default=())
_stage: ContextVar[str] = ContextVar("stage", default="")


def observe(observer: Observer) -> Subscription:
    """Call a function with every event announced in this context, until the returned subscription ends."""
    subscription = Subscription(observer)
    _subscriptions.set((*_subscriptions.get(), subscription))
    return subscription


def announce(event: Event) -> None:
    """Hand an event to all observers of this context."""
    for subscription in _subscriptions.get():
        subscription.observer(event)


@contextmanager
def in_stage(name: str) -> Iterator[None]:
    """Mark everything announced in this context as part of a stage of a chain."""
    token = _stage.set(name)
    try:
        yield
    finally:
        _stage.reset(token)


def current_stage() -> str:
    """Return the name of this context's stage of a chain; empty outside of any."""
    return _stage.get()
