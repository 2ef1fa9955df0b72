"""A job whose run came from a Prefect deployment is resumed or rerun there, whatever became of that run."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions, StateType
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.states import Completed, Crashed, Failed, Pending, Running, Scheduled, Suspended

from frontburner.cluster.prefect_server import embedded_server
from frontburner.control.deployments import DeployedRun, DeploymentMissing, deployed_run
from tests.record.recorded_runs import started

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefect.client.schemas.objects import FlowRun, State

PARAMETERS = {"job": {"scene": "a.xml"}, "again": "3", "only": "1-9"}
ON_A_NODE = {"env": {"FRONTBURNER_SCHEDULER": "tcp://10.0.0.5:8786"}}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FRONTBURNER_HOME", str(tmp_path_factory.mktemp("home")))
        with embedded_server() as server:
            server.wait()
            yield server.url


@pytest.fixture
def client(server: str) -> Iterator[SyncPrefectClient]:
    with temporary_settings({PREFECT_API_URL: server}), get_client(sync_client=True) as client:
        yield client


class Farm:
    """A deployment that lets one run go on at a time, as the nightly one does."""

    def __init__(self, client: SyncPrefectClient, url: str) -> None:
        @flow
        def render(job: dict[str, Any], again: str = "", only: str = "") -> None:
            pass

        self.client, self.url = client, url
        self.deployment = client.create_deployment(
            flow_id=client.create_flow(render),
            name=f"nightly-{uuid4()}",
            concurrency_limit=1,
            concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW),
            entrypoint="flows.render.render",
        )

    def run(self, *states: State[Any]) -> FlowRun:
        """A run of it that went through these states."""
        run = self.client.create_flow_run_from_deployment(
            self.deployment, parameters=PARAMETERS, job_variables=ON_A_NODE
        )
        for state in states:
            self.client.set_flow_run_state(run.id, state)
        return run

    def of(self, run: FlowRun, *servers: str) -> DeployedRun:
        """What a job knows of that run."""
        return DeployedRun(flow_run=run.id, deployment=self.deployment, servers=servers or (self.url,))

    def state(self, run: FlowRun) -> State[Any]:
        """How it stands."""
        state = self.client.read_flow_run(run.id).state
        assert state is not None
        return state

    def others(self, run: FlowRun) -> list[FlowRun]:
        """All other runs of the deployment."""
        runs = self.client.read_flow_runs()
        return [each for each in runs if each.deployment_id == self.deployment and each.id != run.id]


@pytest.fixture
def farm(client: SyncPrefectClient, server: str) -> Farm:
    return Farm(client, server)


def long_suspended() -> State[None]:
    state: State[None] = Suspended(timeout_seconds=10_000)
    return state


def test_a_suspended_run_is_resumed(farm: Farm) -> None:
    run = farm.run(Pending(), Running(), long_suspended())
    assert run.name in farm.of(run).resume(lost=False)
    assert (farm.state(run).type, farm.state(run).name) == (StateType.SCHEDULED, "Resuming")
    assert farm.others(run) == []


EXPIRED: State[None] = Suspended(pause_expiration_time=datetime.now(UTC) - timedelta(hours=1))


@pytest.mark.parametrize(
    "state", [Failed(), Crashed(), Completed(), EXPIRED], ids=["failed", "crashed", "done", "expired"]
)
def test_a_run_that_can_t_be_resumed_has_another_created_just_like_it(farm: Farm, state: State[None]) -> None:
    run = farm.run(Pending(), Running(), state)
    sentence = farm.of(run).resume(lost=False)
    (other,) = farm.others(run)
    assert other.name in sentence
    assert (other.parameters, other.job_variables) == (PARAMETERS, ON_A_NODE)
    assert farm.state(other).type is StateType.SCHEDULED


@pytest.mark.parametrize(("lost", "then"), [(True, StateType.PENDING), (False, StateType.CANCELLED)])
def test_a_lost_run_gives_up_its_place_and_no_other_does(farm: Farm, *, lost: bool, then: StateType) -> None:
    run = farm.run(Pending(), Running())
    farm.of(run).resume(lost=lost)
    (other,) = farm.others(run)
    assert farm.state(run).type is (StateType.CRASHED if lost else StateType.RUNNING)
    farm.client.set_flow_run_state(other.id, Pending())  # what a worker does first
    assert farm.state(other).type is then


def test_a_run_that_is_about_to_start_is_left_alone(farm: Farm) -> None:
    run = farm.run(Scheduled())
    assert "about to start" in farm.of(run).resume(lost=False)
    assert farm.others(run) == []


def test_run_again_with_other_frames(farm: Farm) -> None:
    run = farm.run(Pending(), Running(), long_suspended())
    farm.of(run).rerun({"scene": "b.xml"}, again="", only="2", lost=False)
    (other,) = farm.others(run)
    assert other.parameters == {"job": {"scene": "b.xml"}, "again": "", "only": "2"}
    assert farm.state(run).is_paused()


def test_a_suspended_run_is_cancelled(farm: Farm) -> None:
    run = farm.run(Pending(), Running(), long_suspended())
    assert farm.of(run).cancel()
    assert farm.state(run).type is StateType.CANCELLED
    assert not farm.of(run).cancel()


def test_the_server_that_knows_the_run_is_found(farm: Farm) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    run = farm.run(Pending(), Running(), Failed())
    farm.of(run, f"http://127.0.0.1:{port}/api", farm.url).resume(lost=False)
    assert len(farm.others(run)) == 1
    with pytest.raises(DeploymentMissing, match=rf"127\.0\.0\.1:{port}/api doesn't answer"):
        farm.of(run, f"http://127.0.0.1:{port}/api").resume(lost=False)


def test_what_prefect_doesn_t_know_is_not_done_there(farm: Farm) -> None:
    stranger = DeployedRun(flow_run=uuid4(), deployment=farm.deployment, servers=[farm.url])
    with pytest.raises(DeploymentMissing, match="doesn't know its run"):
        stranger.resume(lost=False)
    run = farm.run(Pending(), Running(), Failed())
    with pytest.raises(DeploymentMissing, match="doesn't know its run or its deployment"):
        DeployedRun(flow_run=run.id, deployment=uuid4(), servers=[farm.url]).resume(lost=False)
    with pytest.raises(DeploymentMissing, match=r"the address of its server is not known.*PREFECT_API_URL"):
        DeployedRun(flow_run=run.id, deployment=farm.deployment, servers=[]).resume(lost=False)
    with pytest.raises(ObjectNotFound):
        farm.client.read_flow_run(stranger.flow_run)


def test_only_runs_of_deployments_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert deployed_run(None, {}) is None
    assert deployed_run(started(flow_run=str(uuid4())), {}) is None
    run = started(flow_run=str(UUID(int=1)), deployment=str(UUID(int=2)), prefect_api="http://there:4200/api")
    with temporary_settings({PREFECT_API_URL: "http://here:4200/api"}):
        found = deployed_run(run, {"prefect_api": "http://there:4200/api"})
    assert found == DeployedRun(
        flow_run=UUID(int=1), deployment=UUID(int=2), servers=["http://here:4200/api", "http://there:4200/api"]
    )
