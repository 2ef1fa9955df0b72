"""Watch the run of a job from outside: its status, and when it has ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from frontburner.events import RunState
from frontburner.record.job_status import CONFIRM_TIMEOUT, HEARTBEAT_TIMEOUT
from frontburner.record.snapshot import Snapshot, process_is_gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

POLL_INTERVAL_S = 0.5


@dataclass(slots=True, kw_only=True)
class RunWatch:
    """Watches the run of a job from outside.

    A run is lost when its record doesn't grow for the heartbeat timeout: the clocks of two machines may differ.
    """

    place: JobLocation
    snapshot: Snapshot = field(init=False)
    _last_growth_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.snapshot = Snapshot(store=self.place.store, job_id=self.place.job_id)
        self._last_growth_s = time.monotonic()

    def confirm(self) -> JobStatus:
        """Return the status; if its time is far from this machine's, wait to see whether the run is alive."""
        status = self.poll()
        overdue = status.open and status.heartbeat_overdue(datetime.now().astimezone())
        position, ends_s = self.snapshot.position, time.monotonic() + CONFIRM_TIMEOUT.total_seconds()
        while overdue and status.open and self.snapshot.position == position:
            if time.monotonic() > ends_s:
                status.state = RunState.LOST
                break
            time.sleep(POLL_INTERVAL_S)
            status = self.poll()
        return status

    def poll(self) -> JobStatus:
        """Return the status now."""
        position = self.snapshot.position
        status = self.snapshot.catch_up()
        if self.snapshot.position != position:
            self._last_growth_s = time.monotonic()
        silent_s = time.monotonic() - self._last_growth_s
        if status.open and (process_is_gone(status.run) or silent_s > HEARTBEAT_TIMEOUT.total_seconds()):
            status.state = RunState.LOST
        return status

    def wait(self, timeout_s: float, report: Callable[[str], None]) -> JobStatus:
        """Wait until the run ends, or for a time; report each change of its status."""
        ends_s, reported = time.monotonic() + timeout_s, ""
        while (status := self.poll()).open and time.monotonic() < ends_s:
            if (text := describe_status(status)) != reported:
                reported = text
                report(text)
            time.sleep(POLL_INTERVAL_S)
        return status


def describe_status(status: JobStatus) -> str:
    """State of a job in words, and while it ends, how many units are in flight."""
    count = sum(len(node.under_way) for node in status.nodes.values())
    ending = f", {count} unit{'' if count == 1 else 's'} in flight" if status.state is RunState.ENDING else ""
    return f"{status.job_id}: {status.state}{ending}"
