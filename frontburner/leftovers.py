"""Units of pictures that are in place: deleted, though not at the cost of the job when the store is away."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from storage.errors import StoreError
from tasks.ledger import Ledger
from tasks.parts import clear_parts

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
    _frames: deque[tuple[FrameSpec, str]] = field(init=False, default_factory=deque)

    def add(self, frame: FrameSpec, parts: str = "") -> None:
        """Delete a frame's units and what showed them, in the folder ``parts``; and those that were left before."""
        self._frames.append((frame, parts))
        self.clear()

    def clear(self) -> None:
        """Delete what was left. What a store doesn't let go of stays for the next time; it does no harm."""
        while self._frames:
            try:
                frame, parts = self._frames[0]
                Ledger(store=self.store).forget(frame)
                if parts:
                    clear_parts(parts, self.store)
            except StoreError:
                return
            self._frames.popleft()
