"""Tells all who listen which nodes are there, the moment one joins or leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from distributed.diagnostics.plugin import SchedulerPlugin

if TYPE_CHECKING:
    from distributed import Scheduler

TOPIC = "frontburner-nodes"


class WorkerWatch(SchedulerPlugin):  # type: ignore[misc]
    """Announces joining and leaving workers on `TOPIC`."""

    name = "frontburner-node-watch"
    idempotent = True

    async def start(self, scheduler: Scheduler) -> None:
        """Keep the scheduler to speak through."""
        self._scheduler = scheduler

    def add_worker(self, scheduler: Scheduler, worker: str) -> None:
        """Announce a worker that joined."""
        state = scheduler.workers[worker]
        scheduler.log_event(TOPIC, {"node": str(state.name), "address": worker, "there": True})

    def remove_worker(self, scheduler: Scheduler, worker: str, **_: Any) -> None:  # noqa: ANN401
        """Announce a worker that left; its name is gone with it."""
        scheduler.log_event(TOPIC, {"node": "", "address": worker, "there": False})
