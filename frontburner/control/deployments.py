"""Jobs whose runs come from a Prefect deployment: they go on there, not here, and are ended there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from storage.errors import FrontburnerError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

    from frontburner.events import RunStarted

T = TypeVar("T")


@dataclass(kw_only=True, eq=False)
class DeploymentMissing(FrontburnerError):
    """No Prefect server that answers knows the run or its deployment."""


@dataclass(kw_only=True, eq=False)
class DeploymentRefused(FrontburnerError):
    """The Prefect server that knows the run failed at what it was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedRun:
    """The last run of a job, as a run of a deployment.

    Parameters
    ----------
    flow_run, deployment
        What Prefect calls them.
    servers
        Addresses to look for them, the likeliest first.
    """

    flow_run: UUID
    deployment: UUID
    servers: Sequence[str]

    def go_on(self, *, lost: bool) -> str:
        """Resume the flow run where it is suspended, or else make another of the same deployment.

        Parameters
        ----------
        lost
            Whether its process is gone: Prefect may not have noticed.

        Returns
        -------
        str
            What was done, in a sentence.

        Raises
        ------
        NotThere
            When no server that answers knows the run.
        """

        def act(client: SyncPrefectClient, run: FlowRun) -> str:
            if run.state is not None and run.state.is_scheduled() and not run.state.is_paused():
                return f"The flow run {run.name} is about to start: a worker takes it within moments."
            if _resumed(client, run):
                return f"The flow run {run.name} goes on: a worker starts it within moments."
            return self._another(client, run, run.parameters, lost=lost)

        return self._ask(act)

    def again(self, job: Mapping[str, Any], *, again: str, only: str, lost: bool) -> str:
        """Make another run of the deployment for this job document; returns and raises as `go_on` does.

        Parameters
        ----------
        again, only
            As in `flows.render.render`.
        """
        parameters = {"job": dict(job), "again": again, "only": only}
        return self._ask(lambda client, run: self._another(client, run, parameters, lost=lost))

    def cancel(self) -> bool:
        """Have a flow run that is suspended cancelled, so that nobody resumes it. Returns whether it was one."""
        from prefect.states import Cancelled

        def act(client: SyncPrefectClient, run: FlowRun) -> bool:
            if run.state is None or not (run.state.is_paused() or run.state.is_scheduled()):
                return False
            client.set_flow_run_state(run.id, Cancelled(message="Cancelled by `frontburner job cancel`."), force=True)
            return True

        return self._ask(act)

    def _another(self, client: SyncPrefectClient, run: FlowRun, parameters: dict[str, Any], *, lost: bool) -> str:
        from prefect.deployments import run_deployment
        from prefect.states import Crashed

        if lost and run.state is not None and run.state.is_running():
            # Else it would hold the place of the next one for ever, where a deployment lets only one run at a time.
            client.set_flow_run_state(run.id, Crashed(message="Its process is gone."), force=True)
        new = run_deployment(
            self.deployment,
            parameters=parameters,
            job_variables=run.job_variables,
            work_queue_name=run.work_queue_name,
            timeout=0,
            as_subflow=False,
        )
        return f"Another run of the deployment was asked for, {new.name}: a worker starts it within moments."  # type: ignore[union-attr]

    def _ask(self, act: Callable[[SyncPrefectClient, FlowRun], T]) -> T:
        """Do something at the first server that knows the run."""
        import httpx
        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound
        from prefect.settings import PREFECT_API_URL, temporary_settings

        why = "nothing says which server it has"
        for server in self.servers:
            with temporary_settings({PREFECT_API_URL: server}), get_client(sync_client=True) as client:
                try:
                    run = client.read_flow_run(self.flow_run)
                    client.read_deployment(self.deployment)
                except ObjectNotFound:
                    why = f"the one at {server} doesn't know its run or its deployment"
                    continue
                except (httpx.HTTPError, RuntimeError) as error:
                    why = f"the one at {server} doesn't answer as it should ({error or type(error).__name__})"
                    continue
                try:
                    return act(client, run)
                except httpx.HTTPError as error:
                    raise DeploymentRefused(
                        reason=f"Prefect at {server} failed or refused: {error}", remedy="See its log, then try again."
                    ) from error
        raise DeploymentMissing(
            reason=f"Prefect can't be asked: {why}.", remedy="Set PREFECT_API_URL to its server's address."
        )


def deployed_run(run: RunStarted | None, note: Mapping[str, Any]) -> DeployedRun | None:
    """Return a job's last run as one of a deployment; None where it was none.

    Parameters
    ----------
    run
        The event it began with.
    note
        What this machine noted of it, if anything.
    """
    if run is None:
        return None
    try:
        flow_run, deployment = UUID(run.flow_run), UUID(run.deployment)
    except ValueError:
        return None
    from prefect.settings import PREFECT_API_URL

    # A server named here comes first: it has the credentials, and an address of 127.0.0.1 may be another machine's.
    named = [PREFECT_API_URL.value(), run.prefect_api, note.get("prefect_api")]
    return DeployedRun(flow_run=flow_run, deployment=deployment, servers=list(dict.fromkeys(filter(None, named))))


def _resumed(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Resume a suspended flow run. Returns whether Prefect did: it doesn't once the suspension has expired."""
    from prefect.client.schemas.responses import SetStateStatus

    # One that is paused without leave to be started anew would be Running again, with no process.
    if run.state is None or not run.state.is_paused() or not run.state.state_details.pause_reschedule:
        return False
    return client.resume_flow_run(run.id).status is SetStateStatus.ACCEPT
