"""How runs of jobs, and stages of chains, begin and end."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from frontburner.events.announcing import Event

if TYPE_CHECKING:
    from collections.abc import Mapping


class RunState(StrEnum):
    """How a run of a job stands."""

    RUNNING = "running"
    ENDING = "ending its units"
    COMPLETED = "completed"
    FAILED = "frames failed"
    SUSPENDED = "suspended"
    CANCELLED = "cancelled"
    BROKEN = "stopped by an error"
    LOST = "lost"
    """Its process is gone without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted(Event):
    """A run of a job began.

    Parameters
    ----------
    job
        The job document.
    host, pid
        Where it runs.
    flow_run, deployment
        What Prefect calls it, and the deployment it came from; empty if there is none.
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
class Alive(Event):
    """A run goes on: its record says so where nothing else happened for a while."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsDropped(Event):
    """The store was away for so long that so many events are not in the record."""

    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSuspending(Event):
    """A run hands out nothing more: it ends with the units that nodes have begun."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnded(Event):
    """A run of a job ended, and how; ``sentence`` says why where there is more to say."""

    state: RunState
    sentence: str = ""


class StageState(StrEnum):
    """How a stage of a chain ended."""

    COMPLETED = "completed"
    REUSED = "reused"
    FAILED = "failed"
    LEFT_OUT = "left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBegan(Event):
    """A stage of a chain began, the ``number``-th of ``of``."""

    name: str
    number: int
    of: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEnded(Event):
    """A stage of a chain ended, or was left out; ``reason`` says why where it isn't complete."""

    name: str
    state: StageState
    reason: str = ""
