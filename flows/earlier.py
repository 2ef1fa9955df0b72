"""One run of a job at a time: a run that is asked for while another goes on waits for its end."""

from __future__ import annotations

import socket
import time
from datetime import datetime
from typing import TYPE_CHECKING

import psutil

from flows.history import read
from flows.status import JobStatus, fold

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.objects import ObjectStore

LOOK_EVERY_S = 1.0


def wait_for_earlier_run(store: ObjectStore, job_id: str, *, say: Callable[[str], None]) -> None:
    """Wait until no other run of a job is under way: it has ended, or is gone without a word.

    Both would be right, but they would render the same units.
    """
    found, key, said = JobStatus(job_id=job_id), "", False
    while True:
        for at, event in read(store, job_id, after=key):
            key = at
            fold(found, event)
        if not found.running(datetime.now().astimezone()) or _died(found):
            return
        if not said:
            said = True
            say(f"An earlier run of {job_id} is still going; this one begins when it has ended.")
        time.sleep(LOOK_EVERY_S)


def _died(found: JobStatus) -> bool:
    """Whether the last run was a process of this machine that is gone."""
    run = found.run_started
    return bool(run) and run["host"] == socket.gethostname() and not psutil.pid_exists(run["pid"])
