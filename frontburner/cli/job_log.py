"""``frontburner job log``: a job's record, all of it or its end, and what is added while a run goes on."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from frontburner.events import Heartbeat
from frontburner.record.event_codec import EVENT_TYPES
from frontburner.record.event_log import read_events, read_last_events
from frontburner.record.run_watch import RunWatch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from frontburner.record.registry import JobLocation

LOOK_EVERY_S = 1.0
_LEADING = ("at", "what", "node", "frame")


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are shown: by default all but heartbeats."""

    node: str = ""
    frame: int | None = None
    heartbeats: bool = False

    def __call__(self, event: dict[str, Any]) -> bool:
        """Whether an event is shown."""
        return (
            (not self.node or event.get("node") == self.node)
            and (self.frame is None or event.get("frame") == self.frame)
            and (self.heartbeats or EVENT_TYPES.get(str(event["what"])) is not Heartbeat)
        )


def show_log(
    location: JobLocation,
    wanted: EventFilter,
    show: Callable[[dict[str, Any]], None],
    *,
    last: int | None,
    follow: bool,
) -> None:
    """Show the events of a job's record, and with ``follow`` new ones until its run ends or is lost."""
    watch, position = RunWatch(place=location), ""
    if last is not None:
        events = read_last_events(location.store, location.job_id, last, wanted)
        for _, event in events:
            show(event)
        position = events[-1][0] if events else ""
    while True:
        running = follow and watch.poll().open
        for at, event in read_events(location.store, location.job_id, after=position):
            position = at
            if wanted(event):
                show(event)
        if not running:
            return
        time.sleep(LOOK_EVERY_S)


def format_event(event: Mapping[str, Any]) -> str:
    """Format an event as a line: when, what, node, frame, then all other fields."""
    rest = (f"{name}={value}" for name, value in event.items() if name not in _LEADING and value not in (None, "", []))
    frame = f"frame {event['frame']}" if "frame" in event else ""
    return "  ".join(filter(None, [event["at"][:23], event["what"], event.get("node", ""), frame, *rest]))
