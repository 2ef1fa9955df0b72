"""Recovers the runs that were in flight when the farm went down: resumes them, or submits their jobs again.

It doesn't look at what they had done: a resumed run finds that in the store, and plans what is missing.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

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

MAX_RUNS = 20
"""A run that was started this often isn't resumed: it may be what brings the machine down."""
OUTAGE_MARGIN = timedelta(seconds=60)
"""A run that ended this shortly before the farm went down ended because of it."""
DEPLOYMENT = "render/still"
"""Accepts any job, so jobs that were rendered without a deployment resume as its runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecovery:
    """Recovers runs before the farm's worker starts.

    Parameters
    ----------
    pool
        The worker's work pool. None of its runs can be running, since the worker hasn't started.
    down_at
        When the farm was last alive; None if there was no outage.
    """

    client: SyncPrefectClient
    pool: str
    down_at: datetime | None

    def resume_runs(self) -> Iterator[str]:
        """Reschedule runs of deployments that lost their process; yields a line for each."""
        from prefect.states import AwaitingRetry, Crashed

        for run in self._lost_runs():
            if run.run_count >= MAX_RUNS:
                reason = f"It lost its process {run.run_count} times and isn't resumed again."
                self.client.set_flow_run_state(run.id, Crashed(message=reason), force=True)
                yield f"The run {run.name}: {reason}"
                continue
            reason = "Its process ended with the farm; it resumes from the store."
            now = datetime.now(UTC)
            self.client.set_flow_run_state(run.id, AwaitingRetry(scheduled_time=now, message=reason), force=True)
            yield f"The run {run.name} resumes."

    def resubmit_jobs(self) -> Iterator[str]:
        """Run jobs of this machine's commands that were interrupted as a deployment; yields a line for each."""
        from prefect.deployments import run_deployment

        for job, status in self._interrupted_jobs():
            run_deployment(DEPLOYMENT, parameters={"job": status.job}, timeout=0, as_subflow=False)
            yield f"The job {job.job_id} resumes as a run of {DEPLOYMENT}."

    def _lost_runs(self) -> list[FlowRun]:
        """Return the runs whose process is gone, whether Prefect has noticed or not."""
        crashed = self._runs("CRASHED") if self.down_at is not None else []
        return [*self._runs("RUNNING", "PENDING"), *(run for run in crashed if self._is_in_outage(run.end_time))]

    def _runs(self, *states: str) -> list[FlowRun]:
        from prefect.client.schemas.filters import FlowRunFilter, WorkPoolFilter
        from prefect.client.schemas.sorting import FlowRunSort

        return self.client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate({"state": {"type": {"any_": states}}}),
            work_pool_filter=WorkPoolFilter.model_validate({"name": {"any_": [self.pool]}}),
            sort=FlowRunSort.START_TIME_DESC,
            limit=200,
        )

    def _is_in_outage(self, ended: datetime | None) -> bool:
        return ended is not None and self.down_at is not None and ended >= self.down_at - OUTAGE_MARGIN

    def _interrupted_jobs(self) -> Iterator[tuple[JobLocation, JobStatus]]:
        """Yield the jobs without a deployment that lost their process in the outage and should run."""
        scheduler = os.environ.get("FRONTBURNER_SCHEDULER", "")
        for job in list_jobs():
            if job.note.get("scheduler") != scheduler:
                continue
            try:
                status = status_of(job.store, job.job_id)
                is_wanted = desired_state_of(job.store, job.job_id) is DesiredState.RUN
            except FrontburnerError:
                continue  # its store is unreachable, so the job couldn't be rendered either
            last = datetime.fromisoformat(status.last) if status.last else None
            has_no_deployment = status.job and status.run and not status.run.deployment
            is_lost = status.state_at(datetime.now(UTC)) is RunState.LOST
            if is_lost and is_wanted and has_no_deployment and self._is_in_outage(last):
                yield job, status
