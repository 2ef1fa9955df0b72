"""Status of a job, as a fold over its record: state, frames, nodes, failures. Pure."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from frontburner import events as ev
from frontburner.events import RunState
from frontburner.record.event_codec import decode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from frontburner.plan.block import Block

HEARTBEAT_TIMEOUT = timedelta(seconds=20)
"""A run whose record doesn't grow for this long is lost: it has a heartbeat every five seconds."""
CONFIRM_TIMEOUT = timedelta(seconds=10)
"""How long to wait for a heartbeat of a run that seems lost, since a clock may be wrong."""
MAX_RUNS = 20
_OPEN = (RunState.RUNNING, RunState.ENDING)


@dataclass(slots=True, kw_only=True)
class NodeStatus:
    """What a node did for a job, over all runs, and its units in flight."""

    state: str = "gone"
    units: int = 0
    seconds: float = 0.0
    failures: int = 0
    under_way: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class RunStatus:
    """One run of a job: when and where it began, and how it ended."""

    started: str
    host: str = ""
    flow_run: str = ""
    ended: str = ""
    state: RunState = RunState.RUNNING


@dataclass(slots=True, kw_only=True)
class JobStatus:
    """Status of a job. ``run_started`` is the first event of the last run, encoded as in the record."""

    job_id: str
    state: RunState = RunState.LOST
    sentence: str = ""
    runs: int = 0
    started: str = ""
    last: str = ""
    frames: int = 0
    written: dict[int, tuple[str, ...]] = field(default_factory=dict)
    failed: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Reason and last output of the renderer, of each frame that failed in the last run."""
    flagged: dict[int, tuple[str, str]] = field(default_factory=dict)
    """Fault and sentence of each frame that was flagged by the last check."""
    products: dict[str, str] = field(default_factory=dict)
    """Locations of movies and contact sheet."""
    skipped: tuple[str, str] | None = None
    """When a scheduled run was last skipped, and why."""
    pixel_samples: int = 0
    pixel_samples_done: int = 0
    seconds_left: float | None = None
    build: str = ""
    """The renderer's build in the last run that chose one; empty in records of versions that knew one platform."""
    build_sentence: str = ""
    """Why it is that one, and which nodes are left out."""
    nodes: dict[str, NodeStatus] = field(default_factory=dict)
    run_started: dict[str, Any] = field(default_factory=dict)
    last_runs: list[RunStatus] = field(default_factory=list)

    @property
    def fraction(self) -> float:
        """Fraction of the last run's work that is done."""
        if self.state is RunState.COMPLETED:
            return 1.0
        return min(1.0, self.pixel_samples_done / self.pixel_samples) if self.pixel_samples else 0.0

    @property
    def run(self) -> ev.RunStarted | None:
        """First event of the last run; None before the first run."""
        event = decode(self.run_started)
        return event if isinstance(event, ev.RunStarted) else None

    @property
    def job(self) -> Mapping[str, Any]:
        """Document of the job, as of its last run; empty before the first run."""
        return self.run.job if self.run else {}

    def state_at(self, now: datetime) -> RunState:
        """State at a time: a run whose heartbeat is overdue is lost."""
        return RunState.LOST if self.open and self.heartbeat_overdue(now) else self.state

    def heartbeat_overdue(self, now: datetime) -> bool:
        """Whether its last event is far from now: the run is lost, or a clock is wrong."""
        return bool(self.last) and abs(now - datetime.fromisoformat(self.last)) > HEARTBEAT_TIMEOUT

    def running(self, now: datetime) -> bool:
        """Whether it has a run."""
        return self.state_at(now) in _OPEN

    @property
    def open(self) -> bool:
        """Whether its last run hasn't recorded its end."""
        return self.state in _OPEN

    def advice(self, now: datetime) -> str:
        """Return the command that continues it; empty if there is nothing to do."""
        match self.state_at(now):
            case RunState.RUNNING | RunState.ENDING | RunState.COMPLETED:
                return ""
            case RunState.FAILED:
                return f"Fix the cause, then: frontburner job rerun {self.job_id} --failed"
            case RunState.SUSPENDED | RunState.CANCELLED | RunState.BROKEN:
                return f"To continue: frontburner job resume {self.job_id}"
            case RunState.LOST:
                return f"Its process ended unexpectedly. To continue: frontburner job resume {self.job_id}"

    def nodes_at(self, now: datetime) -> dict[str, NodeStatus]:
        """Return its nodes at a time: those of a lost run are gone, with nothing in flight."""
        if self.running(now):
            return self.nodes
        return {name: replace(node, state="gone", under_way=[]) for name, node in self.nodes.items()}

    def document(self, now: datetime) -> dict[str, Any]:
        """Return it as plain JSON values."""
        return {
            "job_id": self.job_id,
            "state": self.state_at(now).value,
            "sentence": self.sentence,
            "build": self.build,
            "build_sentence": self.build_sentence,
            "advice": self.advice(now),
            "progress": round(self.fraction, 4),
            "frames": self.frames,
            "written": len(self.written),
            "failed": {frame: {"reason": why, "last_words": words} for frame, (why, words) in self.failed.items()},
            "flagged": {frame: {"fault": fault, "sentence": text} for frame, (fault, text) in self.flagged.items()},
            "products": self.products,
            "seconds_left": self.seconds_left,
            "runs": self.runs,
            "started": self.started,
            "last": self.last,
            "last_runs": [asdict(run) | {"state": run.state.value} for run in self.last_runs],
            "nodes": {
                name: asdict(node) | {"seconds": round(node.seconds, 3)} for name, node in self.nodes_at(now).items()
            },
        }


