"""Deletion of the units of finished pictures, which neither delays nor fails the job if the store is slow or away."""

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

FRAMES_PER_CALL = 256


@dataclass(slots=True, kw_only=True)
class UnitCleanup:
    """Deletes units in a thread of its own, so that the dispatch loop never waits for it.

    Parameters
    ----------
    store
        Where the units are.
    """

    store: ObjectStore
    _frames: deque[tuple[FrameSpec, str]] = field(init=False, default_factory=deque)
    _thread: Thread | None = field(init=False, default=None)

    def add(self, frame: FrameSpec, parts: str = "") -> None:
        """Delete a frame's units, its small pictures in the folder ``parts``, and what earlier calls left behind."""
        self._frames.append((frame, parts))
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._delete, name="unit-cleanup", daemon=True)
            self._thread.start()

    def finish(self) -> None:
        """Wait until all is deleted. What the store fails to delete stays, and does no harm."""
        if self._thread is not None:
            self._thread.join()
        self._delete()

    def _delete(self) -> None:
        while self._frames:
            batch = list(islice(self._frames, FRAMES_PER_CALL))
            try:
                UnitLedger(store=self.store).forget(frame for frame, _ in batch)
                for parts in {parts for _, parts in batch if parts}:
                    delete_parts(parts, self.store)
            except StoreError:
                return
            for _ in batch:
                self._frames.popleft()
