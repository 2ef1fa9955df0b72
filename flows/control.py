"""What is wanted of a job, kept in its own store: said from any machine, and still known when everything was restarted.

A job's run looks at it every half second; a store that is away for a while changes nothing that was wanted before.
"""

from __future__ import annotations

import json
import threading
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Self

from storage.errors import FrontburnerError, MissingObject
from storage.objects import HOUSE

if TYPE_CHECKING:
    from datetime import datetime

    from storage.objects import ObjectStore

LOOK_EVERY_S = 0.5


class Wish(StrEnum):
    """What is wanted of a job."""

    RUN = "run"
    SUSPEND = "suspend"
    """Units under way end first."""
    SUSPEND_NOW = "suspend now"
    CANCEL = "cancel"


def express(store: ObjectStore, job_id: str, wish: Wish, *, at: datetime) -> None:
    """Say what is wanted of a job from now on."""
    store.write(_key(job_id), json.dumps({"wish": wish, "at": at.isoformat(timespec="milliseconds")}).encode())


def wish_of(store: ObjectStore, job_id: str) -> Wish:
    """Return what is wanted of a job: that it runs, where nobody has said anything."""
    try:
        return Wish(json.loads(store.read(_key(job_id)))["wish"])
    except (MissingObject, ValueError, KeyError, TypeError):
        return Wish.RUN


@dataclass(slots=True, kw_only=True)
class WishWatch:
    """Looks at what is wanted of a job, on a thread of its own: a store that hangs must not hold up its units.

    Parameters
    ----------
    store, job_id
        Whose wish.
    every_s
        Seconds between two looks.
    """

    store: ObjectStore
    job_id: str
    every_s: float = LOOK_EVERY_S
    wish: Wish = field(init=False, default=Wish.RUN)
    _ended: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread = threading.Thread(target=self._look, name="wish-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; a look that hangs ends by itself, since all calls of a store have a deadline."""
        self._ended.set()

    def _look(self) -> None:
        while not self._ended.wait(self.every_s):
            try:
                self.wish = wish_of(self.store, self.job_id)
            except FrontburnerError:
                continue  # what was wanted stays so until the store can say otherwise


def _key(job_id: str) -> str:
    return f"{HOUSE}/jobs/{job_id}/wish.json"
