"""The morning report in Prefect: its steps depend on each other, and a failing target doesn't affect others."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from frontburner.cluster.prefect_server import embedded_server
from frontburner.settings import environment
from tests.end_to_end.conftest import TIMEOUT_S, until
from tests.notify.test_night import whole_night

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.notify.receivers import Receivers

FINAL = {"COMPLETED", "FAILED", "CANCELLED", "CRASHED"}
SINCE_H = 24 * 365 * 10


@pytest.fixture
def api(receivers: Receivers) -> Iterator[str]:
    with embedded_server() as server:
        server.wait()
        yield server.url


def report(api: str, *targets: str) -> subprocess.CompletedProcess[str]:
    """Make a report in a process of its own."""
    code = f"from flows.morning import morning; print(morning({SINCE_H}, {list(targets)}))"
    told = {**environment(), "PREFECT_API_URL": api, "PREFECT_LOGGING_LEVEL": "CRITICAL"}
    return subprocess.run(
        [sys.executable, "-c", code], env=told, capture_output=True, text=True, check=False, timeout=TIMEOUT_S
    )


def steps(api: str) -> dict[str, dict[str, Any]]:
    """Return the steps of all reports by their names, once Prefect knows how they ended."""

    def ended() -> dict[str, dict[str, Any]] | None:
        found = httpx.post(f"{api}/task_runs/filter", json={}, timeout=30).raise_for_status().json()
        if any(step["state_type"] not in FINAL for step in found):
            return None
        return {step["name"]: step for step in found}

    made: dict[str, dict[str, Any]] = until(ended, timeout_s=30)
    return made


@pytest.mark.timeout(600)
def test_a_report_is_collected_written_and_sent(tmp_path: Path, receivers: Receivers, api: str) -> None:
    scene = tmp_path / "walk.json"
    scene.write_text("{}")
    whole_night(tmp_path, scene)
    receivers.describe()
    done = report(api, "studio", "hook")
    assert done.returncode == 0, done.stderr
    (mail,), (hook,) = receivers.mails, receivers.hooks
    assert mail["Subject"].endswith("1 not done, 1 done with flagged frames, 1 done")
    assert hook["subject"] == mail["Subject"].strip()  # a folded header starts with a space
    found = steps(api)
    assert {name: step["state_name"] for name, step in found.items()} == dict.fromkeys(
        ["collect reports", "write report", "notify studio", "notify hook"], "Completed"
    )
    names = {step["id"]: name for name, step in found.items()}
    after = {
        name: {names[each["id"]] for each in step["task_inputs"].get("wait_for", [])} for name, step in found.items()
    }
    assert after == {
        "collect reports": set(), "write report": {"collect reports"},
        "notify studio": {"write report"}, "notify hook": {"write report"},
    }  # fmt: skip


@pytest.mark.timeout(600)
def test_a_failing_target_doesn_t_keep_others_from_being_notified(receivers: Receivers, api: str) -> None:
    receivers.describe()
    receivers.status = 400
    done = report(api, "hook", "studio")
    assert done.returncode != 0
    assert "answered 400" in done.stderr
    assert len(receivers.mails) == 1
    states = {name: step["state_name"] for name, step in steps(api).items()}
    assert (states["notify studio"], states["notify hook"]) == ("Completed", "Failed")
