"""Going on with a job whose runs come from a Prefect deployment: there, not here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping


def go_on(run: Mapping[str, Any], *, again: str, only: str) -> str:
    """Resume the flow run where it is suspended, or else make another of the same deployment.

    Parameters
    ----------
    run
        The event the last run began with.
    again, only
        As in `flows.render.render`; with either, it is always another run.

    Returns
    -------
    sentence
        What was done; empty when Prefect doesn't know the run, so that it is for the caller to render the job.
    """
    import httpx
    from prefect.client.orchestration import get_client
    from prefect.deployments import run_deployment
    from prefect.exceptions import ObjectNotFound
    from prefect.flow_runs import resume_flow_run

    try:
        with get_client(sync_client=True) as client:
            flow_run = client.read_flow_run(UUID(run["flow_run"]))
        if flow_run.state and flow_run.state.is_paused() and not again and not only:
            resume_flow_run(flow_run.id)
            return f"The run {flow_run.name} goes on; Prefect starts it within moments."
        parameters = {"job": run["job"], "again": again, "only": only}
        new = run_deployment(UUID(run["deployment"]), parameters=parameters, timeout=0)
    except (ObjectNotFound, httpx.HTTPError):
        return ""
    return f"Another run of the deployment was asked for: {new.name}."  # type: ignore[union-attr]
