"""Report of a job: a fold over its events that gives the same figures to terminal, JSON and Prefect."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.reports.availability import Availability
from frontburner.reports.figures import FollowupFigures, NodeFigures, PictureFigures, PredictionErrors, TransferFigures
from frontburner.reports.timeline import Activity, Timeline

if TYPE_CHECKING:
    from frontburner.plan.block import Block
    from tasks.spec import Region


@dataclass(slots=True, kw_only=True)
class Report:
    """Figures of a job, folded from its events in bounded memory. All times are seconds."""

    job_id: str = ""
    renderer: str = ""
    frames: int = 0
    reused_units: int = 0
    reused_frames: int = 0
    lost_units: int = 0
    taken_over: int = 0
    failed_attempts: int = 0
    damaged_units: int = 0
    excluded: dict[str, str] = field(default_factory=dict)
    """Nodes that were excluded, and why."""
    cpu_s: float = 0.0
    first_unit_s: float | None = None
    last_unit_s: float = 0.0
    ended_s: float = 0.0
    probe_units: int = 0
    probe_s: float = 0.0
    chart: str | None = None
    pictures: PictureFigures = field(default_factory=PictureFigures)
    notes: tuple[str, ...] = ()
    nodes: dict[str, NodeFigures] = field(default_factory=dict)
    availability: Availability = field(default_factory=Availability)
    timeline: Timeline = field(default_factory=Timeline)
    rendered_px: Region | None = None
    """Bounding box of all units."""
    planned: ev.JobPlanned | None = None
    measured: ev.FarmMeasured | None = None
    predictions: PredictionErrors = field(default_factory=PredictionErrors)
    deadline: ev.DeadlineForecast | None = None
    followups: FollowupFigures = field(default_factory=FollowupFigures)
    transfer: TransferFigures = field(default_factory=TransferFigures)

    def take(self, event: ev.Event) -> None:
        """Fold in an event."""
        self.followups.take(event)
        if isinstance(event, ev.FollowUp):
            return
        self.ended_s = max(self.ended_s, event.at_s)
        self.transfer.take(event)
        self.pictures.take(event)
        match event:
            case ev.JobPlanned():
                self._plan(event)
            case ev.FarmMeasured():
                self.measured = event
            case ev.DeadlineForecast():
                self.deadline = event
            case _:
                self._take_node(event)
                self._take_unit(event)

    def _plan(self, event: ev.JobPlanned) -> None:
        """Note the plan; a job that is resumed, or renders some frames again, is planned again."""
        if self.planned is None:
            self.reused_frames = event.reused_frames
        self.planned, self.job_id, self.frames = event, event.job_id, max(self.frames, event.frames)

    def _take_node(self, event: ev.Event) -> None:
        match event:
            case ev.NodeJoined():
                self.availability.start(event.node, event.at_s)
                self.nodes.setdefault(event.node, NodeFigures())
            case ev.NodeRefused():
                self.notes += (f"{event.node} took no part: {event.reason}",)
            case ev.NodeWithheld():
                self.availability.end(event.node, event.at_s)
            case ev.NodeExcluded():
                self.excluded[event.node] = event.reason
            case ev.NodeLost():
                self.availability.end(event.node, event.at_s)
                self.lost_units += event.units

    def _take_unit(self, event: ev.Event) -> None:
        match event:
            case ev.UnitReused():
                self.reused_units += 1
            case ev.UnitStarted():
                self.first_unit_s = event.at_s if self.first_unit_s is None else self.first_unit_s
            case ev.UnitFinished():
                self.availability.extend(event.node, event.at_s)  # its node may have been withheld since it began
                self._finish(event)
            case ev.UnitTakenOver():
                self.taken_over += 1
            case ev.UnitWasted():
                self._waste(event)
            case ev.UnitAttemptFailed():
                self._note_unit_end(event.node, event.at_s)
                self.failed_attempts += 1
                self.timeline.fail(event.node, event.at_s)
            case ev.UnitDamaged():
                self.damaged_units += 1

    def _note_unit_end(self, node: str, at_s: float) -> NodeFigures:
        """Note that a unit ended on a node; returns the node's figures."""
        self.last_unit_s = max(self.last_unit_s, at_s)
        figures = self.nodes.setdefault(node, NodeFigures())
        figures.until_s = at_s
        return figures

    def _waste(self, event: ev.UnitWasted) -> None:
        if event.finished_s is None:
            self._note_unit_end(event.node, event.at_s).wasted_s += event.seconds
            self.timeline.add(event.node, Activity.WASTED, ended_s=event.at_s, seconds=event.seconds)
            return
        figures = self.nodes[event.node]
        figures.busy_s -= event.seconds
        figures.wasted_s += event.seconds
        if self._is_probe(event.block):
            self.probe_s -= event.seconds
        self.timeline.waste(event.node, ended_s=event.finished_s, seconds=event.seconds)

    def _is_probe(self, block: Block) -> bool:
        return self.planned is not None and block.samples == self.planned.probe

    def _finish(self, event: ev.UnitFinished) -> None:
        record, figures = event.record, self._note_unit_end(event.node, event.at_s)
        if record.reused:
            self.reused_units += 1
            return
        rendering_s = record.wall_s - record.load_s
        figures.units += 1
        figures.busy_s += rendering_s
        figures.load_s += record.load_s
        self.cpu_s += record.cpu_s
        self.rendered_px = event.block.region.around(self.rendered_px)
        if self._is_probe(event.block):
            self.probe_units += 1
            self.probe_s += rendering_s
        self.predictions.add(predicted_s=event.predicted_s, measured_s=rendering_s)
        self.timeline.add(event.node, Activity.LOADING, ended_s=event.at_s - rendering_s, seconds=record.load_s)
        hue = event.block.frame if self.frames > 1 else event.block.samples.start
        self.timeline.add(event.node, Activity.RENDERING, ended_s=event.at_s, seconds=rendering_s, hue=hue)

    @property
    def began_s(self) -> float:
        """When the first unit was handed out; the end of the job if none was."""
        return self.ended_s if self.first_unit_s is None else self.first_unit_s

    @property
    def render_s(self) -> float:
        """From the first unit handed out to the last picture in place."""
        return self.ended_s - self.began_s

    @property
    def units(self) -> int:
        """Units rendered in this run."""
        return sum(node.units for node in self.nodes.values())

    @property
    def busy_s(self) -> float:
        """Node-seconds of rendering pixels that were used."""
        return sum(node.busy_s for node in self.nodes.values())

    @property
    def load_s(self) -> float:
        """Node-seconds spent opening scenes."""
        return sum(node.load_s for node in self.nodes.values())

    @property
    def wasted_s(self) -> float:
        """Node-seconds spent on pixels that weren't used."""
        return sum(node.wasted_s for node in self.nodes.values())

    @property
    def available_s(self) -> float:
        """Node-seconds nodes were available, from the first unit handed out to the last picture in place."""
        return self.availability.node_seconds(self.began_s, self.ended_s)

    @property
    def efficiency(self) -> float:
        """Fraction of the time nodes were available that went into pixels of the picture."""
        return _ratio(self.busy_s, self.available_s)

    @property
    def finish_s(self) -> float:
        """From the end of the last unit to the last picture in place."""
        return self.ended_s - self.last_unit_s if self.last_unit_s else 0.0

    def speeds(self) -> dict[str, float]:
        """Measured speed of every node; one that wasn't measured counts as average."""
        measured = self.measured.speeds if self.measured else {}
        mean = sum(measured.values()) / len(measured) if measured else 1.0
        return {node: measured.get(node, mean) for node in self.nodes}

    def ideal_s(self) -> float | None:
        """Least time in which these nodes, at their speeds and while they were available, could have rendered this."""
        if not self.busy_s:
            return None
        speeds = self.speeds()
        work = sum(figures.busy_s * speeds[node] for node, figures in self.nodes.items())
        return min(self.availability.min_seconds(work, speeds, from_s=self.began_s), self.render_s)

    def straggler_seconds(self) -> tuple[float, float]:
        """Seconds from the first node without work to the end of the last unit, and node-seconds idle in them."""
        idle_s = []
        for node in self.availability.nodes:
            start_s = self.availability.available_since(node, self.last_unit_s)
            if start_s is not None:
                idle_s.append(self.last_unit_s - max(start_s, self.nodes[node].until_s, self.began_s))
        return max([0.0, *idle_s]), sum(max(0.0, seconds) for seconds in idle_s)

    def node_time(self) -> dict[str, float]:
        """Time nodes were available, by what they did in it; the parts add up to ``available_s``."""
        parts = {
            "rendering": self.busy_s,
            "loading": self.load_s,
            "wasted": self.wasted_s,
            "tail": self.straggler_seconds()[1],
            "finishing": self.availability.node_seconds(self.last_unit_s or inf, self.ended_s),
        }
        return parts | {"between": max(0.0, self.available_s - sum(parts.values()))}

    def document(self) -> dict[str, Any]:
        """Return the report as plain JSON values; documented in ``docs/report.md``."""
        ideal_s, (tail_s, tail_idle_s) = self.ideal_s(), self.straggler_seconds()
        probe_share = round(_ratio(self.probe_s, self.busy_s), 4)
        return {
            "job_id": self.job_id,
            "renderer": self.renderer,
            "chart": self.chart,
            "frames": self.frames,
            **self.pictures.document(),
            "units": self.units,
            "reused_units": self.reused_units,
            "reused_frames": self.reused_frames,
            "lost_units": self.lost_units,
            "taken_over": self.taken_over,
            "failed_attempts": self.failed_attempts,
            "damaged_units": self.damaged_units,
            "set_aside": dict(sorted(self.excluded.items())),
            "nodes": len(self.availability.nodes),
            **self._rounded("render_s", "finish_s", "busy_s", "load_s", "wasted_s", "cpu_s", "available_s"),
            "ideal_s": None if ideal_s is None else round(ideal_s, 3),
            "ideal_ratio": round(self.render_s / ideal_s, 4) if ideal_s else None,
            "tail_s": round(tail_s, 3),
            "tail_idle_s": round(tail_idle_s, 3),
            "wasted_share": round(_ratio(self.wasted_s, self.available_s), 4),
            "efficiency": round(self.efficiency, 4),
            "node_time": {part: round(seconds, 3) for part, seconds in self.node_time().items()},
            "scene": self.transfer.document(),
            "probe": {"units": self.probe_units, "seconds": round(self.probe_s, 3), "share": probe_share},
            "prediction": self.predictions.document(),
            "per_node": self._per_node(),
            **self.followups.document(),
            "notes": list(self.notes),
            **self._deadline(),
        }

    def _rounded(self, *names: str) -> dict[str, float]:
        return {name: round(getattr(self, name), 3) for name in names}

    def _deadline(self) -> dict[str, Any]:
        due = self.deadline
        return {"finish_by": due.due, "expected_end": due.expected_end, "made_it": due.made_it} if due else {}

    def _per_node(self) -> dict[str, dict[str, Any]]:
        speeds = self.speeds()
        mean = sum(speeds.values()) / len(speeds) if speeds else 1.0
        work = sum(figures.busy_s * speeds[node] for node, figures in self.nodes.items())
        return {
            node: {
                **figures.document(),
                "share": round(_ratio(figures.busy_s * speeds[node], work), 4),
                "speed": round(speeds[node] / mean, 4) if self.measured and node in self.measured.speeds else None,
                "there": [self._since_began(interval) for interval in self.availability.intervals(node)],
            }
            for node, figures in sorted(self.nodes.items())
        }

    def _since_began(self, interval: tuple[float, float]) -> list[float | None]:
        """Start and end of a node's interval, in seconds after the first unit was handed out."""
        start_s, end_s = (max(0.0, at_s - self.began_s) for at_s in interval)
        return [round(start_s, 3), None if end_s == inf else round(end_s, 3)]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
