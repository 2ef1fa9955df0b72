"""The way of a studio that has Prefect: a server, a worker, ``prefect deployment run``, and what its UI then shows."""

from __future__ import annotations

import base64
import json
import sys
from contextlib import contextmanager
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import psutil
from PIL import Image

from tests.end_to_end.conftest import ROOT, TIMEOUT_S, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pytest

    from tests.end_to_end.conftest import Running, Studio

PREFECT = Path(sys.executable).with_name("prefect")
FRAMES = 150


class Prefect:
    """A Prefect server and what can be asked of it."""

    def __init__(self, url: str, studio: Studio) -> None:
        self._url = url
        settings = {
            "PREFECT_API_URL": url,
            "PREFECT_HOME": str(studio.home / "user"),
            "PREFECT_WORKER_QUERY_SECONDS": "1",
        }
        self._studio = replace(studio, settings=settings)

    def command(self, *arguments: str) -> Running:
        """Start ``prefect`` with these arguments, in the checkout."""
        return self._studio.launch([PREFECT, "--no-prompt", *arguments], cwd=ROOT)

    def run(self, *arguments: str) -> str:
        """Run ``prefect`` to its end; it must succeed."""
        with self.command(*arguments) as process:
            printed, said = process.communicate(timeout=TIMEOUT_S)
        assert process.returncode == 0, printed + said
        return printed

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Run a worker for the deployments' pool."""
        command = [PREFECT, "worker", "start", "--pool", "frontburner"]
        with (
            (self._studio.folder / "worker.log").open("a") as log,
            self._studio.launch(command, cwd=ROOT, said=log) as process,
        ):
            yield
            process.stop()

    def ask(self, what: str, **body: Any) -> Any:
        """Ask the server's REST interface, as its UI does."""
        return httpx.post(f"{self._url}/{what}/filter", json=body, timeout=TIMEOUT_S).raise_for_status().json()


def renderers(studio: Studio) -> list[psutil.Process]:
    """Return the renderer processes: children of nodes, which are children of the run."""
    found = []
    for process in studio.processes():
        try:
            parent = process.parent()
            if parent is not None and all("spawn_main" in " ".join(each.cmdline()) for each in (process, parent)):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def test_a_deployment_runs_and_its_steps_retries_logs_and_artifacts_are_there(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    from frontburner.cluster.prefect_server import embedded_server

    monkeypatch.setenv("FRONTBURNER_HOME", str(studio.home))
    out = studio.folder / "out"
    job = {"scene": "scenes/walk.xml", "frames": f"1-{FRAMES}", "size": "32x18", "samples": 1, "out": str(out)}
    with embedded_server() as server:
        server.wait()
        prefect = Prefect(server.url, studio)
        prefect.run("work-pool", "create", "frontburner", "--type", "process")
        prefect.run("deploy", "--all")
        deployments = {each["name"]: each for each in prefect.ask("deployments")}
        assert deployments.keys() == {"still", "animation", "nightly"}
        assert {each["entrypoint"] for each in deployments.values()} == {"flows.render.render"}
        (schedule,) = deployments["nightly"]["schedules"]
        assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == ("0 22 * * *", "Europe/Berlin")

        with prefect.worker(), prefect.command(
            "deployment", "run", "render/still", "--param", f"job={json.dumps(job)}", "--watch"
        ) as watching:  # fmt: skip
            opening = {"task_runs": {"name": {"like_": "open"}, "state": {"type": {"any_": ["RUNNING"]}}}}
            until(lambda: prefect.ask("task_runs", **opening))
            for renderer in until(lambda: renderers(studio)):
                renderer.kill()
            printed, said = watching.communicate(timeout=TIMEOUT_S)
        assert watching.returncode == 0, printed + said

        (run,) = (each for each in prefect.ask("flow_runs") if each["state_type"] == "COMPLETED")
        assert run["name"] == "walk"
        steps = {each["name"]: each for each in prefect.ask("task_runs")}
        opened = steps.pop("open walk.xml")
        assert opened["run_count"] == 2, "the step whose renderer was killed was tried again"
        beginnings = ("check nodes", "render frames ", "stitch and write frames ", "measure frames")
        counted = [len([name for name in steps if name.startswith(beginning)]) for beginning in beginnings]
        assert counted == [1, 12, 12, 1], "a job is shown in chunks"
        assert len(steps) == sum(counted)
        assert {each["state_type"] for each in steps.values()} == {"COMPLETED"}
        logs = [each["message"] for each in prefect.ask("logs", logs={"flow_run_id": {"any_": [run["id"]]}}, limit=200)]
        assert any("is in place: walk.0001.exr, walk.0001.png" in line for line in logs)
        assert any("UnitFailed: The renderer process was ended by SIGKILL." in line for line in logs)
        artifacts = {each["key"].rpartition("-")[2]: each["data"] for each in prefect.ask("artifacts")}
    assert artifacts["progress"] == 100.0
    assert "efficiency" in artifacts["report"]
    preview = base64.b64decode(artifacts["preview"].partition("(data:image/jpeg;base64,")[2].removesuffix(")"))
    assert Image.open(BytesIO(preview)).size == (32, 18)
    assert len(list(out.glob("walk.*.png"))) == FRAMES
    until(lambda: not studio.processes())
