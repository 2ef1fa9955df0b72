"""A call to a renderer's process: how far it is, and whether it was called back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from tasks.errors import UnitCancelled

if TYPE_CHECKING:
    from tasks.process.memory import MemoryWatch


class Phase(StrEnum):
    """How far a call is."""

    WAITING = "waiting"
    """Another call has the renderer."""
    RENDERING = "rendering"


Witness = Callable[[Phase, float], None]
"""Told again and again how far a call is, and since how many seconds."""


def never() -> bool:
    """No call is called back."""
    return False


def nobody(_: Phase, __: float) -> None:
    """Follow no call."""


@dataclass(slots=True, kw_only=True)
class Call:
    """A call to the child, and who follows it."""

    said: tuple[Any, ...]
    cancelled: Callable[[], bool]
    timeout_s: float | None
    name: str
    witness: Witness
    memory: MemoryWatch
    began_s: float = field(default_factory=time.monotonic)
    log_bytes: int = 0
    still: bool = False
    """Whether the child has done nothing for long."""

    def look(self, phase: Phase) -> None:
        """See whether it was called back, and tell how far it is."""
        check(self.cancelled, self.name)
        if phase is Phase.RENDERING:
            self.memory.look()
        self.witness(phase, time.monotonic() - self.began_s)


def check(cancelled: Callable[[], bool], name: str) -> None:
    """Raise a `tasks.errors.UnitCancelled` if a call was called back."""
    if cancelled():
        raise UnitCancelled(
            reason="The unit was called back.", remedy="Nothing is to be done.", retryable=True, unit=name
        )
