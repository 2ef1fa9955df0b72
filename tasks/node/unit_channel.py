"""The channel between the thread that renders a unit and the job's dispatcher, over the Dask scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distributed import get_worker

from tasks.node.renderer_process import raise_if_cancelled
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from distributed import Worker

    from storage.errors import StoreError
    from tasks.job_context import JobContext
    from tasks.node.renderer_process import Phase
    from tasks.spec import UnitSpec

REPORT_AFTER_S = 5.0
"""A unit is reported once it has waited or been rendered for this long. Most are done earlier and need no report."""


@dataclass(slots=True, kw_only=True)
class UnitChannel:
    """Sends messages about a unit to the job's dispatcher, and knows whether the unit was cancelled."""

    worker: Worker
    key: str
    node: str
    topic: str
    ticket: int
    damage_reported: bool = False
    _phase: Phase | None = None

    @classmethod
    def of(cls, job: JobContext, ticket: int) -> UnitChannel:
        """Return the channel of the unit this thread renders."""
        worker = get_worker()
        return cls(worker=worker, key=worker.get_current_task(), node=str(worker.name), topic=job.topic, ticket=ticket)

    def report(self, **message: Any) -> None:  # noqa: ANN401 - whatever the message holds
        """Send a message about the unit."""
        if self.topic:
            self.worker.log_event(self.topic, {"ticket": self.ticket, **message})

    def report_damaged(self, unit: UnitSpec, reason: str) -> None:
        """Report that a unit's object was damaged or gone."""
        self.damage_reported = True
        self.report(damaged=reason, node=self.node, frame=unit.frame.frame)

    def report_fetched(self, fetched_bytes: int, size_bytes: int, seconds: float) -> None:
        """Report how much of the scene's files was fetched."""
        self.report(**fetched_message(self.ticket, self.node, fetched_bytes, size_bytes, seconds))

    def report_phase(self, phase: Phase, seconds: float) -> None:
        """Report once that a unit waits its turn or is being rendered, if that takes longer than `REPORT_AFTER_S`."""
        if phase != self._phase and seconds >= REPORT_AFTER_S:
            self._phase = phase
            self.report(phase=phase.value, seconds=seconds)

    def store_retry(self) -> StoreRetry:
        """Return what retries calls on the store until the unit is cancelled."""
        return StoreRetry(cancelled=self.cancelled, on_wait=self._report_store_away)

    def cancelled(self) -> bool:
        """Whether the scheduler no longer wants the task this thread runs."""
        task = self.worker.state.tasks.get(self.key)
        return task is None or task.state in ("cancelled", "released", "forgotten")

    def raise_if_cancelled(self) -> None:
        """Raise `UnitCancelled` when the unit was cancelled."""
        raise_if_cancelled(self.cancelled, self.key)

    def _report_store_away(self, error: StoreError) -> None:
        self.report(away={"reason": error.reason, "remedy": error.remedy, "url": error.url})


def fetched_message(ticket: int, node: str, fetched_bytes: int, size_bytes: int, seconds: float) -> dict[str, Any]:
    """Return the message of how much of a scene's files a node has fetched."""
    fetched = {"fetched_bytes": fetched_bytes, "size_bytes": size_bytes, "seconds": seconds}
    return {"ticket": ticket, "node": node, "fetched": fetched}
