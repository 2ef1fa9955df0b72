"""A job in Prefect: its steps, their edges and states, as its server has them; and nodes that know nothing of it."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from distributed import Client

from frontburner.cluster.node_processes import local_nodes
from frontburner.cluster.prefect_server import server_command, server_environment, server_url
from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.storage import seaweed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.end_to_end.conftest import Studio

MOST_CHUNKS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """The steps of a flow run: the state of each by its name, and the names of those it comes after."""

    states: dict[str, str]
    after: dict[str, set[str]]

    def named(self, beginning: str) -> list[str]:
        """Names that begin so."""
        return sorted(name for name in self.states if name.startswith(beginning))


def steps_of(url: str) -> Steps:
    """Return the steps of the run that began last."""
    (run,) = ask(url, "flow_runs", sort="START_TIME_DESC", limit=1)
    found = ask(url, "task_runs", flow_runs={"id": {"any_": [run["id"]]}}, limit=200)
    names = {each["id"]: each["name"] for each in found}
    assert len(names) == len(set(names.values()))
    return Steps(
        states={each["name"]: each["state"]["name"] for each in found},
        after={
            each["name"]: {names[before["id"]] for before in each["task_inputs"].get("wait_for", ())} for each in found
        },
    )


def ask(url: str, what: str, **body: Any) -> Any:
    return httpx.post(f"{url}/{what}/filter", json=body, timeout=60).raise_for_status().json()


def test_a_still_shows_its_passes_then_stitch_denoise_and_write(
    studio: Studio, null_scene: Callable[..., Path], prefect: dict[str, str]
) -> None:
    scene = null_scene(size="64x48", samples=64)
    studio.render(scene, "--denoise", "--nodes", 1, **prefect)
    steps = steps_of(prefect["PREFECT_API_URL"])
    chain = [
        "check nodes", f"open {scene.name}", "render first samples", "render samples to 32", "render samples to 64",
        "stitch", "denoise", "write",
    ]  # fmt: skip
    assert steps.states == dict.fromkeys(chain, "Completed")
    assert steps.after == {"check nodes": set(), **{name: {before} for before, name in itertools.pairwise(chain)}}


def test_a_sequence_is_a_dag_of_chunks_and_what_follows_and_its_resume_shows_what_was_in_place(
    studio: Studio, null_scene: Callable[..., Path], prefect: dict[str, str]
) -> None:
    scene, url = null_scene(size="32x18", samples=1), prefect["PREFECT_API_URL"]
    frames = ("--frames", "1-30", "--movie", "h264", "--contact-sheet", "--nodes", 2)
    studio.render(scene, *frames, **prefect)
    steps = steps_of(url)
    assert set(steps.states.values()) == {"Completed"}
    rendered, finished = steps.named("render "), steps.named("stitch and write ")
    assert len(rendered) == len(finished) == MOST_CHUNKS
    assert steps.after[f"open {scene.name}"] == {"check nodes"}
    assert all(steps.after[name] == {f"open {scene.name}"} for name in rendered)
    assert all(steps.after[name] == {name.replace("stitch and write", "render")} for name in finished)
    assert steps.after["measure frames"] == set(finished)
    assert steps.after["contact sheet"] == steps.after["movie h264"] == {"measure frames"}

    out = studio.folder / "renders"
    for path in sorted(out.glob("null.000[1-3].*")):
        path.unlink()
    studio.render(scene, *frames, **prefect)
    again = steps_of(url)
    assert again.named("render ") == [f"render frame {number}" for number in (1, 2, 3)]
    assert again.states["stitch and write frames 4-30"] == "InPlace"
    assert set(again.states.values()) == {"Completed", "InPlace"}
    assert len(again.after["measure frames"]) == 4


def test_a_frame_that_fails_fails_its_step_alone(
    studio: Studio, null_scene: Callable[..., Path], prefect: dict[str, str]
) -> None:
    scene = null_scene(size="32x18", samples=1, faults=[{"do": "error", "frame": 2}])
    done = studio.run("render", scene, "--frames", "1-24", "--nodes", 1, "--attempts", 1, "--json", **prefect)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["failed_frames"].keys() == {"2"}
    steps = steps_of(prefect["PREFECT_API_URL"])
    assert [name for name, state in steps.states.items() if state == "Failed"] == ["render frames 1-2"]
    assert steps.states["stitch and write frames 1-2"] == "Completed"
    assert set(steps.states.values()) == {"Completed", "Failed"}


def of_prefect() -> tuple[list[str], list[str]]:
    """What a node has of Prefect: modules and variables."""
    modules = [name for name in sys.modules if name.split(".")[0] in ("prefect", "prefect_dask")]
    return modules, [name for name in os.environ if name.startswith("PREFECT_")]


def test_nodes_need_no_prefect_and_know_no_address_of_it(
    studio: Studio, null_scene: Callable[..., Path], prefect: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "not:told")
    scene = null_scene(size="32x18", samples=64)
    with local_nodes(1) as cluster, Client(cluster, set_as_default=False) as client:
        assert client.run(of_prefect) == {address: ([], []) for address in client.scheduler_info()["workers"]}
        farm = {"FRONTBURNER_SCHEDULER": cluster.scheduler_address}
        studio.render(scene, "--denoise", **prefect, **farm)
        studio.render(scene, "--frames", "1-3", "--movie", "h264", "--contact-sheet", **prefect, **farm)
        assert client.run(of_prefect) == {address: ([], []) for address in client.scheduler_info()["workers"]}


class Server:
    """A Prefect server that goes away and comes back."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self._port, self._folder = seaweed._free_ports(1)[0], folder
        self.url = server_url(self._port)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Have it run until the context ends: killed, as by a power failure."""
        environment = {**os.environ, **server_environment(self._folder, self._port)}
        with (
            (self._folder / "log").open("a") as log,
            subprocess.Popen(server_command(self._port), env=environment, stdout=log, stderr=log) as process,
        ):
            try:
                until(self._healthy)
                yield
            finally:
                process.kill()

    def _healthy(self) -> bool:
        try:
            return httpx.get(f"{self.url}/health", timeout=10).is_success
        except httpx.HTTPError:
            return False


@pytest.mark.timeout(600)
def test_a_prefect_server_that_is_away_holds_nothing_up_and_has_all_states_afterwards(
    studio: Studio, null_scene: Callable[..., Path], tmp_path: Path
) -> None:
    scene, out = null_scene(size="32x18", samples=1, cost_s=1), studio.folder / "out"
    server = Server(tmp_path / "server")
    environment = {"PREFECT_API_URL": server.url, "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
    arguments = ("render", scene, "--frames", "1-24", "--out", out, "--nodes", 2, "--json")
    with server.running():
        job = studio.start(*arguments, **environment)
        until(lambda: any(out.glob("null.*.png")))
    with job:
        until(lambda: len(list(out.glob("null.*.png"))) == 24)
        assert job.poll() is None, "it waits to tell what became of it"
        with server.running():
            _, said = job.communicate(timeout=TIMEOUT_S)
            assert job.returncode == 0, said
            steps = steps_of(server.url)
            (run,) = ask(server.url, "flow_runs", sort="START_TIME_DESC", limit=1)
    assert run["state"]["name"] == "Completed"
    assert set(steps.states.values()) == {"Completed"}
    assert len(steps.named("render ")) == len(steps.named("stitch and write ")) == MOST_CHUNKS
