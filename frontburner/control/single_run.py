"""One run of a job at a time: a run that is asked for while another goes on waits for its end."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING

from frontburner.control.desired_state import cancelling_here
from frontburner.control.halting import Halted, HaltKind
from frontburner.record.job_status import LISTEN_FOR, SILENT_AFTER
from frontburner.record.snapshot import Snapshot, is_gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.objects import ObjectStore

LOOK_EVERY_S = 1.0


def wait_for_earlier_run(
    store: ObjectStore,
    job_id: str,
    *,
    say: Callable[[str], None],
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Wait until no other run of a job is under way: it has ended, or is gone without a word.

    Both would be right, but they would render the same units. Whether it is gone is told by how long nothing is heard
    of it: its machine's clock and this one may differ, or be set meanwhile.

    Raises
    ------
    Halted
        When this run is cancelled meanwhile.
    """
    standing = Snapshot(store=store, job_id=job_id)
    found = standing.catch_up()
    patience = LISTEN_FOR if found.far_from(datetime.now().astimezone()) else SILENT_AFTER
    heard, heard_s, said = standing.position, clock(), False
    while found.open and not is_gone(found.run) and clock() - heard_s <= patience.total_seconds():
        if not said:
            said = True
            say(f"An earlier run of {job_id} hasn't said that it ended; this one begins when it has, or falls silent.")
        sleep(LOOK_EVERY_S)
        if cancelling_here().is_set():
            raise Halted(
                reason=f"The run of {job_id} was cancelled before it began.", remedy="", how=HaltKind.CANCELLED
            )
        found = standing.catch_up()
        if standing.position != heard:
            heard, heard_s, patience = standing.position, clock(), SILENT_AFTER
