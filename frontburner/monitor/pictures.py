"""The pictures of a job, folded from its record: the state of each frame, and the parts of a still."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.jobs.frames import parse_frames
from tasks.spec import place_of

if TYPE_CHECKING:
    from frontburner.plan.block import Block


class FrameState(StrEnum):
    """State of a frame, in one letter: there may be ten thousand."""

    WAITING = "w"
    RENDERING = "r"
    STITCHING = "s"
    """All its units are rendered; its files are not in place yet."""
    IN_PLACE = "p"
    FAILED = "f"


_STATES: dict[type[ev.Event], FrameState] = {
    ev.FrameRendered: FrameState.STITCHING,
    ev.FrameFailed: FrameState.FAILED,
    ev.FrameWritten: FrameState.IN_PLACE,
}


@dataclass(slots=True, kw_only=True)
class Pictures:
    """Frames, and the parts of a still, folded from the events of a job's runs."""

    frames: dict[int, FrameState] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    """Places of a still's rendered units, with an increasing number for each."""
    preview: ev.PreviewMade | None = None
    planned: ev.JobPlanned | None = None
    in_flight: dict[str, dict[str, Block]] = field(default_factory=dict)
    """Units that each node renders, by their places in the frame."""
    _in_flight_units: Counter[int] = field(default_factory=Counter)
    """Number of units in flight of each frame."""
    _count: int = 0

    def on_event(self, event: ev.Event) -> None:
        """Add an event."""
        match event:
            case ev.RunStarted() | ev.RunEnded():
                self._end_all()
            case ev.JobPlanned():
                self._plan(event)
            case ev.PreviewMade():
                self.preview = event
                self.parts = {place: nth for place, nth in self.parts.items() if _stop(place) > event.samples}
            case ev.FrameRendered() | ev.FrameFailed() | ev.FrameWritten():
                self.frames[event.frame] = _STATES[type(event)]
                if isinstance(event, ev.FrameWritten):
                    self.parts = {}  # they are deleted with its units
            case ev.NodeLost(node=node):
                for place in tuple(self.in_flight.get(node, ())):
                    self._end(node, place)
            case _:
                self._on_unit(event)

    def _on_unit(self, event: ev.Event) -> None:
        match event:
            case ev.UnitStarted(node=node, block=block):
                place, units = place_of(block.region, block.samples), self.in_flight.setdefault(node, {})
                self._in_flight_units[block.frame] += place not in units
                units[place] = block
                if self.frames.get(block.frame) in (None, FrameState.WAITING, FrameState.FAILED):
                    self.frames[block.frame] = FrameState.RENDERING
            case ev.UnitFinished(node=node, block=block):
                self._end(node, place_of(block.region, block.samples))
                self._add_part(block)
            case ev.UnitReused(block=block):
                self._add_part(block)
            case ev.UnitAttemptFailed(node=node, block=block) | ev.UnitWasted(node=node, block=block):
                self._end(node, place_of(block.region, block.samples))
            case _:
                pass

    @property
    def still(self) -> bool:
        """Whether the job is a still whose parts are shown."""
        return self.planned is not None and self.planned.size is not None and len(self.frames) == 1

    def still_document(self) -> dict[str, Any]:
        """Return the state of a still: its region, its parts, the units in flight, its preview."""
        planned, preview = self.planned, self.preview
        if not self.still or planned is None or planned.size is None or planned.region is None:
            return {}
        region = planned.region
        return {
            "frame": next(iter(self.frames)),
            "region": [region.x0, region.y0, region.x1, region.y1],
            "parts": dict(self.parts),
            "at": {
                node: [[b.region.x0, b.region.y0, b.region.x1, b.region.y1] for b in blocks.values()]
                for node, blocks in self.in_flight.items() if blocks
            },
            "preview": {"samples": preview.samples, "caption": preview.caption} if preview else None,
        }  # fmt: skip

    def _plan(self, event: ev.JobPlanned) -> None:
        self.planned = event
        for frame in parse_frames(event.numbers) if event.numbers else ():
            if self.frames.get(frame) is not FrameState.IN_PLACE:
                self.frames[frame] = FrameState.WAITING

    def _end_all(self) -> None:
        """Units in flight at the end or the beginning of a run have ended."""
        self.in_flight.clear()
        self._in_flight_units.clear()
        for frame, state in self.frames.items():
            if state in (FrameState.RENDERING, FrameState.STITCHING):
                self.frames[frame] = FrameState.WAITING

    def _add_part(self, block: Block) -> None:
        if self.still:
            self._count += 1
            self.parts[place_of(block.region, block.samples)] = self._count

    def _end(self, node: str, place: str) -> None:
        block = self.in_flight.get(node, {}).pop(place, None)
        if block is None:
            return
        self._in_flight_units[block.frame] -= 1
        if self._in_flight_units[block.frame] <= 0:
            del self._in_flight_units[block.frame]
            if self.frames.get(block.frame) is FrameState.RENDERING:
                self.frames[block.frame] = FrameState.WAITING


def _stop(place: str) -> int:
    """Return the number of samples of a pixel after the unit at a place."""
    return int(place.partition("_")[0].partition("-")[2])
