"""How a job stands, as a fold over its record: state, frames, nodes, failures. Pure."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.events import RunState
from frontburner.record.event_codec import decode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from frontburner.plan.block import Block

SILENT_AFTER = timedelta(seconds=20)
"""A run that says nothing for so long is lost: it says that it is alive every five seconds."""
LISTEN_FOR = timedelta(seconds=10)
"""How long a run that seems lost is listened for, where that matters: a clock may have been set."""
RUNS_KEPT = 20
_OPEN = (RunState.RUNNING, RunState.ENDING)


@dataclass(slots=True, kw_only=True)
class NodeStatus:
    """What a node did for a job, over all runs, and what it has under way."""

    state: str = "gone"
    units: int = 0
    seconds: float = 0.0
    failures: int = 0
    under_way: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class RunStatus:
    """One run of a job: when it began and ended, where, and how."""

    started: str
    host: str = ""
    flow_run: str = ""
    ended: str = ""
    state: RunState = RunState.RUNNING


@dataclass(slots=True, kw_only=True)
class JobStatus:
    """All that is told of a job. ``run_started`` is the last run's first event, as it is in the record."""

    job_id: str
    state: RunState = RunState.LOST
    sentence: str = ""
    runs: int = 0
    started: str = ""
    last: str = ""
    frames: int = 0
    written: dict[int, tuple[str, ...]] = field(default_factory=dict)
    failed: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Reason and the renderer's last words of each frame that failed in the last run."""
    flagged: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Fault and sentence of each frame that stood out when they were last checked."""
    products: dict[str, str] = field(default_factory=dict)
    """Movies and contact sheet, and where they are."""
    skipped: tuple[str, str] | None = None
    """When a scheduled run was last skipped, and why."""
    pixel_samples: int = 0
    pixel_samples_done: int = 0
    seconds_left: float | None = None
    nodes: dict[str, NodeStatus] = field(default_factory=dict)
    run_started: dict[str, Any] = field(default_factory=dict)
    last_runs: list[RunStatus] = field(default_factory=list)

    @property
    def fraction(self) -> float:
        """How much of what the last run was for is done."""
        if self.state is RunState.COMPLETED:
            return 1.0
        return min(1.0, self.pixel_samples_done / self.pixel_samples) if self.pixel_samples else 0.0

    @property
    def run(self) -> ev.RunStarted | None:
        """How its last run began; None before the first."""
        began = decode(self.run_started)
        return began if isinstance(began, ev.RunStarted) else None

    @property
    def job(self) -> Mapping[str, Any]:
        """The document of the job, as its last run had it; empty before the first."""
        return self.run.job if self.run else {}

    def stand(self, now: datetime) -> RunState:
        """How it stands now: a run that fell silent is lost."""
        return RunState.LOST if self.open and self.far_from(now) else self.state

    def far_from(self, now: datetime) -> bool:
        """Whether its last sign of life isn't of these seconds: it was lost long ago, or a clock is wrong."""
        return bool(self.last) and abs(now - datetime.fromisoformat(self.last)) > SILENT_AFTER

    def running(self, now: datetime) -> bool:
        """Whether a run of it is under way."""
        return self.stand(now) in _OPEN

    @property
    def open(self) -> bool:
        """Whether its last run hasn't said that it ended."""
        return self.state in _OPEN

    def advice(self, now: datetime) -> str:
        """Say the one command that brings it on; empty where nothing is to be done."""
        match self.stand(now):
            case RunState.RUNNING | RunState.ENDING | RunState.COMPLETED:
                return ""
            case RunState.FAILED:
                return f"Mend the cause, then: frontburner job rerun {self.job_id} --failed"
            case RunState.SUSPENDED | RunState.CANCELLED | RunState.BROKEN:
                return f"To go on: frontburner job resume {self.job_id}"
            case RunState.LOST:
                return f"Its process is gone without a word. To go on: frontburner job resume {self.job_id}"

    def nodes_now(self, now: datetime) -> dict[str, NodeStatus]:
        """Return its nodes as they are now: those of a run that is lost are gone, and have nothing under way."""
        if self.running(now):
            return self.nodes
        return {name: replace(node, state="gone", under_way=[]) for name, node in self.nodes.items()}

    def document(self, now: datetime) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "job_id": self.job_id,
            "state": self.stand(now).value,
            "sentence": self.sentence,
            "advice": self.advice(now),
            "progress": round(self.fraction, 4),
            "frames": self.frames,
            "written": len(self.written),
            "failed": {frame: {"reason": why, "last_words": words} for frame, (why, words) in self.failed.items()},
            "flagged": {frame: {"fault": fault, "sentence": said} for frame, (fault, said) in self.flagged.items()},
            "products": self.products,
            "seconds_left": self.seconds_left,
            "runs": self.runs,
            "started": self.started,
            "last": self.last,
            "last_runs": [
                {"started": run.started, "ended": run.ended, "state": run.state.value, "host": run.host,
                 "flow_run": run.flow_run}
                for run in self.last_runs
            ],
            "nodes": {
                name: {"state": node.state, "units": node.units, "seconds": round(node.seconds, 3),
                       "failures": node.failures, "under_way": node.under_way}
                for name, node in self.nodes_now(now).items()
            },
        }  # fmt: skip


