"""Jobs whose runs come from a Prefect deployment: resumed, rerun and cancelled there rather than here."""

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
    """No Prefect server that answers knows the run and its deployment."""


@dataclass(kw_only=True, eq=False)
class DeploymentRefused(FrontburnerError):
    """The Prefect server that knows the run failed to do what was asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedRun:
    """The last run of a job, as a flow run of a deployment.

    Parameters
    ----------
    flow_run, deployment
        Their ids in Prefect.
    servers
        Addresses of Prefect servers that may know them, the likeliest first.
    """

    flow_run: UUID
    deployment: UUID
    servers: Sequence[str]

    def resume(self, *, lost: bool) -> str:
        """Resume the flow run if it is suspended, or else create another of the same deployment.

        Parameters
        ----------
        lost
            Whether its process is gone, which Prefect may not have noticed.

        Returns
        -------
        str
            What was done, in a sentence.

        Raises
        ------
        DeploymentMissing
            When no server that answers knows the run.
        DeploymentRefused
            When the one that does failed.
        """

        def act(client: SyncPrefectClient, run: FlowRun) -> str:
            if run.state is not None and run.state.is_scheduled() and not run.state.is_paused():
                return f"The flow run {run.name} is about to start: a worker takes it within moments."
            if _resumed(client, run):
                return f"The flow run {run.name} is resumed: a worker starts it within moments."
            return self._create_run(client, run, run.parameters, lost=lost)

        return self._with_server(act)

    def rerun(self, job: Mapping[str, Any], *, again: str, only: str, lost: bool) -> str:
        """Create another run of the deployment for this job document; returns and raises as `resume` does.

        Parameters
        ----------
        again, only
            As in `flows.render.render`.
        """
        parameters = {"job": dict(job), "again": again, "only": only}
        return self._with_server(lambda client, run: self._create_run(client, run, parameters, lost=lost))

    def cancel(self) -> bool:
        """Cancel a flow run that is suspended, so that nobody resumes it. Returns whether it was suspended."""
        from prefect.states import Cancelled

        def act(client: SyncPrefectClient, run: FlowRun) -> bool:
            if run.state is None or not (run.state.is_paused() or run.state.is_scheduled()):
                return False
            client.set_flow_run_state(run.id, Cancelled(message="Cancelled by `frontburner job cancel`."), force=True)
            return True

        return self._with_server(act)

    def _create_run(self, client: SyncPrefectClient, run: FlowRun, parameters: dict[str, Any], *, lost: bool) -> str:
        from prefect.deployments import run_deployment
        from prefect.states import Crashed

        if lost and run.state is not None and run.state.is_running():
            # Otherwise it would occupy the slot of a deployment that allows only one run at a time for ever.
            client.set_flow_run_state(run.id, Crashed(message="Its process is gone."), force=True)
        new = run_deployment(
            self.deployment,
            parameters=parameters,
            job_variables=run.job_variables,
            work_queue_name=run.work_queue_name,
            timeout=0,
            as_subflow=False,
        )
        return f"Another run of the deployment was created, {new.name}: a worker starts it within moments."  # type: ignore[union-attr]

    def _with_server(self, act: Callable[[SyncPrefectClient, FlowRun], T]) -> T:
        """Call a function with the first server that knows the run."""
        import httpx
        from prefect.client.orchestration import get_client
        from prefect.exceptions import ObjectNotFound
        from prefect.settings import PREFECT_API_URL, temporary_settings

        reason = "the address of its server is not known"
        for server in self.servers:
            with temporary_settings({PREFECT_API_URL: server}), get_client(sync_client=True) as client:
                try:
                    run = client.read_flow_run(self.flow_run)
                    client.read_deployment(self.deployment)
                except ObjectNotFound:
                    reason = f"the one at {server} doesn't know its run or its deployment"
                    continue
                except (httpx.HTTPError, RuntimeError) as error:
                    reason = f"the one at {server} doesn't answer as it should ({error or type(error).__name__})"
                    continue
                try:
                    return act(client, run)
                except httpx.HTTPError as error:
                    raise DeploymentRefused(
                        reason=f"Prefect at {server} failed or refused: {error}", remedy="See its log, then try again."
                    ) from error
        raise DeploymentMissing(
            reason=f"Prefect can't be asked: {reason}.", remedy="Set PREFECT_API_URL to its server's address."
        )


def deployed_run(run: RunStarted | None, note: Mapping[str, Any]) -> DeployedRun | None:
    """Return a job's last run as one of a deployment; None if it wasn't one.

    Parameters
    ----------
    run
        The event it started with.
    note
        What this machine's registry has of it, if anything.
    """
    if run is None:
        return None
    try:
        flow_run, deployment = UUID(run.flow_run), UUID(run.deployment)
    except ValueError:
        return None
    from prefect.settings import PREFECT_API_URL

    # The server set here comes first: it has the credentials, and an address of 127.0.0.1 may be another machine's.
    servers = [PREFECT_API_URL.value(), run.prefect_api, note.get("prefect_api")]
    return DeployedRun(flow_run=flow_run, deployment=deployment, servers=list(dict.fromkeys(filter(None, servers))))


def _resumed(client: SyncPrefectClient, run: FlowRun) -> bool:
    """Resume a suspended flow run. Returns whether Prefect did: it doesn't once the suspension has expired."""
    from prefect.client.schemas.responses import SetStateStatus

    from frontburner.cluster.prefect_internals import can_be_resumed

    return can_be_resumed(run) and client.resume_flow_run(run.id).status is SetStateStatus.ACCEPT
