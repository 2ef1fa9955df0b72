"""Chains in Prefect: stages are steps with edges and states, and independent ones run concurrently."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.end_to_end.conftest import COMMAND, TIMEOUT_S, until
from tests.submission.conftest import command

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
STOPS_WITHIN_S = 60
AFTER_EACH_OTHER = """
import pathlib, sys, time
own, other = sys.argv[1:]
pathlib.Path(own).touch()
while not pathlib.Path(other).exists():
    time.sleep(0.05)
"""
"""Ends once the other one has begun."""


def ask(what: str, **body: Any) -> Any:
    """Ask the Prefect server, as its UI does."""
    return httpx.post(f"{os.environ['PREFECT_API_URL']}/{what}/filter", json=body, timeout=30).raise_for_status().json()


@dataclass(frozen=True, slots=True, kw_only=True)
class InPrefect:
    """A chain's run as Prefect has it."""

    state: str
    steps: dict[str, dict[str, Any]]
    """Its stages' task runs by their names; none of what is inside them."""
    graph: dict[str, dict[str, Any]]

    def states(self) -> dict[str, str]:
        return {name: step["state_name"] for name, step in self.steps.items()}

    def after(self, name: str) -> set[str]:
        """What a stage comes after, by what Prefect knows of its step."""
        names = {step["id"]: each for each, step in self.steps.items()}
        return {names[found["id"]] for found in self.steps[name]["task_inputs"].get("wait_for", [])}

    def drawn_after(self, name: str) -> set[str]:
        """The same by the graph that the UI draws."""
        return {self.graph[edge["id"]]["label"] for edge in self.graph[self.steps[name]["id"]]["parents"]}


def in_prefect(chain: str) -> InPrefect:
    """Return the last run of a chain, once Prefect has heard how all of it ended."""

    def ended() -> InPrefect | None:
        (run, *_) = ask("flow_runs", flow_runs={"name": {"any_": [chain]}}, sort="START_TIME_DESC")
        steps = ask("task_runs", flow_runs={"id": {"any_": [run["id"]]}})
        if any(each["state_type"] not in FINAL for each in (run, *steps)):
            return None
        url = f"{os.environ['PREFECT_API_URL']}/flow_runs/{run['id']}/graph-v2"
        graph = dict(httpx.get(url, timeout=30).raise_for_status().json()["nodes"])
        own = {step["name"]: step for step in steps if not step["task_inputs"].get("__parents__")}
        return InPrefect(state=run["state_name"], steps=own, graph=graph)

    found: InPrefect = until(ended, timeout_s=30)
    return found


