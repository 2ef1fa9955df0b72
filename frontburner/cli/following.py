"""Telling a job's record to a person or a program: all of it, its end, or as it goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from frontburner.events import Heartbeat
from frontburner.record.event_codec import EVENT_TYPES
from frontburner.record.event_log import read_events, read_last_events
from frontburner.record.run_watch import RunWatch

if TYPE_CHECKING:
    from collections.abc import Callable

    from frontburner.record.registry import JobLocation

LOOK_EVERY_S = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are told."""

    node: str = ""
    frame: int | None = None
    heartbeats: bool = False

    def __call__(self, event: dict[str, Any]) -> bool:
        """Whether this one is."""
        return (
            (not self.node or event.get("node") == self.node)
            and (self.frame is None or event.get("frame") == self.frame)
            and (self.heartbeats or EVENT_TYPES.get(str(event["what"])) is not Heartbeat)
        )


def tell(
    place: JobLocation, wanted: EventFilter, show: Callable[[dict[str, Any]], None], *, last: int | None, follow: bool
) -> None:
    """Show what happened in a job, and with ``follow`` what happens, until its run ends or is lost."""
    watch, position = RunWatch(place=place), ""
    if last is not None:
        tail = read_last_events(place.store, place.job_id, last, wanted)
        for _, event in tail:
            show(event)
        position = tail[-1][0] if tail else ""
    while True:
        going = follow and watch.poll().open
        for at, event in read_events(place.store, place.job_id, after=position):
            position = at
            if wanted(event):
                show(event)
        if not going:
            return
        time.sleep(LOOK_EVERY_S)
