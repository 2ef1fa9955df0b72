"""A studio with a farm that stays, and what is asked of it."""

from __future__ import annotations

import json
import shlex
import subprocess
from typing import TYPE_CHECKING, Any

from tests.end_to_end.conftest import COMMAND, TIMEOUT_S, Studio

if TYPE_CHECKING:
    from pathlib import Path

YAML = """
name: studio
deployments:
  - name: still
    entrypoint: flows.render.render
    version: "1"
    work_pool: {name: frontburner}
    parameters:
      job: {scene: scene.json}
"""


def studio_at(folder: Path, within: tuple[str, ...] = ()) -> Studio:
    """Return a machine with a prefect.yaml of its own."""
    desk = folder / "desk"
    desk.mkdir(parents=True)
    (desk / "prefect.yaml").write_text(YAML)
    settings = {"PREFECT_WORKER_QUERY_SECONDS": "2", "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL"}
    return Studio(home=folder / "home", folder=desk, within=within, settings=settings)


def bring_up(studio: Studio, *options: object) -> None:
    """Bring its farm up, however busy this machine is."""
    with studio.start("farm", "up", *options) as up:
        said, trouble = up.communicate(timeout=TIMEOUT_S)
    assert up.returncode == 0, said + trouble


def status(studio: Studio) -> dict[str, Any]:
    """Return how its farm stands."""
    found: dict[str, Any] = json.loads(studio.run("farm", "status", "--json").stdout)
    return found


def environment(studio: Studio) -> dict[str, str]:
    """Return what leads other programs to its farm, as a shell reads it."""
    lines = studio.run("farm", "env").stdout.splitlines()
    return dict(shlex.split(line)[1].partition("=")[::2] for line in lines)


def deploy(studio: Studio, leads: dict[str, str], job: dict[str, Any]) -> None:
    """Ask Prefect for a run of the deployment."""
    command = ("deployment", "run", "render/still", "--param", f"job={json.dumps(job)}")
    asked = subprocess.run(
        [*studio.within, COMMAND.with_name("prefect"), *command], env={**studio.environment, **leads},
        stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stdout + asked.stderr
