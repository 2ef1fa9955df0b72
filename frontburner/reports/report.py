"""What a job came to: a fold over its events that gives the same figures to terminal, JSON and Prefect."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.reports.availability import Availability
from frontburner.reports.followups import FollowupFigures
from frontburner.reports.picture_results import PictureFigures
from frontburner.reports.predictions import Predictions
from frontburner.reports.timeline import Activity, Timeline
from frontburner.reports.transfer_figures import TransferFigures

if TYPE_CHECKING:
    from frontburner.plan.block import Block
    from tasks.spec import Region


@dataclass(slots=True)
class NodeFigures:
    """What one node did. ``until_s`` is when it was last heard to end anything."""

    units: int = 0
    busy_s: float = 0.0
    load_s: float = 0.0
    wasted_s: float = 0.0
    until_s: float = -inf


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
    set_aside: dict[str, str] = field(default_factory=dict)
    """Nodes that were set aside, and why."""
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
    shifts: Availability = field(default_factory=Availability)
    timeline: Timeline = field(default_factory=Timeline)
    rendered_px: Region | None = None
    """The smallest region that holds all units."""
    planned: ev.JobPlanned | None = None
    measured: ev.FarmMeasured | None = None
    predictions: Predictions = field(default_factory=Predictions)
    deadline: ev.DeadlineForecast | None = None
    after: FollowupFigures = field(default_factory=FollowupFigures)
    scene: TransferFigures = field(default_factory=TransferFigures)

    def take(self, event: ev.Event) -> None:
        """Fold one event in."""
        self.after.take(event)
        if isinstance(event, ev.FollowUp):
            return
        self.ended_s = max(self.ended_s, event.at_s)
        self.scene.take(event)
        self.pictures.take(event)
        match event:
            case ev.JobPlanned():
                self._plan(event)
            case ev.FarmMeasured():
                self.measured = event
            case ev.DeadlineForecast():
                self.deadline = event
            case ev.NodeJoined() | ev.NodeRefused() | ev.NodeWithheld() | ev.NodeExcluded() | ev.NodeLost():
                self._take_node(event)
            case _:
                self._take_unit(event)

    def _plan(self, event: ev.JobPlanned) -> None:
        """Note what is to be done; a job that goes on, or renders some frames once more, is planned anew."""
        if self.planned is None:
            self.reused_frames = event.reused_frames
        self.planned, self.job_id, self.frames = event, event.job_id, max(self.frames, event.frames)

    def _take_node(
        self, event: ev.NodeJoined | ev.NodeRefused | ev.NodeWithheld | ev.NodeExcluded | ev.NodeLost
    ) -> None:
        match event:
            case ev.NodeJoined():
                self.shifts.come(event.node, event.at_s)
                self.nodes.setdefault(event.node, NodeFigures())
            case ev.NodeRefused():
                self.notes += (f"{event.node} took no part: {event.reason}",)
            case ev.NodeWithheld():
                self.shifts.go(event.node, event.at_s)
            case ev.NodeExcluded():
                self.set_aside[event.node] = event.reason
            case ev.NodeLost():
                self.shifts.go(event.node, event.at_s)
                self.lost_units += event.units

    def _take_unit(self, event: ev.Event) -> None:
        match event:
            case ev.UnitReused():
                self.reused_units += 1
            case ev.UnitStarted():
                self.first_unit_s = event.at_s if self.first_unit_s is None else self.first_unit_s
            case ev.UnitFinished():
                self.shifts.stay(event.node, event.at_s)  # it may have been withheld since it began
                self._ended(event.node, event.at_s)
                self._finish(event)
            case ev.UnitTakenOver():
                self.taken_over += 1
            case ev.UnitWasted():
                self._waste(event)
            case ev.UnitAttemptFailed():
                self._ended(event.node, event.at_s)
                self.failed_attempts += 1
                self.timeline.fail(event.node, event.at_s)
            case ev.UnitDamaged():
                self.damaged_units += 1

    def _ended(self, node: str, at_s: float) -> NodeFigures:
        """Note that something on a node ended."""
        self.last_unit_s = max(self.last_unit_s, at_s)
        figures = self.nodes.setdefault(node, NodeFigures())
        figures.until_s = at_s
        return figures

    def _waste(self, event: ev.UnitWasted) -> None:
        if event.finished_s is None:
            self._ended(event.node, event.at_s).wasted_s += event.seconds
            self.timeline.add(event.node, Activity.WASTED, ended_s=event.at_s, seconds=event.seconds)
            return
        figures = self.nodes[event.node]
        figures.busy_s -= event.seconds
        figures.wasted_s += event.seconds
        if self._probes(event.block):
            self.probe_s -= event.seconds
        self.timeline.waste(event.node, ended_s=event.finished_s, seconds=event.seconds)

    def _probes(self, block: Block) -> bool:
        return self.planned is not None and block.samples == self.planned.probe

    def _finish(self, event: ev.UnitFinished) -> None:
        record = event.record
        if record.reused:
            self.reused_units += 1
            return
        rendering_s = record.wall_s - record.load_s
        figures = self.nodes[event.node]
        figures.units += 1
        figures.busy_s += rendering_s
        figures.load_s += record.load_s
        self.cpu_s += record.cpu_s
        self.rendered_px = event.block.region.around(self.rendered_px)
        if self._probes(event.block):
            self.probe_units += 1
            self.probe_s += rendering_s
        self.predictions.take(predicted_s=event.predicted_s, measured_s=rendering_s)
        self.timeline.add(event.node, Activity.LOADING, ended_s=event.at_s - rendering_s, seconds=record.load_s)
        hue = event.block.frame if self.frames > 1 else event.block.samples.start
        self.timeline.add(event.node, Activity.RENDERING, ended_s=event.at_s, seconds=rendering_s, hue=hue)

    @property
    def began_s(self) -> float:
        """When the first unit was handed out; when all ended, if none was."""
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
        """Node-seconds of rendering whose pixels count."""
        return sum(node.busy_s for node in self.nodes.values())

    @property
    def load_s(self) -> float:
        """Node-seconds spent opening scenes."""
        return sum(node.load_s for node in self.nodes.values())

    @property
    def wasted_s(self) -> float:
        """Node-seconds spent on pixels that don't count."""
        return sum(node.wasted_s for node in self.nodes.values())

    @property
    def available_s(self) -> float:
        """Node-seconds nodes were there, from the first unit handed out to the last picture in place."""
        return self.shifts.node_seconds(self.began_s, self.ended_s)

    @property
    def efficiency(self) -> float:
        """Part of the time nodes were there that went into pixels of the picture; 1 is all of it."""
        return self.busy_s / self.available_s if self.available_s else 0.0

    @property
    def finish_s(self) -> float:
        """From the end of the last unit to the last picture in place."""
        return self.ended_s - self.last_unit_s if self.last_unit_s else 0.0

    def speeds(self) -> dict[str, float]:
        """Speed of every node, as measured; a node that wasn't measured is taken to be as fast as the others."""
        measured = self.measured.speeds if self.measured else {}
        mean = sum(measured.values()) / len(measured) if measured else 1.0
        return {node: measured.get(node, mean) for node in self.nodes}

    def ideal_s(self) -> float | None:
        """Least time in which these nodes, as fast and as long there as they were, could have rendered all this."""
        if not self.busy_s:
            return None
        speeds = self.speeds()
        work = sum(figures.busy_s * speeds[node] for node, figures in self.nodes.items())
        return min(self.shifts.least_s(work, speeds, from_s=self.began_s), self.render_s)

    def tail(self) -> tuple[float, float]:
        """Seconds from when a node first had nothing more to do to the end of the last unit, and node-seconds idle."""
        idle_s = []
        for node in self.shifts.nodes:
            came_s = self.shifts.since(node, self.last_unit_s)
            if came_s is not None:
                idle_s.append(self.last_unit_s - max(came_s, self.nodes[node].until_s, self.began_s))
        return max([0.0, *idle_s]), sum(max(0.0, seconds) for seconds in idle_s)

    def node_time(self) -> dict[str, float]:
        """Where the time went that nodes were there; the parts add up to ``available_s``."""
        finishing_s = self.shifts.node_seconds(self.last_unit_s, self.ended_s) if self.last_unit_s else 0.0
        parts = {
            "rendering": self.busy_s,
            "loading": self.load_s,
            "wasted": self.wasted_s,
            "tail": self.tail()[1],
            "finishing": finishing_s,
        }
        return parts | {"between": max(0.0, self.available_s - sum(parts.values()))}

    def document(self) -> dict[str, Any]:
        """Return the report as plain JSON values; documented in ``docs/report.md``."""
        ideal_s, (tail_s, tail_idle_s) = self.ideal_s(), self.tail()
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
            "set_aside": dict(sorted(self.set_aside.items())),
            "nodes": len(self.shifts.nodes),
            "render_s": round(self.render_s, 3),
            "ideal_s": None if ideal_s is None else round(ideal_s, 3),
            "ideal_ratio": round(self.render_s / ideal_s, 4) if ideal_s else None,
            "finish_s": round(self.finish_s, 3),
            "tail_s": round(tail_s, 3),
            "tail_idle_s": round(tail_idle_s, 3),
            "busy_s": round(self.busy_s, 3),
            "load_s": round(self.load_s, 3),
            "wasted_s": round(self.wasted_s, 3),
            "wasted_share": round(self.wasted_s / self.available_s, 4) if self.available_s else 0.0,
            "cpu_s": round(self.cpu_s, 3),
            "available_s": round(self.available_s, 3),
            "efficiency": round(self.efficiency, 4),
            "node_time": {part: round(seconds, 3) for part, seconds in self.node_time().items()},
            "scene": self.scene.document(),
            "probe": self._probe(),
            "prediction": self.predictions.document(),
            "per_node": self._per_node(),
            **self.after.document(),
            "notes": list(self.notes),
            **self._deadline(),
        }

    def _deadline(self) -> dict[str, Any]:
        if self.deadline is None:
            return {}
        told = self.deadline
        return {"finish_by": told.due, "expected_end": told.expected_end, "made_it": told.made_it}

    def _probe(self) -> dict[str, Any]:
        share = self.probe_s / self.busy_s if self.busy_s else 0.0
        return {"units": self.probe_units, "seconds": round(self.probe_s, 3), "share": round(share, 4)}

    def _per_node(self) -> dict[str, dict[str, Any]]:
        speeds = self.speeds()
        mean = sum(speeds.values()) / len(speeds) if speeds else 1.0
        work = sum(figures.busy_s * speeds[node] for node, figures in self.nodes.items())
        return {
            node: {
                "units": figures.units,
                "busy_s": round(figures.busy_s, 3),
                "load_s": round(figures.load_s, 3),
                "wasted_s": round(figures.wasted_s, 3),
                "share": round(figures.busy_s * speeds[node] / work, 4) if work else 0.0,
                "speed": round(speeds[node] / mean, 4) if self.measured and node in self.measured.speeds else None,
                "there": [self._since_began(shift) for shift in self.shifts.of(node)],
            }
            for node, figures in sorted(self.nodes.items())
        }

    def _since_began(self, shift: tuple[float, float]) -> list[float | None]:
        """When a node came and left, in seconds after the first unit was handed out."""
        came_s, left_s = (max(0.0, at_s - self.began_s) for at_s in shift)
        return [round(came_s, 3), None if left_s == inf else round(left_s, 3)]
