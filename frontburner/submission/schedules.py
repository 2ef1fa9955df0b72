"""Scheduled jobs: each is a Prefect deployment of its own, so Prefect's server stores and triggers it."""

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
ESTIMATE_RUNS = 5
"""Number of completed runs that an estimate is based on."""


@dataclass(kw_only=True, eq=False)
class ScheduleRefused(FrontburnerError):
    """The schedule doesn't exist, or its cron line or time zone is invalid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CronTime:
    """A cron line and its time zone."""

    line: str
    timezone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A schedule in Prefect.

    Parameters
    ----------
    job
        The job's document; empty for the morning report.
    next_run
        When it runs next; None if it is paused.
    last
        State of its last run, and when that started.
    estimate
        How long the next run takes, going by earlier ones.
    """

    name: str
    cron: CronTime
    paused: bool
    job: dict[str, Any]
    conditions: dict[str, Any]
    next_run: datetime | None
    last: tuple[str, datetime] | None
    estimate: RunEstimate | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEstimate:
    """How long a run takes: the median and the maximum of earlier runs."""

    usual_s: float
    longest_s: float
    runs: int


def estimate(durations_s: Sequence[float]) -> RunEstimate | None:
    """Estimate how long a run takes from the durations of earlier ones; None if there were none."""
    if not durations_s:
        return None
    return RunEstimate(usual_s=median(durations_s), longest_s=max(durations_s), runs=len(durations_s))


def add_job(server: str, name: str, job: RenderJob, cron: CronTime, conditions: Conditions) -> None:
    """Schedule a job; a schedule of the same name is replaced."""
    from flows.render import render

    parameters = {
        "job": job.model_dump(mode="json", exclude_unset=True),
        "conditions": conditions.model_dump(mode="json"),
    }
    _deploy(server, render, name, cron, parameters, f"{job.title}, scheduled")


def add_report(server: str, cron: CronTime, *, since_h: float, notify: Sequence[str]) -> None:
    """Schedule the morning report; an earlier schedule of it is replaced."""
    from flows.morning import morning

    parameters = {"since_h": since_h, "notify": list(notify)}
    _deploy(server, morning, REPORT, cron, parameters, "The results of last night's jobs")


def schedules(server: str) -> list[Schedule]:
    """Return all schedules, sorted by name."""
    with _prefect_client(server) as client:
        found = [_schedule(client, deployment) for deployment in _deployments(client)]
    return sorted(found, key=lambda schedule: schedule.name)


def remove(server: str, name: str) -> None:
    """Remove a schedule. A run that has started goes on. Raises `ScheduleRefused`."""
    with _prefect_client(server) as client:
        client.delete_deployment(_find(client, name).id)


def set_paused(server: str, name: str, *, paused: bool) -> None:
    """Pause or resume a schedule. Raises `ScheduleRefused`."""
    with _prefect_client(server) as client:
        deployment = _find(client, name)
        (client.pause_deployment if paused else client.resume_deployment)(deployment.id)


def _deploy(
    server: str, flow: Flow[..., Any], name: str, cron: CronTime, parameters: dict[str, Any], description: str
) -> None:
    from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
    from prefect.client.schemas.schedules import CronSchedule
    from prefect.schedules import Cron
    from prefect.types.entrypoint import EntrypointType
    from pydantic import ValidationError

    try:
        CronSchedule(cron=cron.line, timezone=cron.timezone)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        raise ScheduleRefused(
            reason=f"{problem['loc'][0]} '{problem['input']}': {problem['msg']}.",
            remedy='Write minute, hour, day, month and weekday: --cron "0 22 * * mon-fri" --timezone Europe/Vienna.',
        ) from None
    with _prefect_client(server) as client:
        _create_pool(client)
        deployment = flow.to_deployment(
            name=name,
            schedule=Cron(cron.line, timezone=cron.timezone),
            parameters=parameters,
            description=description,
            tags=["frontburner", TAG],
            work_pool_name=POOL,
            concurrency_limit=ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        deployment.apply()  # type: ignore[union-attr]


def _create_pool(client: SyncPrefectClient) -> None:
    """Create the work pool of the deployments, unless it exists."""
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
    for deployment in known:
        if deployment.name == name:
            return deployment
    raise ScheduleRefused(
        reason=f"There is no schedule '{name}'.",
        remedy=f"Known schedules: {', '.join(sorted(deployment.name for deployment in known)) or 'none'}.",
    )


def _schedule(client: SyncPrefectClient, deployment: DeploymentResponse) -> Schedule:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
    from prefect.client.schemas.sorting import FlowRunSort

    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=100,
    )
    started = [run for run in runs if run.start_time is not None]
    upcoming = [run.expected_start_time for run in runs if run.state is not None and run.state.is_scheduled()]
    schedule = deployment.schedules[0].schedule if deployment.schedules else None
    durations_s = [run.total_run_time.total_seconds() for run in started if _was_rendered(run)]
    last = next(((run.state_name or "", run.start_time) for run in started if run.start_time is not None), None)
    return Schedule(
        name=deployment.name,
        cron=CronTime(line=getattr(schedule, "cron", ""), timezone=getattr(schedule, "timezone", "") or "UTC"),
        paused=deployment.paused,
        job=deployment.parameters.get("job", {}),
        conditions=deployment.parameters.get("conditions", {}),
        next_run=min(filter(None, upcoming), default=None),
        last=last,
        estimate=estimate(durations_s[:ESTIMATE_RUNS]),
    )


def _was_rendered(run: FlowRun) -> bool:
    """Whether a run completed, rather than being skipped."""
    return run.state is not None and run.state.is_completed() and run.state.name == "Completed"


@contextmanager
def _prefect_client(server: str) -> Iterator[SyncPrefectClient]:
    """Open a client of a Prefect server whose errors become a `FrontburnerError`."""
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    try:
        with temporary_settings({PREFECT_API_URL: server}), get_client(sync_client=True) as client:
            yield client
    except (httpx.HTTPError, RuntimeError) as error:
        raise FrontburnerError(
            reason=f"Prefect at {server} can't be reached: {error or type(error).__name__}.",
            remedy="Start its server, or set PREFECT_API_URL to the right address.",
            retryable=True,
        ) from error
