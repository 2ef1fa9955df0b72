"""The embedded Prefect server's database is kept, and never shared by two commands."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from flows.cluster.server import _database

_OTHER = """
import sys
from pathlib import Path
from flows.cluster.server import _database
with _database(Path(sys.argv[1])) as folder:
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_a_second_command_gets_a_passing_database(tmp_path: Path) -> None:
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
        with _database(tmp_path) as passing:
            assert passing.is_dir()
            assert passing.parent != tmp_path
        assert not passing.exists()
        other.kill()
    with _database(tmp_path) as kept:
        assert kept == tmp_path / "prefect"
