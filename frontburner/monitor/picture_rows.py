"""What there is to see of a job's pictures, as a fold over its record: frames and how each stands, parts of a still."""

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
    """How a frame stands, in a letter: there may be ten thousand."""

    WAITING = "w"
    RENDERING = "r"
    STITCHING = "s"
    """All of it is rendered; its files are not in place yet."""
    IN_PLACE = "p"
    FAILED = "f"


_OF_FRAMES: dict[type[ev.Event], FrameState] = {
    ev.FrameRendered: FrameState.STITCHING,
    ev.FrameFailed: FrameState.FAILED,
    ev.FrameWritten: FrameState.IN_PLACE,
}


@dataclass(slots=True, kw_only=True)
class PictureRows:
    """Frames, and the parts of a still, folded from the events of a job's runs."""

    frames: dict[int, FrameState] = field(default_factory=dict)
    parts: dict[str, int] = field(default_factory=dict)
    """Places of a still's units that are rendered, in the order they came, by a number that grows."""
    preview: ev.PreviewMade | None = None
    planned: ev.JobPlanned | None = None
    under_way: dict[str, dict[str, Block]] = field(default_factory=dict)
    """What each node renders, by its place in the frame."""
    _at: Counter[int] = field(default_factory=Counter)
    """Units under way of each frame."""
    _count: int = 0

    def take(self, event: ev.Event) -> None:
        """Fold one event in."""
        match event:
            case ev.RunStarted() | ev.RunEnded():
                self._rest()
            case ev.JobPlanned():
                self._plan(event)
            case ev.PreviewMade():
                self.preview = event
                self.parts = {place: nth for place, nth in self.parts.items() if _stop(place) > event.samples}
            case ev.FrameRendered() | ev.FrameFailed() | ev.FrameWritten():
                self.frames[event.frame] = _OF_FRAMES[type(event)]
                if isinstance(event, ev.FrameWritten):
                    self.parts = {}  # they are deleted with its units
            case ev.NodeLost(node=node):
                for place in tuple(self.under_way.get(node, ())):
                    self._end(node, place)
            case _:
                self._take_unit(event)

    def _take_unit(self, event: ev.Event) -> None:
        match event:
            case ev.UnitStarted(node=node, block=block):
                place, own = place_of(block.region, block.samples), self.under_way.setdefault(node, {})
                self._at[block.frame] += place not in own
                own[place] = block
                if self.frames.get(block.frame) in (None, FrameState.WAITING, FrameState.FAILED):
                    self.frames[block.frame] = FrameState.RENDERING
            case ev.UnitFinished(node=node, block=block):
                self._end(node, place_of(block.region, block.samples))
                self._show(block)
            case ev.UnitReused(block=block):
                self._show(block)
            case ev.UnitAttemptFailed(node=node, block=block) | ev.UnitWasted(node=node, block=block):
                self._end(node, place_of(block.region, block.samples))
            case _:
                pass

    @property
    def still(self) -> bool:
        """Whether it is a job of one frame whose parts are shown."""
        return self.planned is not None and self.planned.size is not None and len(self.frames) == 1

    def of_still(self) -> dict[str, Any]:
        """What there is of a still: its measures, its parts, what nodes are at, its preview."""
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
                for node, blocks in self.under_way.items() if blocks
            },
            "preview": {"samples": preview.samples, "caption": preview.caption} if preview else None,
        }  # fmt: skip

    def _plan(self, event: ev.JobPlanned) -> None:
        self.planned = event
        for frame in parse_frames(event.numbers) if event.numbers else ():
            if self.frames.get(frame) is not FrameState.IN_PLACE:
                self.frames[frame] = FrameState.WAITING

    def _rest(self) -> None:
        """What was under way at the end or the beginning of a run isn't any more."""
        self.under_way.clear()
        self._at.clear()
        for frame, state in self.frames.items():
            if state in (FrameState.RENDERING, FrameState.STITCHING):
                self.frames[frame] = FrameState.WAITING

    def _show(self, block: Block) -> None:
        if self.still:
            self._count += 1
            self.parts[place_of(block.region, block.samples)] = self._count

    def _end(self, node: str, place: str) -> None:
        block = self.under_way.get(node, {}).pop(place, None)
        if block is None:
            return
        self._at[block.frame] -= 1
        if self._at[block.frame] <= 0:
            del self._at[block.frame]
            if self.frames.get(block.frame) is FrameState.RENDERING:
                self.frames[block.frame] = FrameState.WAITING


def _stop(place: str) -> int:
    """Return the samples a pixel has after the unit at a place."""
    return int(place.partition("_")[0].partition("-")[2])
