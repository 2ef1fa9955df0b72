"""How a job stands, as a fold over its record: state, frames, nodes, failures. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from frontburner.events import RunState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALIVE = "alive"
"""What a run says when nothing else happened for a while."""
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
    """All that is told of a job. ``run_started`` is the last run's first event."""

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


def fold(found: JobStatus, event: Mapping[str, Any]) -> None:
    """Take in one more event. One that an older or newer version wrote otherwise is left out, and no other with it."""
    found.last = event["at"]
    try:
        _fold_job(found, event)
        if event.get("node"):
            _fold_node(found.nodes.setdefault(event["node"], NodeStatus()), event)
    except (KeyError, ValueError, TypeError):
        return


def _fold_job(found: JobStatus, event: Mapping[str, Any]) -> None:  # noqa: C901 - one case an event
    match event["what"]:
        case "run started":
            _begin_run(found, event)
        case "job planned":
            found.frames = max(found.frames, event["frames"])  # a run may be for some of the job's frames only
            found.pixel_samples, found.pixel_samples_done = event["pixel_samples"], 0
        case "goal moved":
            found.pixel_samples = event["pixel_samples"]
        case "unit finished" | "unit reused":
            found.pixel_samples_done = max(found.pixel_samples_done, event["pixel_samples_done"])
            found.seconds_left = event.get("seconds_left", found.seconds_left)
        case "frame written":
            found.written[event["frame"]] = tuple(event["outputs"])
        case "frame failed":
            found.failed[event["frame"]] = (event["reason"], event.get("last_words", ""))
        case "frames checked":
            found.flagged = {}
        case "frame flagged":
            found.flagged[event["frame"]] = (event["fault"], event["sentence"])
        case "product made":
            found.products[event["product"]] = event["output"]
        case "run skipped":
            found.skipped = (event["at"], event["why"])
        case "job suspending":
            found.state, found.sentence = RunState.ENDING, event["why"]
        case "run ended":
            _end_run(found, event)
        case _:
            pass


def _begin_run(found: JobStatus, event: Mapping[str, Any]) -> None:
    if found.last_runs and not found.last_runs[-1].ended:
        found.last_runs[-1].state = RunState.LOST
    found.runs += 1
    found.state, found.sentence, found.failed, found.started = RunState.RUNNING, "", {}, event["at"]
    found.run_started, found.seconds_left = dict(event), None
    _nodes_gone(found)
    run = RunStatus(started=event["at"], host=event.get("host", ""), flow_run=event.get("flow_run", ""))
    found.last_runs = [*found.last_runs, run][-RUNS_KEPT:]


def _end_run(found: JobStatus, event: Mapping[str, Any]) -> None:
    found.state, found.sentence = RunState(event["state"]), event.get("sentence", "")
    found.seconds_left = None
    _nodes_gone(found)
    if found.last_runs:
        found.last_runs[-1].ended, found.last_runs[-1].state = event["at"], found.state


def _nodes_gone(found: JobStatus) -> None:
    for node in found.nodes.values():
        node.state, node.under_way = "gone", []


def _fold_node(node: NodeStatus, event: Mapping[str, Any]) -> None:  # noqa: C901 - one case an event
    match event["what"]:
        case "node joined":
            node.state = "there"
        case "node withheld":
            node.state = f"withheld: {event['why']}"
        case "node refused":
            node.state = f"takes no part: {event['reason']}"
        case "node set aside":
            node.state = f"set aside: {event['reason']}"
        case "node lost":
            node.state, node.under_way = "gone", []
        case "unit started":
            node.under_way.append(_unit(event))
        case "unit finished":
            node.units += 1
            node.seconds += event["wall_s"]
            _ended(node, event)
        case "unit attempt failed":
            node.failures += 1
            _ended(node, event)
        case "unit wasted":
            _ended(node, event)
        case _:
            pass


def _ended(node: NodeStatus, event: Mapping[str, Any]) -> None:
    unit = _unit(event)
    if unit in node.under_way:
        node.under_way.remove(unit)


def _unit(event: Mapping[str, Any]) -> str:
    """Name a unit as a person may find it in the picture."""
    (first, stop), region = event["samples"], ",".join(map(str, event["region"]))
    return f"frame {event['frame']}, samples {first}-{stop - 1} of {region}"
