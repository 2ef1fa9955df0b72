"""An event, and who is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened at ``at_s``, seconds on the job's own clock."""

    at_s: float


Observer = Callable[[Event], None]
_observers: list[Observer] = []


def observe(observer: Observer) -> Callable[[], None]:
    """Have every event of this process's jobs handed to a function; returns what ends that."""
    _observers.append(observer)
    return lambda: _observers.remove(observer)


def announce(event: Event) -> None:
    """Hand an event to all who observe."""
    for observer in tuple(_observers):
        observer(event)
