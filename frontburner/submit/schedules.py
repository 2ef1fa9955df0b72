"""Jobs by schedule: each is a Prefect deployment of its own, so Prefect's server keeps and fires it."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.flows import Flow

    from frontburner.control.conditions import Conditions
    from frontburner.jobs.job import RenderJob

TAG = "frontburner-schedule"
POOL = "frontburner"
REPORT = "morning report"
LOOK_BACK = 5
"""Completed runs a forecast is made of."""


@dataclass(kw_only=True, eq=False)
class NoSchedule(FrontburnerError):
    """A schedule that isn't there, or can't be made as it was asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """A cron line and the time zone it is meant in."""

    cron: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule as Prefect has it.

    Parameters
    ----------
    job
        The job's document; empty for the morning report.
    next_run
        When it begins next; None where it is paused.
    last
        State of its last run, and when that began.
    forecast
        How long it will take, as far as earlier runs tell.
    """

    name: str
    when: When
    paused: bool
    job: dict[str, Any]
    conditions: dict[str, Any]
    next_run: datetime | None
    last: tuple[str, datetime] | None
    forecast: Forecast | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """How long a run takes: half of the earlier ones took less, and the longest took so much."""

    usual_s: float
    longest_s: float
    runs: int


def forecast(took_s: Sequence[float]) -> Forecast | None:
    """Say how long a run will take, from how long the last ones took; None where there was none."""
    if not took_s:
        return None
    return Forecast(usual_s=median(took_s), longest_s=max(took_s), runs=len(took_s))


def add_job(server: str, name: str, job: RenderJob, when: When, conditions: Conditions) -> None:
    """Have a job rendered by schedule; one of the same name is replaced."""
    from flows.render import render

    parameters = {
        "job": job.model_dump(mode="json", exclude_unset=True),
        "conditions": conditions.model_dump(mode="json"),
    }
    _deploy(server, render, name, when, parameters, f"{job.title}, by schedule")


def add_report(server: str, when: When, *, since_h: float, notify: Sequence[str]) -> None:
    """Have the morning report made by schedule, in place of the one before."""
    from flows.morning import morning

    parameters = {"since_h": since_h, "notify": list(notify)}
    _deploy(server, morning, REPORT, when, parameters, "What became of the jobs of a night")


def schedules(server: str) -> list[Schedule]:
    """Return all schedules that were added, by their names."""
    with _asking(server) as client:
        return sorted((_schedule(client, each) for each in _deployments(client)), key=lambda each: each.name)


def remove(server: str, name: str) -> None:
    """Take a schedule away. A run that is under way goes on. Raises `NoSchedule`."""
    with _asking(server) as client:
        client.delete_deployment(_find(client, name).id)


def set_paused(server: str, name: str, *, paused: bool) -> None:
    """Have a schedule begin no runs, or begin them again. Raises `NoSchedule`."""
    with _asking(server) as client:
        own = _find(client, name)
        (client.pause_deployment if paused else client.resume_deployment)(own.id)


def _deploy(server: str, flow: Flow[..., Any], name: str, when: When, parameters: dict[str, Any], what: str) -> None:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType
    from pydantic import ValidationError

    try:
        CronSchedule(cron=when.cron, timezone=when.timezone)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise NoSchedule(
            reason=f"{problem['loc'][0]} '{problem['input']}': {problem['msg']}.",
            remedy='Write minute, hour, day, month and weekday: --cron "0 22 * * mon-fri" --timezone Europe/Vienna.',
        ) from None
    with _asking(server) as client:
        _require_pool(client)
        deployment = flow.to_deployment(
            name=name,
            schedule=Cron(when.cron, timezone=when.timezone),
            parameters=parameters,
            description=what,
            tags=["frontburner", TAG],
            work_pool_name=POOL,
            concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        deployment.apply()  # type: ignore[union-attr]


def _require_pool(client: SyncPrefectClient) -> None:
    """Make the work pool that deployments name, if there is none yet."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    try:
        client.read_work_pool(POOL)
    except ObjectNotFound:
        with suppress(ObjectAlreadyExists):
            client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))


def _deployments(client: SyncPrefectClient) -> list[DeploymentResponse]:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags

    return client.read_deployments(deployment_filter=DeploymentFilter(tags=DeploymentFilterTags(all_=[TAG])))


def _find(client: SyncPrefectClient, name: str) -> DeploymentResponse:
    known = _deployments(client)
    for each in known:
        if each.name == name:
            return each
    raise NoSchedule(
        reason=f"There is no schedule '{name}'.",
        remedy=f"Known are: {', '.join(sorted(each.name for each in known)) or 'none'}.",
    )


def _schedule(client: SyncPrefectClient, own: DeploymentResponse) -> Schedule:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
    from prefect.client.schemas.sorting import FlowRunSort

    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[own.id])),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=100,
    )
    begun = [run for run in runs if run.start_time is not None]
    coming = [run.expected_start_time for run in runs if run.state is not None and run.state.is_scheduled()]
    schedule = own.schedules[0].schedule if own.schedules else None
    return Schedule(
        name=own.name,
        when=When(cron=getattr(schedule, "cron", ""), timezone=getattr(schedule, "timezone", "") or "UTC"),
        paused=own.paused,
        job=own.parameters.get("job", {}),
        conditions=own.parameters.get("conditions", {}),
        next_run=min(filter(None, coming), default=None),
        last=_last(begun),
        forecast=forecast([run.total_run_time.total_seconds() for run in begun if _rendered(run)][:LOOK_BACK]),
    )


def _last(begun: Sequence[FlowRun]) -> tuple[str, datetime] | None:
    run = next(iter(begun), None)
    return None if run is None or run.start_time is None else (run.state_name or "", run.start_time)


def _rendered(run: FlowRun) -> bool:
    """Whether a run was completed, and not skipped."""
    return run.state is not None and run.state.is_completed() and run.state.name == "Completed"


@contextmanager
def _asking(server: str) -> Iterator[SyncPrefectClient]:
    """Ask a Prefect server, with its failures in sentences."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    try:
        with temporary_settings({PREFECT_API_URL: server}), get_client(sync_client=True) as client:
            yield client
    except (httpx.HTTPError, RuntimeError) as error:
        raise FrontburnerError(
            reason=f"Prefect at {server} can't be asked: {error or type(error).__name__}.",
            remedy="Start its server, or set PREFECT_API_URL to the right one.",
            retryable=True,
        ) from error
