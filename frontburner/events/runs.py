"""Events of a job's run as a whole: its start and end, its time limit and deadline, and the stages of a chain."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from frontburner.events.context import Event

if TYPE_CHECKING:
    from collections.abc import Mapping


class RunState(StrEnum):
    """State of a job's run."""

    RUNNING = "running"
    ENDING = "ending its units"
    COMPLETED = "completed"
    FAILED = "frames failed"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    BROKEN = "stopped by an error"
    LOST = "lost"
    """Its process ended without recording why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run of a job began.

    Parameters
    ----------
    job
        The job document.
    host, pid
        Machine and process of the run.
    flow_run, deployment
        Ids of Prefect's flow run, and of the deployment it came from; empty if there is none.
    scheduler, prefect_api
        Addresses of the farm's scheduler and of the Prefect server.
    """

    job_id: str
    job: Mapping[str, Any]
    host: str
    pid: int
    flow_run: str = ""
    deployment: str = ""
    scheduler: str = ""
    prefect_api: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heartbeat(Event):
    """A run is alive: recorded when nothing else happened for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsDropped(Event):
    """The store was unavailable for so long that this many events are missing from the record."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSuspending(Event):
    """A run hands out no more units; it ends when those already rendering are done."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """A run of a job ended; ``sentence`` says why, if the state alone doesn't."""

    state: RunState
    sentence: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeLimitReached(Event):
    """The job's time limit is reached; ``early`` if before its first pass is complete, which it still finishes."""

    early: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedWorkChanged(Event):
    """Pixel-samples, earlier runs included, that are now expected to be rendered when a limit ends the job."""

    pixel_samples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineForecast(Event):
    """Whether a job is expected to meet its deadline; ``made_it`` says whether it did, once it is done.

    Parameters
    ----------
    due, expected_end
        ISO date-times.
    spare_s
        Seconds between them; negative if late.
    news
        Whether the sentence differs in substance from the last one.
    """

    due: str
    expected_end: str
    spare_s: float
    sentence: str
    news: bool
    made_it: bool | None = None


class StageState(StrEnum):
    """How a stage of a chain ended."""

    COMPLETED = "completed"
    REUSED = "reused"
    FAILED = "failed"
    SKIPPED = "left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBegan(Event):
    """Stage ``number`` of ``of`` of a chain began."""

    name: str
    number: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEnded(Event):
    """A stage of a chain ended or was skipped; ``reason`` says why if it isn't complete."""

    name: str
    state: StageState
    reason: str = ""