def status(job_id: str, told: Iterable[Mapping[str, Any]]) -> JobStatus:
    """Fold a job's record."""
    found = JobStatus(job_id=job_id)
    for event in told:
        fold(found, event)
    return found


def fold(found: JobStatus, told: Mapping[str, Any]) -> None:
    """Take in one more event. One that an older or newer version wrote otherwise is left out, and no other with it."""
    found.last = told["at"]
    event = decode(told)
    if event is None:
        return
    with suppress(TypeError):  # a value of another type than it should be
        if isinstance(event, ev.RunStarted):
            _begin_run(found, event, told)
        else:
            _fold_job(found, event)
        if node := getattr(event, "node", ""):
            _fold_node(found.nodes.setdefault(node, NodeStatus()), event)


def _fold_job(found: JobStatus, event: ev.Event) -> None:  # noqa: C901 - one case an event
    match event:
        case ev.JobPlanned():
            found.frames = max(found.frames, event.frames)  # a run may be for some of the job's frames only
            found.pixel_samples, found.pixel_samples_done = event.pixel_samples, 0
        case ev.ExpectedWorkChanged():
            found.pixel_samples = event.pixel_samples
        case ev.UnitReused():
            found.pixel_samples_done = max(found.pixel_samples_done, event.pixel_samples_done)
        case ev.UnitFinished():
            found.pixel_samples_done = max(found.pixel_samples_done, event.pixel_samples_done)
            found.seconds_left = event.seconds_left
        case ev.FrameWritten():
            found.written[event.frame] = event.outputs
        case ev.FrameFailed():
            found.failed[event.frame] = (event.reason, event.last_words)
        case ev.FramesChecked():
            found.flagged = {}
        case ev.FrameFlagged():
            found.flagged[event.frame] = (event.fault.value, event.sentence)
        case ev.ProductMade():
            found.products[event.product] = event.output
        case ev.RunSkipped():
            found.skipped = (found.last, event.why)
        case ev.JobSuspending():
            found.state, found.sentence = RunState.ENDING, event.why
        case ev.RunEnded():
            _end_run(found, event)
        case _:
            pass


def _begin_run(found: JobStatus, event: ev.RunStarted, told: Mapping[str, Any]) -> None:
    if found.last_runs and not found.last_runs[-1].ended:
        found.last_runs[-1].state = RunState.LOST
    found.runs += 1
    found.state, found.sentence, found.failed, found.started = RunState.RUNNING, "", {}, found.last
    found.run_started, found.seconds_left = dict(told), None
    _nodes_gone(found)
    run = RunStatus(started=found.last, host=event.host, flow_run=event.flow_run)
    found.last_runs = [*found.last_runs, run][-RUNS_KEPT:]


def _end_run(found: JobStatus, event: ev.RunEnded) -> None:
    found.state, found.sentence = event.state, event.sentence
    found.seconds_left = None
    _nodes_gone(found)
    if found.last_runs:
        found.last_runs[-1].ended, found.last_runs[-1].state = found.last, found.state


def _nodes_gone(found: JobStatus) -> None:
    for node in found.nodes.values():
        node.state, node.under_way = "gone", []


def _fold_node(node: NodeStatus, event: ev.Event) -> None:  # noqa: C901 - one case an event
    match event:
        case ev.NodeJoined():
            node.state = "there"
        case ev.NodeWithheld():
            node.state = f"withheld: {event.why}"
        case ev.NodeRefused():
            node.state = f"takes no part: {event.reason}"
        case ev.NodeExcluded():
            node.state = f"set aside: {event.reason}"
        case ev.NodeLost():
            node.state, node.under_way = "gone", []
        case ev.UnitStarted():
            node.under_way.append(_unit(event.block))
        case ev.UnitFinished():
            node.units += 1
            node.seconds += event.record.wall_s
            _ended(node, event.block)
        case ev.UnitAttemptFailed():
            node.failures += 1
            _ended(node, event.block)
        case ev.UnitWasted():
            _ended(node, event.block)
        case _:
            pass


def _ended(node: NodeStatus, block: Block) -> None:
    unit = _unit(block)
    if unit in node.under_way:
        node.under_way.remove(unit)


def _unit(block: Block) -> str:
    """Name a unit as a person may find it in the picture."""
    samples, r = block.samples, block.region
    return f"frame {block.frame}, samples {samples.start}-{samples.stop - 1} of {r.x0},{r.y0},{r.x1},{r.y1}"
