"""The run of a job, watched from outside: how it stands, and when it has ended."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from frontburner.events import RunState
from frontburner.record.job_status import LISTEN_FOR, SILENT_AFTER
from frontburner.record.snapshot import Snapshot, is_gone

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import Place

LOOK_EVERY_S = 0.5


@dataclass(slots=True, kw_only=True)
class RunWatch:
    """Watches the run of a job from outside.

    Whether it is lost is told by how long nothing new is heard of it, not by comparing this machine's clock with its.
    """

    place: Place
    standing: Snapshot = field(init=False)
    _heard_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.standing = Snapshot(store=self.place.store, job_id=self.place.job_id)
        self._heard_s = time.monotonic()

    def begin(self) -> JobStatus:
        """Return how the job stands; where its clock and this one disagree, once it is known whether it lives."""
        status = self.look()
        away = status.open and status.far_from(datetime.now().astimezone())
        heard, ends_s = self.standing.position, time.monotonic() + LISTEN_FOR.total_seconds()
        while away and status.open and self.standing.position == heard:
            if time.monotonic() > ends_s:
                status.state = RunState.LOST
                break
            time.sleep(LOOK_EVERY_S)
            status = self.look()
        return status

    def look(self) -> JobStatus:
        """Return how the job stands now."""
        before = self.standing.position
        status = self.standing.catch_up()
        if self.standing.position != before:
            self._heard_s = time.monotonic()
        silent_s = time.monotonic() - self._heard_s
        if status.open and (is_gone(status.run) or silent_s > SILENT_AFTER.total_seconds()):
            status.state = RunState.LOST
        return status

    def wait(self, wait_s: float, say: Callable[[str], None]) -> JobStatus:
        """Wait until no run is under way, or for so long; each change is said."""
        ends_s, told = time.monotonic() + wait_s, ""
        while (status := self.look()).open and time.monotonic() < ends_s:
            if (words := words_of(status)) != told:
                told = words
                say(words)
            time.sleep(LOOK_EVERY_S)
        return status


def words_of(status: JobStatus) -> str:
    """Say how a job stands, and how many units are still awaited."""
    under_way = sum(len(node.under_way) for node in status.nodes.values())
    ending = f", {under_way} unit{'' if under_way == 1 else 's'} under way" if status.state is RunState.ENDING else ""
    return f"{status.job_id}: {status.state}{ending}"
