"""Retries calls on a store that may be away or full for a while, so that what was rendered isn't lost."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from storage.errors import StoreError
from tasks.errors import UnitCancelled

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

RETRY_FOR_S = 300.0
"""How long a node retries. Its dispatcher hears of it at once, and retries for longer."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.5, 15.0
POLL_S = 0.1


def _never() -> bool:
    return False


def _ignore(_: StoreError) -> None:
    pass


@dataclass(slots=True, kw_only=True)
class StoreRetry:
    """Retries calls on a store with exponential backoff.

    Parameters
    ----------
    cancelled
        Whether nobody wants the result any more.
    on_wait
        Called with the store's error once, when the first wait begins.
    timeout_s
        How long each call is retried.
    """

    cancelled: Callable[[], bool] = _never
    on_wait: Callable[[StoreError], None] = _ignore
    timeout_s: float = RETRY_FOR_S
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _reported: bool = field(init=False, default=False)

    def call(self, function: Callable[[], T]) -> T:
        """Call a function until the store does what it should.

        Raises
        ------
        StoreError
            When retrying won't help, or hasn't for too long.
        UnitCancelled
            When it was cancelled.
        """
        ends_s, wait_s = self.clock() + self.timeout_s, FIRST_WAIT_S
        while True:
            try:
                return function()
            except StoreError as error:
                if not error.temporary or self.clock() + wait_s > ends_s:
                    raise
                if not self._reported:
                    self._reported = True
                    self.on_wait(error)
            self._wait(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)

    def _wait(self, seconds: float) -> None:
        ends_s = self.clock() + seconds
        while self.clock() < ends_s:
            if self.cancelled():
                raise UnitCancelled(
                    reason="The unit was cancelled.", remedy="No action is needed.", retryable=True, unit=""
                )
            self.sleep(POLL_S)
