"""What a unit's node and the job's dispatcher say to each other while the unit is rendered, over the scheduler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from distributed import get_worker
from distributed.worker import thread_state

from tasks.node.renderer_call import check
from tasks.store_retry import StoreRetry

if TYPE_CHECKING:
    from distributed import Worker

    from storage.errors import StoreError
    from tasks.job_context import JobContext
    from tasks.node.renderer_call import Phase
    from tasks.spec import UnitSpec

SAYS_AFTER_S = 5.0
"""A unit that has waited or been rendered for so long is told of: most are done before, and need no word."""


@dataclass(slots=True, kw_only=True)
class UnitChannel:
    """Line from the thread that renders a unit to the job's dispatcher: what it says, and hears of the unit."""

    worker: Worker
    key: str
    node: str
    topic: str
    ticket: int
    told_damage: bool = False
    _phase: Phase | None = None

    @classmethod
    def of(cls, desk: JobContext, ticket: int) -> UnitChannel:
        """Line of the unit this thread renders."""
        worker = get_worker()
        return cls(worker=worker, key=thread_state.key, node=str(worker.name), topic=desk.topic, ticket=ticket)

    def say(self, **news: Any) -> None:  # noqa: ANN401 - whatever the news are
        """Send news of the unit."""
        if self.topic:
            self.worker.log_event(self.topic, {"ticket": self.ticket, **news})

    def say_damaged(self, unit: UnitSpec, reason: str) -> None:
        """Say that a unit's object was no good."""
        self.told_damage = True
        self.say(damaged=reason, node=self.node, frame=unit.frame.frame)

    def say_fetched(self, fetched_bytes: int, size_bytes: int, seconds: float) -> None:
        """Say how much of the scene's files was fetched."""
        if self.topic:
            self.worker.log_event(self.topic, fetched(self.ticket, self.node, fetched_bytes, size_bytes, seconds))

    def look(self) -> None:
        """Raise a `UnitCancelled` when the unit was called back."""
        check(self.called_back, self.key)

    def witness(self, phase: Phase, seconds: float) -> None:
        """Say once that a unit waits its turn or is being rendered, if that takes longer than moments."""
        if phase != self._phase and seconds >= SAYS_AFTER_S:
            self._phase = phase
            self.say(phase=phase.value, seconds=seconds)

    def patience(self) -> StoreRetry:
        """Return what waits for the store while somebody wants the unit."""
        return StoreRetry(called_back=self.called_back, waits=self._say_store_away)

    def called_back(self) -> bool:
        """Whether the scheduler no longer wants the task this thread runs."""
        task = self.worker.state.tasks.get(self.key)
        return task is None or task.state in ("cancelled", "released", "forgotten")

    def _say_store_away(self, error: StoreError) -> None:
        self.say(away={"reason": error.reason, "remedy": error.remedy, "url": error.url})


def fetched(ticket: int, node: str, fetched_bytes: int, size_bytes: int, seconds: float) -> dict[str, Any]:
    """News of how much of a scene's files a node has fetched."""
    how_far = {"fetched_bytes": fetched_bytes, "size_bytes": size_bytes, "seconds": seconds}
    return {"ticket": ticket, "node": node, "fetched": how_far}
