"""Units of pictures that are in place: deleted, though not at the cost of the job when the store is far or away."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import islice
from threading import Thread
from typing import TYPE_CHECKING

from storage.errors import StoreError
from tasks.node.unit_ledger import UnitLedger
from tasks.picture.still_parts import delete_parts

if TYPE_CHECKING:
    from storage.objects import ObjectStore
    from tasks.spec import FrameSpec

FRAMES_AT_ONCE = 256


@dataclass(slots=True, kw_only=True)
class UnitCleanup:
    """Deletes units, now or later, on a thread of its own: nobody who hands out work waits for it.

    Parameters
    ----------
    store
        Where they are.
    """

    store: ObjectStore
    _frames: deque[tuple[FrameSpec, str]] = field(init=False, default_factory=deque)
    _thread: Thread | None = field(init=False, default=None)

    def add(self, frame: FrameSpec, parts: str = "") -> None:
        """Have a frame's units deleted and what showed them, in the folder ``parts``; and those left before."""
        self._frames.append((frame, parts))
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._delete, name="leftovers", daemon=True)
            self._thread.start()

    def clear(self) -> None:
        """Delete what was left, and wait for that. What a store doesn't let go of stays; it does no harm."""
        if self._thread is not None:
            self._thread.join()
        self._delete()

    def _delete(self) -> None:
        while self._frames:
            some = list(islice(self._frames, FRAMES_AT_ONCE))
            try:
                UnitLedger(store=self.store).forget(frame for frame, _ in some)
                for parts in {parts for _, parts in some if parts}:
                    delete_parts(parts, self.store)
            except StoreError:
                return
            for _ in some:
                self._frames.popleft()
