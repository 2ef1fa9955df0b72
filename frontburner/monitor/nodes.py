"""The nodes as the page shows them: the arbiter's view of each, with its activity folded from the records of jobs."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.monitor.json_patch import without_none

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from frontburner.plan.block import Block

SPANS_KEPT = 160
FAILURES_KEPT = 20
RECENT_UNITS = 12
"""Units that a node's speed is measured over."""
GONE = "gone"
NOT_READY = "not ready"
_COLUMNS = ("job", "renders", "groups", "hours", "excluded", "why", "host", "problems", "remedies", "platform",
            "threads", "memory_bytes", "memory_used_bytes", "cpu_percent")  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The time a node spent on a unit, in seconds since 1970 by the clock of the job's machine."""

    from_s: float
    to_s: float
    load_s: float
    frame: int
    pixel_samples: int
    counts: bool = True
    """Whether the unit's result was used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFailure:
    """Something that went wrong on a node, and when."""

    at: str
    reason: str


@dataclass(slots=True, kw_only=True)
class NodeActivity:
    """What a node did for a job recently, and its units in flight with their start times."""

    spans: deque[Span] = field(default_factory=lambda: deque(maxlen=SPANS_KEPT))
    failures: deque[NodeFailure] = field(default_factory=lambda: deque(maxlen=FAILURES_KEPT))
    in_flight: dict[Block, str] = field(default_factory=dict)
    connected: bool = False
    why: str = ""
    """Why it is excluded or withheld."""
    lost_at: str = ""
    """When it was lost, until it is back."""

    def copy(self) -> NodeActivity:
        """Return a copy for other threads."""
        return replace(self, spans=self.spans.copy(), failures=self.failures.copy(), in_flight=dict(self.in_flight))

    def in_flight_s(self, now_s: float) -> float:
        """Seconds spent on the units in flight; 0 if there are none."""
        if not self.in_flight:
            return 0.0
        started_s = min(datetime.fromisoformat(at).timestamp() for at in self.in_flight.values())
        return max(0.0, now_s - max(started_s, self.spans[-1].to_s if self.spans else 0.0))

    @property
    def rate(self) -> float:
        """Pixels × samples a second over its last units; 0 if it rendered none."""
        recent = [span for span in list(self.spans)[-RECENT_UNITS:] if span.counts]
        seconds = sum(span.to_s - span.from_s - span.load_s for span in recent)
        return sum(span.pixel_samples for span in recent) / seconds if seconds > 0 else 0.0

    def on_event(self, event: Any, at: str) -> None:  # noqa: ANN401, C901 - one case an event
        """Add an event about the node."""
        match event:
            case ev.NodeJoined():
                self.connected, self.why, self.lost_at = True, "", ""
            case ev.NodeWithheld(why=why):
                self.connected, self.why = False, why
            case ev.NodeLeftOut(reason=reason):
                self.connected, self.why = False, reason
            case ev.NodeRefused(reason=reason) | ev.NodeExcluded(reason=reason):
                self.connected, self.why = False, reason
                self.failures.append(NodeFailure(at=at, reason=reason))
            case ev.NodeLost(units=units):
                self.in_flight.clear()
                self.connected, self.lost_at = False, at
                more = f" with {units} unit{'' if units == 1 else 's'} in flight" if units else ""
                self.failures.append(NodeFailure(at=at, reason=f"It was lost{more}."))
            case ev.UnitStarted(block=block):
                self.in_flight[block] = at
            case ev.UnitAttemptFailed(block=block, reason=reason):
                self.in_flight.pop(block, None)
                self.failures.append(NodeFailure(at=at, reason=reason))
            case ev.UnitFinished(block=block, record=record):
                self.in_flight.pop(block, None)
                if not record.reused:
                    self._add_span(block, at, record.wall_s, record.load_s, counts=True)
            case ev.UnitWasted(block=block, seconds=seconds, finished_s=None):
                self.in_flight.pop(block, None)
                self._add_span(block, at, seconds, 0.0, counts=False)
            case _:
                pass

    def _add_span(self, block: Block, at: str, seconds: float, load_s: float, *, counts: bool) -> None:
        to_s = datetime.fromisoformat(at).timestamp()
        self.spans.append(
            Span(from_s=to_s - seconds, to_s=to_s, load_s=load_s, frame=block.frame,
                 pixel_samples=block.pixel_samples, counts=counts)
        )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class NodeActivities:
    """The activity of all nodes of a job, folded from its events."""

    nodes: dict[str, NodeActivity] = field(default_factory=dict)

    def on_event(self, event: ev.Event, at: str) -> None:
        """Add an event of this moment."""
        if isinstance(event, ev.RunStarted | ev.RunEnded):
            for activity in self.nodes.values():
                activity.in_flight.clear()
                activity.connected, activity.why, activity.lost_at = False, "", ""
            return
        name = getattr(event, "node", None)
        if name is not None:
            self.nodes.setdefault(name, NodeActivity()).on_event(event, at)


def format_blocks(in_flight: Iterable[Block]) -> str:
    """Describe the units that a node renders."""
    blocks = list(in_flight)
    if not blocks:
        return ""
    frames = sorted({block.frame for block in blocks})
    if len(frames) > 1:
        return f"frames {frames[0]}–{frames[-1]}"
    region, samples = blocks[0].region, blocks[0].samples
    where = f"{region.width}×{region.height} at {region.x0},{region.y0}"
    return f"frame {frames[0]}, {where}, samples {samples.start}–{samples.stop}"


def rows(snapshot: Mapping[str, Any], jobs: Mapping[str, Mapping[str, NodeActivity]]) -> dict[str, dict[str, Any]]:
    """Return a row for each node, by name: those of the farm, and those that running jobs have lost.

    Parameters
    ----------
    jobs
        The activity of nodes for each running job, by its identity.
    """
    found = {node["name"]: _row(node, _of_node(jobs, node["name"])) for node in snapshot.get("nodes", ())}
    for job_id, activities in jobs.items():
        for name, activity in activities.items():
            if name not in found and (activity.lost_at or activity.connected or activity.in_flight):
                found[name] = _unlisted_row(name, job_id, activity, farm_known="nodes" in snapshot)
    return found


def _of_node(jobs: Mapping[str, Mapping[str, NodeActivity]], name: str) -> list[tuple[str, NodeActivity]]:
    return [(job_id, activities[name]) for job_id, activities in jobs.items() if name in activities]


def _row(node: Mapping[str, Any], activities: list[tuple[str, NodeActivity]]) -> dict[str, Any]:
    ready = not (node["problems"] and node["state"] in ("idle", "rendering"))
    excluded = next((each.why for _, each in activities if each.failures and not each.connected and each.why), None)
    return without_none(
        {
            "name": node["name"],
            "state": node["state"] if ready or node["state"] == "rendering" else NOT_READY,
            **{name: node.get(name) for name in _COLUMNS},
            **{name: node.get(name) or None for name in ("yields", "unseen")},
            "aside": excluded,
            **_figures([activity for _, activity in activities]),
        }
    )


def _figures(activities: list[NodeActivity]) -> dict[str, Any]:
    """Return the figures of a node over all jobs."""
    in_flight = {block: since for activity in activities for block, since in activity.in_flight.items()}
    failures = sorted((each for activity in activities for each in activity.failures), key=lambda each: each.at)
    return {
        "doing": format_blocks(in_flight),
        "since": min(in_flight.values()) if in_flight else None,
        "rate": round(max((activity.rate for activity in activities), default=0.0)),
        "units": sum(len(activity.spans) for activity in activities),
        "failures": len(failures),
        "mishap": [failures[-1].at, failures[-1].reason] if failures else None,
    }


def _unlisted_row(name: str, job_id: str, activity: NodeActivity, *, farm_known: bool) -> dict[str, Any]:
    """Return the row of a node that the arbiter doesn't list: it is gone, or the farm doesn't answer."""
    lost = activity.lost_at
    why = f"The job lost it at {lost[11:19]}; its units in flight are rendered elsewhere." if lost else ""
    remedy = "Check that its machine runs and reaches the scheduler; `frontburner node start` there reconnects it."
    return without_none(
        {
            "name": name,
            "state": GONE if farm_known or lost else "rendering" if activity.in_flight else "idle",
            "job": job_id,
            "why": activity.why or why,
            "problems": [why] if lost else [],
            "remedies": [remedy] if lost else [],
            "renders": [],
            "groups": [],
            "hours": "",
            "excluded": [],
            **_figures([activity]),
        }
    )


def details(
    name: str, jobs: Mapping[str, Mapping[str, NodeActivity]], load: Iterable[tuple[float, float, float]]
) -> dict[str, Any]:
    """Return a node's history: its units and failures, and its recent processor and memory load.

    Parameters
    ----------
    load
        Moments, processor in percent, and fraction of memory used.
    """
    activities = _of_node(jobs, name)
    spans = [
        [round(span.from_s, 2), round(span.to_s, 2), round(span.load_s, 2), span.frame, span.counts, job_id]
        for job_id, activity in activities
        for span in activity.spans
    ]
    failures = [[each.at, each.reason, job_id] for job_id, activity in activities for each in activity.failures]
    return {"spans": sorted(spans), "mishaps": sorted(failures, reverse=True), "load": [list(each) for each in load]}
