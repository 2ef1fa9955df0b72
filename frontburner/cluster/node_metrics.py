"""What a node last said of itself to the scheduler, and where the scheduler shows what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from distributed import Scheduler
    from distributed.scheduler import WorkerState


def measures(state: WorkerState | None) -> dict[str, Any]:
    """Return threads of a node's renderer, memory in bytes, processor in percent; None of a node that is gone."""
    if state is None:
        return {"threads": None, "memory_bytes": None, "memory_used_bytes": None, "cpu_percent": None}
    return {
        "threads": state.extra.get("frontburner", {}).get("threads"),
        "memory_bytes": state.memory_limit or None,
        "memory_used_bytes": state.metrics.get("memory"),
        "cpu_percent": state.metrics.get("cpu"),
    }


def dashboard(scheduler: Scheduler) -> str:
    """Address of Dask's own dashboard; empty where the scheduler has none."""
    server, shows = scheduler.http_server, getattr(scheduler.http_application, "applications", None)
    return f"http://{server.address}:{server.port}/status" if shows else ""
