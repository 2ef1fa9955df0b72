"""A farm whose node and operator join by commands: a job is rendered, and no secret is left behind."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

import pytest

from frontburner.credentials.tokens import TokenStore
from frontburner.manager.services import PREFECT_VARIABLES
from storage.images import decode_exr
from tests.end_to_end.conftest import TIMEOUT_S, Studio, prefect_at, until
from tests.end_to_end.test_sharing import ended, nodes
from tests.gateway.conftest import run_cluster, run_gateway

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def files_with(folder: Path, secrets: list[str]) -> list[Path]:
    """Files that contain one of these."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return [path for path in files if any(word.encode() in path.read_bytes() for word in secrets)]


@pytest.fixture(autouse=True)
def prefect_behind_the_gateway(monkeypatch: pytest.MonkeyPatch) -> None:
    """Start Prefect's server as the manager does."""
    for name, value in PREFECT_VARIABLES.items():
        monkeypatch.setenv(name, value)


@pytest.mark.slow
def test_an_enrolled_node_renders_a_job_and_no_secret_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, null_scene: Callable[..., Path], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "frontburner.gateway")
    manager, workstation, rack = tmp_path / "manager", tmp_path / "workstation", tmp_path / "rack"
    monkeypatch.setenv("FRONTBURNER_HOME", str(manager))
    for folder in (workstation, rack):
        folder.mkdir()
    operator = Studio(home=workstation / "home", folder=workstation)
    node = Studio(home=rack / "home", folder=rack)
    credentials = manager / "gate"
    with (
        prefect_at(manager) as prefect,
        run_cluster(encrypted=True, folder=credentials) as cluster,
        run_gateway(credentials, prefect=prefect["PREFECT_API_URL"], scheduler=cluster.scheduler_address) as gateway,
    ):
        node_token, operator_token = gateway.token("node", "rack"), gateway.token("operate", "anna")
        refused = node.run("node", "join", gateway.url, "--token", operator_token, "--name", "n1")
        assert refused.returncode == 2
        assert "a node needs one of the role node" in refused.stderr
        assert "requires a certificate" in operator.run("node", "list", "--scheduler", cluster.scheduler_address).stderr
        joining = ("node", "join", gateway.url, "--name", "n1", "--threads", "1")
        with node.start(*joining, FRONTBURNER_TOKEN=node_token) as joined:
            try:
                logged = operator.run("login", gateway.url, FRONTBURNER_TOKEN=operator_token)
                assert logged.returncode == 0, logged.stderr
                until(lambda: set(nodes(operator)) == {"n1"})
                scene = null_scene(size="64x48", samples=4, cost_s=1)
                out = tmp_path / "pictures"
                quiet = {"PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
                with operator.start("render", scene, "--out", out, "--exr", "float", "--json", **quiet) as job:
                    report = ended(job)
                assert set(report["per_node"]) == {"n1"}
                pixels = decode_exr(next(out.glob("*.exr")).read_bytes())[0]
                assert pixels.shape[:2] == (48, 64)
                assert len(TokenStore.open(credentials).for_node("n1")) == 1
                own = json.loads((node.home / "farm" / "n1" / "farm.json").read_text())["token"]
            finally:
                joined.terminate()
                said = joined.communicate(timeout=TIMEOUT_S)[1]
            with gateway.client(gateway.token("look", "berta")) as client:
                logs = client.post("/prefect/api/logs/filter", json={}).json()
                assert "opened by null" in "\n".join(line["message"] for line in logs), "a step's log"
                steps = client.post("/prefect/api/task_runs/filter", json={}).json()
                named = ["check nodes", f"open {scene.name}", "render 4 samples", "stitch", "write"]
                assert sorted(step["name"] for step in steps) == sorted(named), "each step has its task run"
                assert {step["state_type"] for step in steps} == {"COMPLETED"}
                assert "<title>Prefect" in client.get("/prefect/", follow_redirects=True).text
                assert client.get("/prefect/ui-settings").json()["api_url"] == f"{gateway.url}/prefect/api"
        assert not [line for line in caplog.messages if line.startswith("refused to")], "roles suffice for all requests"
        secrets = [text.split(".")[2] for text in (node_token, operator_token, own)]
        kept = {path.relative_to(tmp_path) for path in files_with(tmp_path, secrets)}
        assert {str(path) for path in kept} == {"workstation/home/farm/person/farm.json", "rack/home/farm/n1/farm.json"}
        assert not re.search("|".join(map(re.escape, secrets)), said)
