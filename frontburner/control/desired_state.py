"""What is wanted of a job, kept in its own store: said from any machine, and still known when everything was restarted.

A job's run looks at it every half second; a store that is away for a while changes nothing that was wanted before.
"""

from __future__ import annotations

import getpass
import json
import socket
import threading
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from storage.errors import MissingObject
from storage.objects import INTERNAL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from storage.objects import ObjectStore

LOOK_EVERY_S = 0.5
MOST_URGENT = 100
_cancelling: ContextVar[threading.Event] = ContextVar("cancelling")


class DesiredState(StrEnum):
    """What is wanted of a job."""

    RUN = "run"
    SUSPEND = "suspend"
    """Units under way end first."""
    SUSPEND_NOW = "suspend now"
    CANCEL = "cancel"


def set_desired_state(store: ObjectStore, job_id: str, wish: DesiredState, *, at: datetime, by: str = "") -> None:
    """Say what is wanted of a job from now on, and ``by`` whom, for those who wonder later."""
    _say(store, job_id, "wish", wish, at=at, by=by)


def desired_state_of(store: ObjectStore, job_id: str) -> DesiredState:
    """Return what is wanted of a job: that it runs, where nobody has said anything."""
    return _wish(store, job_id) or DesiredState.RUN


def set_priority(store: ObjectStore, job_id: str, priority: int, *, at: datetime, by: str = "") -> None:
    """Give a job another priority than its document says, for this run and those to come."""
    _say(store, job_id, "priority", priority, at=at, by=by)


def priority_of(store: ObjectStore, job_id: str) -> int | None:
    """Return the priority a job was given from outside, or None: then its document's counts."""
    said = _said(store, job_id, "priority")
    return said if isinstance(said, int) and not isinstance(said, bool) else None


@contextmanager
def cancelled_by(event: threading.Event) -> Iterator[None]:
    """Have runs of this context be cancelled when an event is set, whatever is wanted of their jobs.

    Ctrl-C ends what the main thread of a process does, and no run that goes on in another.
    """
    token = _cancelling.set(event)
    try:
        yield
    finally:
        _cancelling.reset(token)


def cancelling_here() -> threading.Event:
    """Return the event by which runs of this context are cancelled."""
    return _cancelling.get(threading.Event())


def current_user() -> str:
    """Who says something here: the user and the machine."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in a container
        user = "current_user"
    return f"{user} on {socket.gethostname()}"


@dataclass(slots=True, kw_only=True)
class DesiredStateWatch:
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
    priority: int | None = field(init=False, default=None)
    """The priority it was given from outside, if any."""
    _said: DesiredState = field(init=False, default=DesiredState.RUN)
    _cancelling: threading.Event = field(init=False, default_factory=cancelling_here)
    _ended: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._thread = threading.Thread(target=self._look_on, name="wish-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """End; a look that hangs ends by itself, since all calls of a store have a deadline."""
        self._ended.set()

    @property
    def wish(self) -> DesiredState:
        """What is wanted of it."""
        return DesiredState.CANCEL if self._cancelling.is_set() else self._said

    def _look_on(self) -> None:
        while True:
            self._look()
            if self._ended.wait(self.every_s):
                return

    def _look(self) -> None:
        try:
            # What was said is never taken away: where nothing is found, a folder isn't mounted, or something is torn.
            self._said = _wish(self.store, self.job_id) or self._said
            priority = priority_of(self.store, self.job_id)
            self.priority = self.priority if priority is None else priority
        except Exception:  # noqa: BLE001, S110 - whatever a store does: what was wanted stays so until it says otherwise
            pass


def _wish(store: ObjectStore, job_id: str) -> DesiredState | None:
    """Return what was said to be wanted; None where nothing was, or nothing that can be read."""
    try:
        return DesiredState(_said(store, job_id, "wish"))
    except (ValueError, TypeError):
        return None


def _say(store: ObjectStore, job_id: str, what: str, value: Any, *, at: datetime, by: str) -> None:  # noqa: ANN401 - JSON
    said = {what: value, "by": by, "at": at.isoformat(timespec="milliseconds")}
    store.write(_key(job_id, what), json.dumps(said).encode())


def _said(store: ObjectStore, job_id: str, what: str) -> Any:  # noqa: ANN401 - JSON
    """Return what was said last; None where nothing was, or nothing that can be read."""
    try:
        return json.loads(store.read(_key(job_id, what)))[what]
    except (MissingObject, ValueError, KeyError, TypeError):
        return None


def _key(job_id: str, what: str) -> str:
    return f"{INTERNAL_PREFIX}/jobs/{job_id}/{what}.json"