def write(workdir: Path, name: str, *stages: dict[str, Any]) -> Path:
    path = workdir / f"{name}.yaml"
    path.write_text(json.dumps({"name": name, "stages": stages}))
    return path


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def told(*words: str) -> Any:
    """What ``frontburner job`` prints with --json."""
    done = command("job", *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def rendering(name: str) -> str:
    """Wait until a unit of a job is under way; returns the job's identity."""
    job_id: str = until(lambda: next((job["job_id"] for job in told("list") if job["job_id"].startswith(name)), ""))
    until(lambda: any(node["under_way"] for node in told("show", job_id)["nodes"].values()))
    return job_id


def outcomes(done: subprocess.CompletedProcess[str]) -> dict[str, tuple[str, str]]:
    return {stage["name"]: (stage["state"], stage["reason"]) for stage in json.loads(done.stdout)["stages"]}


def test_independent_stages_run_concurrently_and_edges_are_shown(workdir: Path) -> None:
    chain = write(
        workdir, "at once",
        {"name": "judge", "after": "left, right", "run": python("open('judged', 'w').close()"), "writes": "judged"},
        {"name": "left", "run": python(AFTER_EACH_OTHER, "l", "r"), "time_limit": "60s"},
        {"name": "right", "run": python(AFTER_EACH_OTHER, "r", "l"), "time_limit": "60s"},
        {"name": "last", "after": "judge", "run": python("")},
    )  # fmt: skip
    done = command("render", chain, "--json")
    assert done.returncode == 0, done.stderr
    assert list(outcomes(done)) == ["left", "right", "judge", "last"], "as the stages, whichever ended first"
    found = in_prefect("at once")
    assert found.state == "Completed"
    assert found.states() == dict.fromkeys(["left", "right", "judge", "last"], "Completed")
    assert {name: found.after(name) for name in found.steps} == {
        "left": set(), "right": set(), "judge": {"left", "right"}, "last": {"judge"},
    }  # fmt: skip
    assert all(found.drawn_after(name) == found.after(name) for name in found.steps)

    (workdir / "judged").unlink()
    assert command("render", chain).returncode == 0
    again = {"left": "Reused", "right": "Reused", "judge": "Completed", "last": "Completed"}
    assert in_prefect("at once").states() == again


def test_a_failed_stage_blocks_only_its_successors(workdir: Path, scene: Callable[..., Path]) -> None:
    scene("ball.json", cost_s=0)
    chain = write(
        workdir, "failing",
        {"name": "bad", "run": python("import sys; sys.exit('no licence')")},
        {"name": "late", "after": "bad", "run": python("open('late', 'w').close()")},
        {"name": "later", "after": "late", "run": python("open('later', 'w').close()")},
        {"name": "beauty", "job": {"scene": "ball.json", "frames": "1-2", "out": "beauty", "name": "beauty"}},
        {"name": "good", "job": {"scene": "ball.json", "out": "good", "name": "good"}},
    )  # fmt: skip
    done = command("render", chain, "--json")
    assert done.returncode == 1, done.stderr
    ended = outcomes(done)
    assert [state for state, _ in ended.values()] == ["failed", "left out", "left out", "completed", "completed"]
    assert (ended["late"][1], ended["later"][1]) == ("since bad isn't complete", "since late isn't complete")
    found = in_prefect("failing")
    assert found.state == "Failed"
    assert found.states() == {
        "bad": "Failed", "late": "LeftOut", "later": "LeftOut", "beauty": "Completed", "good": "Completed",
    }  # fmt: skip
    assert found.steps["late"]["state"]["message"] == "since bad isn't complete"
    assert found.drawn_after("later") == {"late"}
    inside = [node for node in found.graph.values() if node["kind"] == "flow-run"]
    assert {node["encapsulating"][0]["id"] for node in inside} == {found.steps[n]["id"] for n in ("beauty", "good")}
    assert {node["label"] for node in inside} == {"render / beauty", "render / good"}


def test_a_cancelled_job_blocks_only_its_successors(workdir: Path, scene: Callable[..., Path]) -> None:
    scene("slow.json", cost_s=600)
    chain = write(
        workdir, "cancelled",
        {"name": "slow", "job": {"scene": "slow.json", "out": "slow", "name": "slow"}},
        {"name": "late", "after": "slow", "run": python("open('late', 'w').close()")},
        {"name": "other", "run": python(AFTER_EACH_OTHER, "other", "go")},
    )  # fmt: skip
    with subprocess.Popen(
        [COMMAND, "render", chain], text=True, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as process:
        assert command("job", "cancel", rendering("slow")).returncode == 0
        (workdir / "go").touch()
        _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 4, said
    assert "is cancelled" in said
    found = in_prefect("cancelled")
    assert found.state == "Cancelled"
    assert found.states() == {"slow": "LeftOut", "late": "LeftOut", "other": "Completed"}


def test_ctrl_c_ends_all_stages(workdir: Path, scene: Callable[..., Path]) -> None:
    scene("endless.json", cost_s=600)
    waits = "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\ntime.sleep(600)"
    chain = write(
        workdir, "stopped",
        {"name": "job", "job": {"scene": "endless.json", "out": "endless", "name": "endless"}},
        {"name": "command", "run": python(waits)},
        {"name": "late", "after": "job, command", "run": python("open('late', 'w').close()")},
    )  # fmt: skip
    with subprocess.Popen(
        [COMMAND, "render", chain], text=True, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL
    ) as process:
        job_id = rendering("endless")
        until((workdir / "pid").exists)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=STOPS_WITHIN_S)
    assert process.returncode == 130, said
    with pytest.raises(ProcessLookupError):
        os.kill(int((workdir / "pid").read_text()), 0)
    found = in_prefect("stopped")
    assert found.states() == {"job": "LeftOut", "command": "LeftOut"}, "what comes after them isn't begun"
    assert not (workdir / "late").exists()
    assert told("show", job_id)["last_runs"][-1]["state"] == "cancelled"
