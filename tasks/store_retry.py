"""Calls on a store that may be away or full for a while: what was rendered isn't thrown away for that."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from storage.errors import StoreError
from tasks.errors import UnitCancelled

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

PATIENCE_S = 300.0
"""How long a node keeps trying. Its dispatcher is told at once, and goes on for longer."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 15.0
LOOK_EVERY_S = 0.1


def _never() -> bool:
    return False


def _nothing(_: StoreError) -> None:
    pass


@dataclass(slots=True, kw_only=True)
class StoreRetry:
    """Tries calls on a store again, ever more seldom, while it may come back.

    Parameters
    ----------
    called_back
        Whether nobody wants the result any more.
    waits
        Called with the store's error once, when the waiting begins.
    for_s
        How long each call is tried.
    """

    called_back: Callable[[], bool] = _never
    waits: Callable[[StoreError], None] = _nothing
    for_s: float = PATIENCE_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _told: bool = field(init=False, default=False)

    def call(self, act: Callable[[], T]) -> T:
        """Call until the store does what it should.

        Raises
        ------
        StoreError
            When it can't be expected to, or hasn't for too long.
        UnitCancelled
            When it was called back.
        """
        ends_s, wait_s = self.clock() + self.for_s, FIRST_WAIT_S
        while True:
            try:
                return act()
            except StoreError as error:
                if not error.temporary or self.clock() + wait_s > ends_s:
                    raise
                if not self._told:
                    self._told = True
                    self.waits(error)
            self._wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _wait(self, seconds: float) -> None:
        ends_s = self.clock() + seconds
        while self.clock() < ends_s:
            if self.called_back():
                raise UnitCancelled(
                    reason="The unit was called back.", remedy="Nothing is to be done.", retryable=True, unit=""
                )
            self.sleep(LOOK_EVERY_S)
