"""Units of pictures that are in place: deleted, though not at the cost of the job when the store is away."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from storage.errors import StoreError
from tasks.ledger import Ledger

if TYPE_CHECKING:
    from storage.objects import ObjectStore
    from tasks.spec import FrameSpec


@dataclass(slots=True, kw_only=True)
class Leftovers:
    """Deletes units, now or later.

    Parameters
    ----------
    store
        Where they are.
    """

    store: ObjectStore
    _frames: deque[FrameSpec] = field(init=False, default_factory=deque)

    def add(self, frame: FrameSpec) -> None:
        """Delete a frame's units, and those that were left before."""
        self._frames.append(frame)
        self.clear()

    def clear(self) -> None:
        """Delete what was left. What a store doesn't let go of stays for the next time; it does no harm."""
        while self._frames:
            try:
                Ledger(store=self.store).forget(self._frames[0])
            except StoreError:
                return
            self._frames.popleft()
