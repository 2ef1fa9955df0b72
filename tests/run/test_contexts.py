"""What belongs to a job is its context's: jobs in other threads of the process hear and see nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from frontburner import events as ev
from frontburner.cli.render import run as run_command_line
from frontburner.cli.reporters import OutputFormat
from frontburner.control.intake import JobInput
from frontburner.manager.local_farm import ADDRESS_VARIABLES, use_local_farm
from frontburner.record.registry import prefect_api
from frontburner.settings import Settings, environment, settings_for
from tasks.process.user_command import UserCommand, run

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WAIT_S = 30


@pytest.fixture(autouse=True)
def no_farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path / "home"))
    for name in (*ADDRESS_VARIABLES, "FRONTBURNER_NODES"):
        monkeypatch.delenv(name, raising=False)


def at_once(first: Callable[[], object], second: Callable[[], object]) -> None:
    """Do two things in two threads, and wait for both."""
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(first), pool.submit(second)]:
            future.result(WAIT_S)


def rendered(frame: int) -> ev.FrameRendered:
    return ev.FrameRendered(at_s=0.0, frame=frame)


def test_events_reach_who_observes_in_their_context_and_nobody_else() -> None:
    heard: dict[int, list[ev.Event]] = {1: [], 2: []}
    together = Barrier(2, timeout=WAIT_S)

    def job(frame: int) -> None:
        with ev.observe(heard[frame].append):
            together.wait()
            ev.announce(rendered(frame))
            together.wait()

    at_once(lambda: job(1), lambda: job(2))
    assert heard == {1: [rendered(1)], 2: [rendered(2)]}


def test_a_thread_that_works_for_a_job_tells_its_observers_in_a_copy_of_its_context() -> None:
    heard: list[ev.Event] = []
    with ev.observe(heard.append), ThreadPoolExecutor(1) as pool:
        pool.submit(ev.announce, rendered(1)).result(WAIT_S)
        pool.submit(copy_context().run, ev.announce, rendered(2)).result(WAIT_S)
    assert heard == [rendered(2)]


def test_observers_may_end_in_any_order() -> None:
    heard: dict[str, list[ev.Event]] = {"first": [], "second": []}
    ends = [ev.observe(each.append) for each in heard.values()]
    ends[0]()
    ev.announce(rendered(1))
    ends[1]()
    ev.announce(rendered(2))
    assert heard == {"first": [], "second": [rendered(1)]}


def test_settings_are_those_of_their_context() -> None:
    seen: dict[str, tuple[str, str]] = {}
    together = Barrier(2, timeout=WAIT_S)

    def job(name: str) -> None:
        with settings_for(FRONTBURNER_SCHEDULER=f"tcp://{name}:8786", PREFECT_API_URL=f"http://{name}:4200/api"):
            together.wait()
            seen[name] = Settings().scheduler, prefect_api()
            together.wait()

    at_once(lambda: job("a"), lambda: job("b"))
    assert seen == {name: (f"tcp://{name}:8786", f"http://{name}:4200/api") for name in ("a", "b")}
    assert (Settings().scheduler, prefect_api()) == ("", "")
    assert not any(name in os.environ for name in ADDRESS_VARIABLES)


def test_those_of_a_context_come_before_the_environment_and_are_checked_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("FRONTBURNER_NODES", "3")
    with settings_for(FRONTBURNER_NODES="5"), settings_for(FRONTBURNER_SCHEDULER=""):
        assert (Settings().nodes, Settings().scheduler) == (5, "")
        with settings_for(FRONTBURNER_NODES="-1"), pytest.raises(ValueError, match="nodes"):
            Settings()
        assert Settings().nodes == 5
    assert Settings().nodes == 3


def test_what_is_started_for_a_job_finds_the_job_s_farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "frontburner.manager.local_farm.local_environment", lambda: dict.fromkeys(ADDRESS_VARIABLES, "of the machine")
    )
    log = tmp_path / "said"
    ask = [sys.executable, "-c", "import os; print(os.environ['FRONTBURNER_SCHEDULER'])"]
    with settings_for(FRONTBURNER_SCHEDULER="tcp://own:8786"):
        assert subprocess.check_output(ask, env=environment(), text=True).strip() == "tcp://own:8786"
        run(UserCommand(arguments=tuple(ask), folder=str(tmp_path), log=str(log), environment=environment()))
        use_local_farm()
    assert not any(name in os.environ for name in ADDRESS_VARIABLES), "a job that has a farm needs no other"
    assert log.read_text().strip() == "tcp://own:8786"


def test_a_cluster_that_is_named_comes_before_the_farm_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "frontburner.manager.local_farm.local_environment",
        lambda: {"FRONTBURNER_SCHEDULER": "tcp://of-the-machine:8786"},
    )
    monkeypatch.setenv("FRONTBURNER_SCHEDULER", "")  # so that it is put back
    seen: list[tuple[str, str]] = []

    def render(*_: object) -> dict[str, str]:
        seen.append((Settings().cluster, Settings().scheduler))
        return {}

    monkeypatch.setattr("frontburner.cli.render._render", render)
    (tmp_path / "scene.json").write_text("{}")
    (tmp_path / "slurm.yaml").write_text("cluster: {kind: local}")
    scene, cluster = str(tmp_path / "scene.json"), str(tmp_path / "slurm.yaml")
    assert run_command_line(scene, {}, JobInput(), nodes=0, output=OutputFormat.JSON_LINES, cluster=cluster) == 0
    assert seen == [(cluster, "")]
    assert (Settings().cluster, Settings().scheduler) == ("", "tcp://of-the-machine:8786")
