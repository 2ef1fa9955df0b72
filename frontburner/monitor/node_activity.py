"""What each node did for a job of late, as a fold over its record: units, failures, how fast."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from frontburner import events as ev

if TYPE_CHECKING:
    from frontburner.plan.block import Block

SPANS_KEPT = 160
FAILURES_KEPT = 20
RECENT = 12
"""Units from which a node's speed is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A stretch of a node's time that went into a unit. Moments are seconds since 1970, as the job's machine has it."""

    from_s: float
    to_s: float
    load_s: float
    frame: int
    pixel_samples: int
    counts: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Mishap:
    """Something that went wrong on a node, and when."""

    at: str
    words: str


@dataclass(slots=True, kw_only=True)
class NodeActivity:
    """What a node did of late, and what it has under way since when."""

    spans: deque[Span] = field(default_factory=lambda: deque(maxlen=SPANS_KEPT))
    mishaps: deque[Mishap] = field(default_factory=lambda: deque(maxlen=FAILURES_KEPT))
    under_way: dict[Block, str] = field(default_factory=dict)
    there: bool = False
    said: str = ""
    """Why it takes no part, or no more for now."""
    lost: str = ""
    """When it was lost, until it is back."""

    def copy(self) -> NodeActivity:
        """Return it as it is now, for those who read it while it goes on."""
        return replace(self, spans=self.spans.copy(), mishaps=self.mishaps.copy(), under_way=dict(self.under_way))

    def at_it_s(self, now_s: float) -> float:
        """Seconds it has been at what it has under way; 0 where that is nothing."""
        if not self.under_way:
            return 0.0
        given_s = min(datetime.fromisoformat(at).timestamp() for at in self.under_way.values())
        return max(0.0, now_s - max(given_s, self.spans[-1].to_s if self.spans else 0.0))

    @property
    def rate(self) -> float:
        """Pixels × samples a second over its last units; 0 where it rendered none."""
        recent = [span for span in list(self.spans)[-RECENT:] if span.counts]
        seconds = sum(span.to_s - span.from_s - span.load_s for span in recent)
        return sum(span.pixel_samples for span in recent) / seconds if seconds > 0 else 0.0


@dataclass(slots=True, kw_only=True)
class NodeActivities:
    """What the nodes of a job did, folded from its events."""

    nodes: dict[str, NodeActivity] = field(default_factory=dict)

    def take(self, event: ev.Event, at: str) -> None:
        """Fold one event in, that was told at a moment."""
        if isinstance(event, ev.RunStarted | ev.RunEnded):
            for doing in self.nodes.values():
                doing.under_way.clear()
                doing.there, doing.said, doing.lost = False, "", ""
            return
        name = getattr(event, "node", None)
        if name is not None:
            self._take(self.nodes.setdefault(name, NodeActivity()), event, at)

    def _take(self, doing: NodeActivity, event: Any, at: str) -> None:  # noqa: ANN401, C901 - one case an event
        match event:
            case ev.NodeJoined():
                doing.there, doing.said, doing.lost = True, "", ""
            case ev.NodeWithheld(why=why):
                doing.there, doing.said = False, why
            case ev.NodeRefused(reason=reason) | ev.NodeExcluded(reason=reason):
                doing.there, doing.said = False, reason
                doing.mishaps.append(Mishap(at=at, words=reason))
            case ev.NodeLost(units=units):
                doing.under_way.clear()
                doing.there, doing.lost = False, at
                more = f" with {units} unit{'' if units == 1 else 's'} under way" if units else ""
                doing.mishaps.append(Mishap(at=at, words=f"It was lost{more}."))
            case ev.UnitStarted(block=block):
                doing.under_way[block] = at
            case ev.UnitAttemptFailed(block=block, reason=reason):
                doing.under_way.pop(block, None)
                doing.mishaps.append(Mishap(at=at, words=reason))
            case ev.UnitFinished(block=block, record=record):
                doing.under_way.pop(block, None)
                if not record.reused:
                    _add(doing, block, at, record.wall_s, record.load_s, counts=True)
            case ev.UnitWasted(block=block, seconds=seconds, finished_s=None):
                doing.under_way.pop(block, None)
                _add(doing, block, at, seconds, 0.0, counts=False)
            case _:
                pass


def _add(doing: NodeActivity, block: Block, at: str, seconds: float, load_s: float, *, counts: bool) -> None:
    to_s = datetime.fromisoformat(at).timestamp()
    doing.spans.append(
        Span(from_s=to_s - seconds, to_s=to_s, load_s=load_s, frame=block.frame, pixel_samples=block.pixel_samples,
             counts=counts)
    )  # fmt: skip
