"""The embedded Prefect server is restarted when it dies; its database is kept, and never shared by two commands."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil

from frontburner.cluster.prefect_server import _database, embedded_server
from tests.end_to_end.conftest import TIMEOUT_S, until

if TYPE_CHECKING:
    import pytest

_OTHER = """
import sys
from pathlib import Path
from frontburner.cluster.prefect_server import _database
with _database(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_second_command_gets_a_temporary_database(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    with subprocess.Popen(
        [sys.executable, "-c", _OTHER, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": root},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline().strip() == str(tmp_path / "prefect")
        with _database(tmp_path) as temporary:
            assert temporary.is_dir()
            assert temporary.parent != tmp_path
        assert not temporary.exists()
        other.kill()
    with _database(tmp_path) as kept:
        assert kept == tmp_path / "prefect"


def test_a_server_that_is_killed_is_restarted_with_its_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FRONTBURNER_HOME", str(tmp_path))
    with embedded_server() as server:
        server.wait()
        pool = {"name": "kept", "type": "process"}
        httpx.post(f"{server.url}/work_pools/", json=pool, timeout=TIMEOUT_S).raise_for_status()
        (child,) = servers(tmp_path)
        child.kill()
        until(lambda: answers(f"{server.url}/work_pools/kept"))
    assert not servers(tmp_path)


def servers(home: Path) -> list[psutil.Process]:
    found = []
    for child in psutil.Process().children():
        with suppress(psutil.ZombieProcess, psutil.NoSuchProcess):
            if child.environ().get("PREFECT_HOME") == str(home / "prefect"):
                found.append(child)
    return found


def answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=60).is_success
    except httpx.HTTPError:
        return False
