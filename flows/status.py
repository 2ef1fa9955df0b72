"""How a job stands, as a fold over its record: state, frames, nodes, failures. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from flows.events import RunState

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SILENT_AFTER = timedelta(seconds=20)
"""A run that says nothing for so long is lost: it says that it is alive every five seconds."""
_OPEN = (RunState.RUNNING, RunState.ENDING)


@dataclass(slots=True, kw_only=True)
class NodeStatus:
    """What a node did for a job, over all runs."""

    state: str = "gone"
    units: int = 0
    seconds: float = 0.0
    failures: int = 0


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
    pixel_samples: int = 0
    pixel_samples_done: int = 0
    seconds_left: float | None = None
    nodes: dict[str, NodeStatus] = field(default_factory=dict)
    run_started: Mapping[str, Any] = field(default_factory=dict)

    @property
    def fraction(self) -> float:
        """How much of what the last run was for is done."""
        if self.state is RunState.COMPLETED:
            return 1.0
        return min(1.0, self.pixel_samples_done / self.pixel_samples) if self.pixel_samples else 0.0

    def stand(self, now: datetime) -> RunState:
        """How it stands now: a run that fell silent is lost."""
        silent = self.last and now - datetime.fromisoformat(self.last) > SILENT_AFTER
        return RunState.LOST if self.state in _OPEN and silent else self.state

    def running(self, now: datetime) -> bool:
        """Whether a run of it is under way."""
        return self.stand(now) in _OPEN

    def document(self, now: datetime) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "job_id": self.job_id,
            "state": self.stand(now).value,
            "sentence": self.sentence,
            "progress": round(self.fraction, 4),
            "frames": self.frames,
            "written": len(self.written),
            "failed": {frame: {"reason": why, "last_words": words} for frame, (why, words) in self.failed.items()},
            "seconds_left": self.seconds_left,
            "runs": self.runs,
            "started": self.started,
            "last": self.last,
            "nodes": {
                name: {"state": node.state, "units": node.units, "seconds": round(node.seconds, 3),
                       "failures": node.failures}
                for name, node in self.nodes.items()
            },
        }  # fmt: skip


def status(job_id: str, told: Iterable[Mapping[str, Any]]) -> JobStatus:
    """Fold a job's record."""
    found = JobStatus(job_id=job_id)
    for event in told:
        fold(found, event)
    return found


def fold(found: JobStatus, event: Mapping[str, Any]) -> None:  # noqa: C901 - one case an event
    """Take in one more event."""
    found.last = event["at"]
    match event["what"]:
        case "run started":
            found.runs += 1
            found.state, found.sentence, found.failed, found.started = RunState.RUNNING, "", {}, event["at"]
            found.run_started, found.seconds_left = event, None
            for node in found.nodes.values():
                node.state = "gone"
        case "job planned":
            found.frames, found.pixel_samples, found.pixel_samples_done = event["frames"], event["pixel_samples"], 0
        case "goal moved":
            found.pixel_samples = event["pixel_samples"]
        case "unit finished" | "unit reused":
            found.pixel_samples_done = max(found.pixel_samples_done, event["pixel_samples_done"])
            found.seconds_left = event.get("seconds_left", found.seconds_left)
        case "frame written":
            found.written[event["frame"]] = tuple(event["outputs"])
        case "frame failed":
            found.failed[event["frame"]] = (event["reason"], event.get("last_words", ""))
        case "job suspending":
            found.state, found.sentence = RunState.ENDING, event["why"]
        case "run ended":
            found.state, found.sentence = RunState(event["state"]), event["sentence"]
            found.seconds_left = None
        case _:
            pass
    if "node" in event:
        _fold_node(found.nodes.setdefault(event["node"], NodeStatus()), event)


def _fold_node(node: NodeStatus, event: Mapping[str, Any]) -> None:
    match event["what"]:
        case "node joined":
            node.state = "there"
        case "node withheld":
            node.state = f"withheld: {event['why']}"
        case "node refused":
            node.state = f"takes no part: {event['reason']}"
        case "node lost":
            node.state = "gone"
        case "unit finished":
            node.units += 1
            node.seconds += event["wall_s"]
        case "unit attempt failed":
            node.failures += 1
        case _:
            pass
