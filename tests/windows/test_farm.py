r"""A farm of Windows alone: brought up, rooms rendered from a path of C: to another one, suspended, resumed, ended."""

from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING, Any

import psutil
import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.windows.machine import WindowsMachine

pytestmark = pytest.mark.slow  # `make test-windows` runs it

CLI = ("-m", "frontburner.cli")
TIMEOUT_S = 1800
"""Wine starts Python slowly, and Prefect's server loads for longer than all else together."""
SMALL = ("--size", "64x48", "--samples", "4")
SUSPENDED = 4


def frontburner(machine: WindowsMachine, *words: str, code: int = 0) -> str:
    done = machine.run(*CLI, *words, timeout_s=TIMEOUT_S)
    assert done.returncode == code, done.stdout
    return done.stdout


def document(machine: WindowsMachine, *words: str) -> Any:
    """Return what a command prints as JSON, among what it says to people."""
    (line,) = (line for line in frontburner(machine, *words, "--json").splitlines() if line.startswith(("{", "[")))
    return json.loads(line)


def programs(machine: WindowsMachine) -> list[str]:
    """Return the farm's programs that run on a machine."""
    running = []
    for process in psutil.process_iter(["cmdline", "environ"]):
        if (process.info["environ"] or {}).get("WINEPREFIX") == str(machine.prefix):
            words = " ".join(process.info["cmdline"] or ())
            running += [words] if "python" in words or "weed" in words else []
    return running


@pytest.fixture(scope="module")
def farm(windows: WindowsMachine) -> Iterator[WindowsMachine]:
    """A machine on which a farm is up; none of its programs is left afterwards."""
    frontburner(windows, "farm", "up", "--nodes", "1", "--store", "seaweedfs")
    try:
        yield windows
    finally:
        frontburner(windows, "farm", "down")
    assert programs(windows) == []


def test_all_services_are_up(farm: WindowsMachine) -> None:
    shown = document(farm, "farm", "status")
    assert shown["healthy"]
    assert {part["name"] for part in shown["parts"]} == {"store", "prefect", "scheduler", "worker", "node-1"}


def test_a_room_is_rendered_from_one_folder_to_another(farm: WindowsMachine) -> None:
    frontburner(farm, "render", r"C:\frontburner\scenes\interior.xml", *SMALL, "--out", r"C:\pictures\still")
    pictures = {path.name for path in (farm.drive / "pictures" / "still").glob("interior.*")}
    assert pictures == {"interior.exr", "interior.png"}


def test_a_walk_is_suspended_and_resumed(farm: WindowsMachine) -> None:
    scene, out = r"C:\frontburner\scenes\walk.xml", r"C:\pictures\walk"
    slow = ("--size", "160x90", "--samples", "64")  # so that the command to suspend it comes in time
    words = ("render", scene, *slow, "--frames", "1-12", "--out", out, "--progress")
    with farm.start(*CLI, *words, stdout=subprocess.PIPE) as rendering:
        assert rendering.stdout is not None
        lines = (json.loads(line) for line in rendering.stdout if line.startswith(b"{"))
        assert any(line["what"] == "picture" for line in lines)
        (job,) = (job for job in document(farm, "job", "list") if job["state"] == "running")
        frontburner(farm, "job", "suspend", job["job_id"], "--now")
        *_, last = lines
    assert last["exit_code"] == SUSPENDED
    finished = document(farm, "job", "resume", job["job_id"])
    assert finished["frames"] == 12
    assert finished["reused_frames"] >= 1
    assert len(list((farm.drive / "pictures" / "walk").glob("*.png"))) == 12
