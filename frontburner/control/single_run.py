"""One run of a job at a time: a second run waits for the end of the first."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from frontburner.control.desired_state import cancel_event
from frontburner.control.halting import Halted, HaltKind
from frontburner.record.job_status import CONFIRM_TIMEOUT, HEARTBEAT_TIMEOUT
from frontburner.record.snapshot import Snapshot, process_is_gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.objects import ObjectStore

POLL_S = 1.0


def wait_for_earlier_run(
    store: ObjectStore,
    job_id: str,
    *,
    log: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until no other run of a job is in progress: it has ended, or stopped writing its record.

    Two runs would both be right, but render the same units. How long a run has been silent is measured by this
    process's clock: those of two machines may differ, or be set meanwhile.

    Raises
    ------
    Halted
        When this run is cancelled meanwhile.
    """
    snapshot = Snapshot(store=store, job_id=job_id)
    status = snapshot.catch_up()
    timeout = CONFIRM_TIMEOUT if status.heartbeat_overdue(datetime.now().astimezone()) else HEARTBEAT_TIMEOUT
    position, changed_s, logged = snapshot.position, clock(), False
    while status.open and not process_is_gone(status.run) and clock() - changed_s <= timeout.total_seconds():
        if not logged:
            logged = True
            log(f"An earlier run of {job_id} hasn't recorded its end; this one starts when it has, or falls silent.")
        sleep(POLL_S)
        if cancel_event().is_set():
            raise Halted(
                reason=f"The run of {job_id} was cancelled before it began.", remedy="", how=HaltKind.CANCELLED
            )
        status = snapshot.catch_up()
        if snapshot.position != position:
            position, changed_s, timeout = snapshot.position, clock(), HEARTBEAT_TIMEOUT
