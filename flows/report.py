"""What a job came to: a fold over its events that gives the same figures to terminal, JSON and Prefect."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from flows import events as ev

if TYPE_CHECKING:
    from tasks.limits import Reached


@dataclass(slots=True, kw_only=True)
class Report:
    """Figures of a job, folded from its events. All times are seconds."""

    job_id: str = ""
    renderer: str = ""
    frames: int = 0
    units: int = 0
    reused_units: int = 0
    reused_frames: int = 0
    lost_units: int = 0
    failed_attempts: int = 0
    busy_s: float = 0.0
    load_s: float = 0.0
    cpu_s: float = 0.0
    first_unit_s: float | None = None
    ended_s: float = 0.0
    outputs: list[str] = field(default_factory=list)
    failed: dict[int, str] = field(default_factory=dict)
    last_words: dict[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    node_units: Counter[str] = field(default_factory=Counter)
    node_busy_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    nodes_there: set[str] = field(default_factory=set)
    reached: dict[int, Reached] = field(default_factory=dict)
    deadline: ev.DeadlineJudged | None = None

    def take(self, event: ev.Event) -> None:  # noqa: C901 - one case an event
        """Fold one event in."""
        self.ended_s = max(self.ended_s, event.at_s)
        match event:
            case ev.JobPlanned():
                self.job_id, self.frames = event.job_id, event.frames
                self.reused_frames = event.reused_frames
            case ev.UnitReused():
                self.reused_units += 1
            case ev.NodeJoined():
                self.nodes_there.add(event.node)
            case ev.NodeRefused():
                self.notes += (f"{event.node} took no part: {event.reason}",)
            case ev.NodeLost():
                self.lost_units += event.units
            case ev.UnitStarted():
                self.first_unit_s = event.at_s if self.first_unit_s is None else self.first_unit_s
            case ev.UnitFinished():
                self._finish(event)
            case ev.UnitAttemptFailed():
                self.failed_attempts += 1
            case ev.FrameFailed():
                self.failed[event.frame], self.last_words[event.frame] = event.reason, event.last_words
            case ev.FrameWritten():
                self.outputs.extend(event.outputs)
                if event.reached is not None and event.reached.telling:
                    self.reached[event.frame] = event.reached
            case ev.DeadlineJudged():
                self.deadline = event

    def _finish(self, event: ev.UnitFinished) -> None:
        if event.record.reused:
            self.reused_units += 1
            return
        rendering_s = event.record.wall_s - event.record.load_s
        self.units += 1
        self.busy_s += rendering_s
        self.load_s += event.record.load_s
        self.cpu_s += event.record.cpu_s
        self.node_units[event.node] += 1
        self.node_busy_s[event.node] += rendering_s

    @property
    def render_s(self) -> float:
        """From the first unit handed out to the last picture in place."""
        return 0.0 if self.first_unit_s is None else self.ended_s - self.first_unit_s

    @property
    def efficiency(self) -> float:
        """Node-seconds spent rendering ÷ (nodes × render_s); 1 is every node busy from first to last."""
        available_s = len(self.nodes_there) * self.render_s
        return self.busy_s / available_s if available_s else 0.0

    def document(self) -> dict[str, Any]:
        """Return the report as plain JSON values; documented in ``docs/report.md``."""
        return {
            "job_id": self.job_id,
            "renderer": self.renderer,
            "outputs": sorted(self.outputs),
            "frames": self.frames,
            "failed_frames": {str(frame): reason for frame, reason in sorted(self.failed.items())},
            "last_words": {str(frame): words for frame, words in sorted(self.last_words.items()) if words},
            "units": self.units,
            "reused_units": self.reused_units,
            "reused_frames": self.reused_frames,
            "lost_units": self.lost_units,
            "failed_attempts": self.failed_attempts,
            "nodes": len(self.nodes_there),
            "render_s": round(self.render_s, 3),
            "busy_s": round(self.busy_s, 3),
            "load_s": round(self.load_s, 3),
            "cpu_s": round(self.cpu_s, 3),
            "efficiency": round(self.efficiency, 4),
            "per_node": {
                node: {"units": self.node_units[node], "busy_s": round(self.node_busy_s[node], 3)}
                for node in sorted(self.nodes_there)
            },
            "notes": list(self.notes),
            "reached": {str(frame): reached.document() for frame, reached in sorted(self.reached.items())},
            **self._deadline(),
        }

    def _deadline(self) -> dict[str, Any]:
        if self.deadline is None:
            return {}
        told = self.deadline
        return {"finish_by": told.due, "expected_end": told.expected_end, "made_it": told.made_it}

    def markdown(self) -> str:
        """Return the report as a table for the Prefect UI."""
        document = self.document()
        rows = [
            ("frames", f"{self.frames} ({len(self.failed)} failed, {self.reused_frames} were there)"),
            ("units", f"{self.units} rendered, {self.reused_units} reused, {self.lost_units} lost with a node"),
            ("rendering", f"{document['render_s']} s on {document['nodes']} nodes"),
            ("efficiency", f"{self.efficiency:.1%}"),
            *((node, f"{own['units']} units, {own['busy_s']} s busy") for node, own in document["per_node"].items()),
        ]
        table = "\n".join(f"| {name} | {value} |" for name, value in rows)
        failures = "".join(f"\n- frame {frame}: {reason}" for frame, reason in sorted(self.failed.items()))
        pictures = "".join(f"\n- `{output}`" for output in sorted(self.outputs)[:50])
        return (
            f"| {self.job_id} | |\n|---|---|\n{table}\n\n**Failed**{failures or ': none'}\n\n**Pictures**{pictures}\n"
        )
