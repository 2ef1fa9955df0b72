"""The desired state of a job, kept in its store, so that it can be set from any machine and survives restarts.

A job's run reads it every half second; while the store is unavailable, the state read last stays in force.
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

POLL_S = 0.5
MOST_URGENT = 100
_cancel_event: ContextVar[threading.Event] = ContextVar("cancelling")


class DesiredState(StrEnum):
    """What a job should do."""

    RUN = "run"
    SUSPEND = "suspend"
    """Units in flight end first."""
    SUSPEND_NOW = "suspend now"
    CANCEL = "cancel"


def set_desired_state(store: ObjectStore, job_id: str, state: DesiredState, *, at: datetime, by: str = "") -> None:
    """Set the desired state of a job; ``by`` names who did, for those who wonder later."""
    _write(store, job_id, "wish", state, at=at, by=by)


def desired_state_of(store: ObjectStore, job_id: str) -> DesiredState:
    """Return the desired state of a job: to run, unless another was set."""
    return _read_state(store, job_id) or DesiredState.RUN


def set_priority(store: ObjectStore, job_id: str, priority: int, *, at: datetime, by: str = "") -> None:
    """Override the priority of a job's document, for this run and later ones."""
    _write(store, job_id, "priority", priority, at=at, by=by)


def priority_of(store: ObjectStore, job_id: str) -> int | None:
    """Return the priority set for a job; None if its document's counts."""
    priority = _read(store, job_id, "priority")
    return priority if isinstance(priority, int) and not isinstance(priority, bool) else None


@contextmanager
def cancelled_by(event: threading.Event) -> Iterator[None]:
    """Have runs of this context cancelled when an event is set, whatever the desired state of their jobs.

    Ctrl-C interrupts the main thread of a process only, and no run in another thread.
    """
    token = _cancel_event.set(event)
    try:
        yield
    finally:
        _cancel_event.reset(token)


def cancel_event() -> threading.Event:
    """Return the event that cancels runs of this context."""
    return _cancel_event.get(threading.Event())


def current_user() -> str:
    """Return the user and machine of this process, as ``name on host``."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a user without a name, as in a container
        user = "someone"
    return f"{user} on {socket.gethostname()}"


@dataclass(slots=True, kw_only=True)
class DesiredStateWatch:
    """Polls the desired state of a job in a thread of its own: a store that hangs must not block the run.

    Parameters
    ----------
    store, job_id
        The job.
    every_s
        Seconds between polls.
    """

    store: ObjectStore
    job_id: str
    every_s: float = POLL_S
    priority: int | None = field(init=False, default=None)
    """The priority set for the job, if any."""
    _state: DesiredState = field(init=False, default=DesiredState.RUN)
    _cancelled: threading.Event = field(init=False, default_factory=cancel_event)
    _ended: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread = field(init=False)

    def __enter__(self) -> Self:
        """Start polling."""
        self._thread = threading.Thread(target=self._run, name="desired-state-watch", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop polling; a poll that hangs ends by itself, since all store calls time out."""
        self._ended.set()

    @property
    def state(self) -> DesiredState:
        """The desired state."""
        return DesiredState.CANCEL if self._cancelled.is_set() else self._state

    def _run(self) -> None:
        while True:
            self._poll()
            if self._ended.wait(self.every_s):
                return

    def _poll(self) -> None:
        try:
            # A state that was set is never deleted: if none is found, the store isn't mounted or the file is damaged.
            self._state = _read_state(self.store, self.job_id) or self._state
            priority = priority_of(self.store, self.job_id)
            self.priority = self.priority if priority is None else priority
        except Exception:  # noqa: BLE001, S110 - whatever a store raises, the state read last stays in force
            pass


def _read_state(store: ObjectStore, job_id: str) -> DesiredState | None:
    """Return the state that was set; None if there is none, or it can't be read."""
    try:
        return DesiredState(_read(store, job_id, "wish"))
    except (ValueError, TypeError):
        return None


def _write(store: ObjectStore, job_id: str, name: str, value: Any, *, at: datetime, by: str) -> None:  # noqa: ANN401 - JSON
    document = {name: value, "by": by, "at": at.isoformat(timespec="milliseconds")}
    store.write(_key(job_id, name), json.dumps(document).encode())


def _read(store: ObjectStore, job_id: str, name: str) -> Any:  # noqa: ANN401 - JSON
    """Return the value written last; None if there is none, or it can't be read."""
    try:
        return json.loads(store.read(_key(job_id, name)))[name]
    except (MissingObject, ValueError, KeyError, TypeError):
        return None


def _key(job_id: str, name: str) -> str:
    return f"{INTERNAL_PREFIX}/jobs/{job_id}/{name}.json"