def fold(status: JobStatus, line: Mapping[str, Any]) -> None:
    """Fold in the next event, encoded as in the record. One that this version can't decode is skipped."""
    status.last = line["at"]
    event = decode(line)
    if event is None:
        return
    with suppress(TypeError):  # a value of the wrong type
        if isinstance(event, ev.RunStarted):
            _begin_run(status, event, line)
        else:
            _fold_job(status, event)
        if node := getattr(event, "node", ""):
            _fold_node(status.nodes.setdefault(node, NodeStatus()), event)


def _fold_job(status: JobStatus, event: ev.Event) -> None:  # noqa: C901 - one case an event
    match event:
        case ev.JobPlanned():
            status.frames = max(status.frames, event.frames)  # a run may be for some of the job's frames only
            status.pixel_samples, status.pixel_samples_done = event.pixel_samples, 0
        case ev.BuildChosen():
            status.build, status.build_sentence = event.build, event.sentence
        case ev.ExpectedWorkChanged():
            status.pixel_samples = event.pixel_samples
        case ev.UnitReused():
            status.pixel_samples_done = max(status.pixel_samples_done, event.pixel_samples_done)
        case ev.UnitFinished():
            status.pixel_samples_done = max(status.pixel_samples_done, event.pixel_samples_done)
            status.seconds_left = event.seconds_left
        case ev.FrameWritten():
            status.written[event.frame] = event.outputs
        case ev.FrameFailed():
            status.failed[event.frame] = (event.reason, event.last_words)
        case ev.FramesChecked():
            status.flagged = {}
        case ev.FrameFlagged():
            status.flagged[event.frame] = (event.fault.value, event.sentence)
        case ev.ProductMade():
            status.products[event.product] = event.output
        case ev.RunSkipped():
            status.skipped = (status.last, event.why)
        case ev.JobSuspending():
            status.state, status.sentence = RunState.ENDING, event.why
        case ev.RunEnded():
            _end_run(status, event)
        case _:
            pass


def _begin_run(status: JobStatus, event: ev.RunStarted, line: Mapping[str, Any]) -> None:
    if status.last_runs and not status.last_runs[-1].ended:
        status.last_runs[-1].state = RunState.LOST
    status.runs += 1
    status.state, status.sentence, status.failed, status.started = RunState.RUNNING, "", {}, status.last
    status.run_started, status.seconds_left = dict(line), None
    _end_nodes(status)
    run = RunStatus(started=status.last, host=event.host, flow_run=event.flow_run)
    status.last_runs = [*status.last_runs, run][-MAX_RUNS:]


def _end_run(status: JobStatus, event: ev.RunEnded) -> None:
    status.state, status.sentence = event.state, event.sentence
    status.seconds_left = None
    _end_nodes(status)
    if status.last_runs:
        status.last_runs[-1].ended, status.last_runs[-1].state = status.last, status.state


def _end_nodes(status: JobStatus) -> None:
    for node in status.nodes.values():
        node.state, node.under_way = "gone", []


def _fold_node(node: NodeStatus, event: ev.Event) -> None:  # noqa: C901 - one case an event
    match event:
        case ev.NodeJoined():
            node.state = "there"  # texts of states are in stored snapshots and `--json`: they don't change
        case ev.NodeWithheld():
            node.state = f"withheld: {event.why}"
        case ev.NodeRefused() | ev.NodeLeftOut():
            node.state = f"takes no part: {event.reason}"
        case ev.NodeExcluded():
            node.state = f"set aside: {event.reason}"
        case ev.NodeLost():
            node.state, node.under_way = "gone", []
        case ev.UnitStarted():
            node.under_way.append(_unit_name(event.block))
        case ev.UnitFinished():
            node.units += 1
            node.seconds += event.record.wall_s
            _end_unit(node, event.block)
        case ev.UnitAttemptFailed():
            node.failures += 1
            _end_unit(node, event.block)
        case ev.UnitWasted():
            _end_unit(node, event.block)
        case _:
            pass


def _end_unit(node: NodeStatus, block: Block) -> None:
    unit = _unit_name(block)
    if unit in node.under_way:
        node.under_way.remove(unit)


def _unit_name(block: Block) -> str:
    """Describe a unit by its frame, samples and region."""
    samples, r = block.samples, block.region
    return f"frame {block.frame}, samples {samples.start}-{samples.stop - 1} of {r.x0},{r.y0},{r.x1},{r.y1}"
