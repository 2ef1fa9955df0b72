"""Two concurrent jobs in one process, on one farm or on separate ones, don't see each other's events."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

import pytest
from prefect.client.orchestration import get_client
from prefect.settings import PREFECT_API_URL, temporary_settings

from flows.render import render
from frontburner import events as ev
from frontburner.cluster.ephemeral_farm import ephemeral_farm
from frontburner.control.intake import with_absolute_paths
from frontburner.jobs.job import RenderJob
from frontburner.manager.local_farm import ADDRESS_VARIABLES
from frontburner.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

E = TypeVar("E", bound=ev.Event)
FRAMES = {"few": 2, "more": 4}
WAIT_S = 240


def both(scene: Callable[..., Path], farm: Callable[[], AbstractContextManager[Any]]) -> list[ev.RunStarted]:
    """Render two jobs, each in a thread and on a farm that is opened there; returns how their runs began."""
    scene(cost_s=0.2)
    heard: dict[str, list[ev.Event]] = {name: [] for name in FRAMES}
    together = Barrier(len(FRAMES), timeout=WAIT_S)

    def go(name: str) -> Any:
        job = with_absolute_paths(RenderJob(scene="ball.json", name=name, frames=f"1-{FRAMES[name]}", out=name))
        with ev.observe(heard[name].append), farm():
            together.wait()
            report = render(job)
            began = one(heard[name], ev.RunStarted)
            assert (began.scheduler, began.prefect_api) == (Settings().scheduler, PREFECT_API_URL.value())
            with get_client(sync_client=True) as client:
                assert client.read_flow_run(UUID(began.flow_run)).name == name
            together.wait()
        return report

    with ThreadPoolExecutor(len(FRAMES)) as pool:
        futures = {name: pool.submit(go, name) for name in FRAMES}
        reports = {name: future.result(WAIT_S) for name, future in futures.items()}
    for name, count in FRAMES.items():
        written = [event for event in heard[name] if isinstance(event, ev.FrameWritten)]
        assert {Path(output).parent.name for event in written for output in event.outputs} == {name}
        assert len(written) == reports[name]["frames"] == count
        assert one(heard[name], ev.JobPlanned).job_id == reports[name]["job_id"]
        assert reports[name]["units"] == len([event for event in heard[name] if isinstance(event, ev.UnitFinished)])
    return [one(own, ev.RunStarted) for own in heard.values()]


def one(heard: list[ev.Event], kind: type[E]) -> E:
    """Return the only event of a kind."""
    (event,) = (event for event in heard if isinstance(event, kind))
    return event


@pytest.mark.slow
def test_two_jobs_on_one_farm_see_only_their_own_events(
    scene: Callable[..., Path], shared_farm: dict[str, str]
) -> None:
    runs = both(scene, lambda: temporary_settings({PREFECT_API_URL: shared_farm["PREFECT_API_URL"]}))
    assert {run.scheduler for run in runs} == {shared_farm["FRONTBURNER_SCHEDULER"]}


@pytest.mark.slow
def test_two_jobs_on_separate_farms(
    scene: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    for name in ADDRESS_VARIABLES:
        monkeypatch.delenv(name)
    runs = both(scene, lambda: ephemeral_farm(1, lambda _: None))
    assert len({run.scheduler for run in runs}) == len({run.prefect_api for run in runs}) == 2
    assert not any(name in os.environ for name in ADDRESS_VARIABLES)
