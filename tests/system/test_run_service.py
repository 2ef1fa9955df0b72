"""What an installed service is started by: its variables, its log, and another try when it fails."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import psutil
import pytest

from system import run_service

if TYPE_CHECKING:
    from pathlib import Path

TIMEOUT_S = 120
FAILS_TWICE = """
import os, pathlib, sys
tries = pathlib.Path("tries")
tries.write_text(tries.read_text() + "x" if tries.exists() else "x")
print("try", len(tries.read_text()), os.environ.get("KEY"), flush=True)
sys.exit(len(tries.read_text()) < 3)
"""
LASTS = """
import os, time
print("pid", os.getpid(), flush=True)
time.sleep(600)
"""


def test_a_program_is_started_again_until_it_ends_well(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "node.log"
    command = [sys.executable, "-c", FAILS_TWICE]
    assert run_service.run_until_done(command, tmp_path, log, restart_delay_s=0) == 0
    lines = log.read_text().splitlines()
    assert [line for line in lines if line.startswith("try")] == ["try 1 None", "try 2 None", "try 3 None"]
    assert sum("It ended with 1" in line for line in lines) == 2


def test_a_large_log_is_put_aside(tmp_path: Path) -> None:
    log = tmp_path / "node.log"
    log.write_bytes(b"x" * (run_service.MAX_LOG_BYTES + 1))
    run_service.run_until_done([sys.executable, "-c", "print('new')"], tmp_path, log)
    assert log.read_text().endswith("new\n")
    assert (tmp_path / "node.log.1").stat().st_size > run_service.MAX_LOG_BYTES


def test_variables_come_from_arguments_and_from_a_file(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.write_text('# mine\n; too\nKEY=a b\nQUOTED="c = d"\n\nEMPTY=\n', encoding="utf-8-sig")
    assert run_service.read_secrets(secrets) == {"KEY": "a b", "QUOTED": "c = d", "EMPTY": ""}
    assert run_service.read_secrets(tmp_path / "none") == {}


@pytest.mark.skipif(sys.platform == "win32", reason="a task of Task Scheduler always has a log")
def test_without_a_log_the_program_takes_its_place(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("KEY=a b\n")
    program = "import os, sys; print(os.environ['KEY'], os.environ['HOME_OF_IT'], sys.argv[1:], flush=True)"
    done = subprocess.run(
        [sys.executable, "-m", "system.run_service", "--secrets", tmp_path / "secrets", "--set", "HOME_OF_IT=x=y", "--",
         sys.executable, "-c", program, "--log", "ä"],
        capture_output=True, encoding="utf-8", stdin=subprocess.DEVNULL, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.strip()) == (0, "a b x=y ['--log', 'ä']")


def test_a_program_ends_with_what_started_it(tmp_path: Path) -> None:
    log = tmp_path / "node.log"
    runner = subprocess.Popen(
        [sys.executable, "-m", "system.run_service", "--secrets", tmp_path / "none", "--log", log, "--folder", tmp_path,
         "--", sys.executable, "-c", LASTS], stdin=subprocess.DEVNULL,
    )  # fmt: skip
    with runner:
        pid = 0
        while not pid:
            assert runner.poll() is None
            lines = log.read_text().splitlines() if log.exists() else []
            pid = next((int(line.split()[1]) for line in lines if line.startswith("pid ")), 0)
        program = psutil.Process(pid)
        runner.kill()
    assert not psutil.wait_procs([program], timeout=TIMEOUT_S)[1]
