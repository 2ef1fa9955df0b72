"""A farm that all these tests share: a Prefect server, a node, and a home of its own."""

from __future__ import annotations

import json
import os
import subprocess
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from frontburner.cluster.prefect_server import embedded_server
from tests.end_to_end.conftest import COMMAND, TIMEOUT_S, Studio
from tests.end_to_end.test_sharing import running_farm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def shared_farm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of commands that use it."""
    folder = tmp_path_factory.mktemp("farm")
    studio = Studio(home=folder / "home", folder=folder)
    with ExitStack() as running:
        running.callback(studio.end)
        with pytest.MonkeyPatch.context() as patch:
            for name in [each for each in os.environ if each.startswith(("PREFECT_", "FRONTBURNER_"))]:
                patch.delenv(name)
            patch.setenv("FRONTBURNER_HOME", str(studio.home))
            server = running.enter_context(embedded_server())
        scheduler = running.enter_context(running_farm(studio, 1))
        server.wait()
        yield {
            "FRONTBURNER_HOME": str(studio.home),
            "FRONTBURNER_SCHEDULER": scheduler,
            "PREFECT_API_URL": server.url,
            "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "CRITICAL",
        }


@pytest.fixture
def workdir(shared_farm: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, whose programs find the farm."""
    for name, value in shared_farm.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def scene(workdir: Path) -> Callable[..., Path]:
    """Write a rehearsal's scene."""

    def write(name: str = "ball.json", **fields: object) -> Path:
        path = workdir / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"size": "32x18", "samples": 4, "journal": True} | fields))
        return path

    return write


def command(*words: object) -> subprocess.CompletedProcess[str]:
    """Run ``frontburner`` to its end."""
    return subprocess.run(
        [COMMAND, *map(str, words)], capture_output=True, text=True, check=False, timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
