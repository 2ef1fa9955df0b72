"""Runs that were under way when the farm went down go on: they are given back to the worker, or asked for anew.

Nothing is known here of what they had done: the store is. A run that goes on plans what is missing there.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from frontburner.control.desired_state import DesiredState, desired_state_of
from frontburner.events import RunState
from frontburner.record.registry import list_jobs
from frontburner.record.snapshot import status_of
from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from frontburner.record.job_status import JobStatus
    from frontburner.record.registry import JobLocation

MOST_TIMES = 20
"""A run that was given back so often is left alone: perhaps it is what brings the machine down."""
AROUND = timedelta(seconds=60)
"""A run whose process ended so shortly before the farm, or after it, went down with it."""
DEPLOYMENT = "render/still"
"""Its parameters are any job's: what was rendered without a deployment goes on as a run of this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecovery:
    """Sees to what was under way.

    Parameters
    ----------
    pool
        The work pool of the farm's worker; none of its runs is under way, since that worker hasn't begun.
    down_at
        When the farm was last seen alive; None where it never was.
    """

    client: SyncPrefectClient
    pool: str
    down_at: datetime | None

    def give_back(self) -> Iterator[str]:
        """Give runs of deployments that lost their process back to the worker; says of each what was done."""
        from prefect.states import AwaitingRetry, Crashed

        for run in self._lost():
            if run.run_count >= MOST_TIMES:
                why = f"It lost its process {run.run_count} times and isn't given back again."
                self.client.set_flow_run_state(run.id, Crashed(message=why), force=True)
                yield f"The run {run.name}: {why}"
                continue
            why = "Its process ended with the farm; it goes on from the store."
            now = datetime.now(UTC)
            self.client.set_flow_run_state(run.id, AwaitingRetry(scheduled_time=now, message=why), force=True)
            yield f"The run {run.name} goes on."

    def start_again(self) -> Iterator[str]:
        """Have jobs rendered as runs of a deployment that commands on this machine rendered when the farm went down."""
        from prefect.deployments import run_deployment

        for place, status in self._jobs_of_commands():
            run_deployment(DEPLOYMENT, parameters={"job": status.job}, timeout=0, as_subflow=False)
            yield f"The job {place.job_id} goes on, as a run of {DEPLOYMENT}."

    def _lost(self) -> list[FlowRun]:
        """Return the runs whose process is gone, whether Prefect has noticed or not."""
        from prefect.client.schemas.objects import StateType

        going = (StateType.RUNNING, StateType.PENDING)
        crashed = self._runs(StateType.CRASHED) if self.down_at is not None else []
        return [*self._runs(*going), *(run for run in crashed if self._with_the_farm(run.end_time))]

    def _runs(self, *states: Any) -> list[FlowRun]:  # noqa: ANN401 - Prefect's states, loaded late
        from prefect.client.schemas.filters import (
            FlowRunFilter,
            FlowRunFilterState,
            FlowRunFilterStateType,
            WorkPoolFilter,
            WorkPoolFilterName,
        )
        from prefect.client.schemas.sorting import FlowRunSort

        return self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[self.pool])),
            sort=FlowRunSort.START_TIME_DESC,
            limit=200,
        )

    def _with_the_farm(self, ended: datetime | None) -> bool:
        return ended is not None and self.down_at is not None and ended >= self.down_at - AROUND

    def _jobs_of_commands(self) -> Iterator[tuple[JobLocation, JobStatus]]:
        """Give the jobs that are wanted and lost their process with the farm, and had no deployment."""
        scheduler = os.environ.get("FRONTBURNER_SCHEDULER", "")
        for place in list_jobs():
            if place.note.get("scheduler") != scheduler:
                continue
            try:
                status = status_of(place.store, place.job_id)
                wanted = desired_state_of(place.store, place.job_id) is DesiredState.RUN
            except FrontburnerError:
                continue  # its store is away: it can't be told, and couldn't be rendered
            last = datetime.fromisoformat(status.last) if status.last else None
            ours = status.job and status.run and not status.run.deployment
            if status.state_at(datetime.now(UTC)) is RunState.LOST and wanted and ours and self._with_the_farm(last):
                yield place, status
